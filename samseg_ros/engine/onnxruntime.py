# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: runs everywhere, and is the reference that other runtimes are compared with.

Its packages for GPUs (onnxruntime-gpu) run here too, through CUDA or, on request, through TensorRT, of which
nothing is kept from one start to the next.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import onnxruntime as ort

from samseg_ros.bundle import Bundle
from samseg_ros.engine.engine import EngineError, Prediction, check_inputs

PROVIDERS = {
    "CPU": "CPUExecutionProvider",
    "GPU": "CUDAExecutionProvider",
    "TENSORRT": "TensorrtExecutionProvider",
}


def devices() -> list[str]:
    """The devices that this package of ONNX Runtime was built for, whether or not they are there."""
    built_for = ort.get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in built_for]


class ONNXRuntimeEngine:
    runtime = "onnxruntime"

    def __init__(
        self,
        bundle: Bundle,
        device: str = "CPU",
        threads: int = 0,
        precision: str = "fp32",
        graph: bytes | None = None,
    ) -> None:
        """`device` is ``CPU``, ``GPU``, ``GPU:1``, … or ``TENSORRT``; `threads` of 0 leaves the number to
        ONNX Runtime; `graph` stands in for the bundle's, with the types of that `precision`.

        EngineError where it cannot run.
        """
        kind, _, number = device.partition(":")
        if kind not in PROVIDERS or (number and not number.isdecimal()):
            raise EngineError(f"device '{device}' is unknown to ONNX Runtime; choose {', '.join(PROVIDERS)}.")
        if kind not in devices():
            raise EngineError(
                f"this package of ONNX Runtime cannot use device '{device}'; pip install onnxruntime-gpu."
            )
        self._bundle = bundle
        self.version, self.device, self.precision, self.fallback = ort.__version__, device, precision, ""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # warnings about graph clean-ups say nothing to a user
        providers: list[tuple[str, dict[str, str]]] = [(PROVIDERS["CPU"], {})]
        if kind != "CPU":
            providers.insert(0, (PROVIDERS["GPU"], {"device_id": number or "0", "use_tf32": "0"}))
        if kind == "TENSORRT":
            providers.insert(0, (PROVIDERS[kind], {"device_id": number or "0"}))
        if kind != "CPU" and hasattr(ort, "preload_dlls") and find_spec("nvidia") is not None:
            ort.preload_dlls(msvc=False)  # CUDA and cuDNN may have come by pip, where it does not look itself
        try:
            # Without its fallback, which goes on with other devices than it was told.
            self._session = ort.InferenceSession(
                graph or bundle.graph, options, providers=providers, enable_fallback=0
            )
        except Exception as error:  # the runtime's own exception types share no public base
            raise EngineError(
                f"ONNX Runtime cannot load bundle '{bundle.name}': {str(error).strip().splitlines()[-1]}"
            ) from error
        if PROVIDERS[kind] not in self._session.get_providers():  # it goes on without, and only warns
            raise EngineError(
                f"ONNX Runtime cannot use device '{device}': it finds no GPU or not all of CUDA."
            )

    def infer(self, **inputs: np.ndarray) -> Prediction:
        check_inputs(self._bundle, inputs)
        try:
            return Prediction(*self._session.run(["labels", "confidence"], inputs))
        except Exception as error:  # as above
            raise EngineError(
                f"ONNX Runtime cannot run on device '{self.device}': {str(error).strip().splitlines()[-1]}"
            ) from error
