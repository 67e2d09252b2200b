# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: the fastest runtime on a CPU, and on Intel GPUs and NPUs."""

from __future__ import annotations

import numpy as np
import openvino as ov

from samseg_ros.bundle import Bundle
from samseg_ros.engine.engine import EngineError, Prediction, check_inputs

# OpenVINO makes its tables of dtypes when they are first used, and hangs for ever where two threads do so at
# once, such as those of two cameras. An import is the work of one thread.
ov.Type.u8.to_dtype()
ov.Type(np.dtype(np.uint8))

_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}


class OpenVINOEngine:
    runtime = "openvino"
    fallback = ""

    def __init__(
        self,
        bundle: Bundle,
        device: str = "CPU",
        threads: int = 0,
        precision: str = "auto",
        graph: bytes | None = None,
    ) -> None:
        """`threads` of 0 leaves the number to OpenVINO, `precision` auto takes what is fast on the device.
        `graph` stands in for the bundle's: quantised, for int8, and `precision` is that of the rest.

        EngineError where the device cannot run the graph.
        """
        if precision not in ("auto", *_HINTS):
            raise EngineError(f"OpenVINO is not used in {precision}; choose auto, {', '.join(_HINTS)}, int8.")
        self._bundle = bundle
        self.version = ov.__version__.split("-")[0]
        core = ov.Core()
        settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
        if device == "CPU":
            if precision == "auto":
                # bf16 pays only where the CPU has instructions for it; OpenVINO lists it exactly there.
                has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
                precision = "bf16" if has_bf16 else "fp32"
            if threads:
                settings["INFERENCE_NUM_THREADS"] = threads
        if precision != "auto":
            settings["INFERENCE_PRECISION_HINT"] = _HINTS[precision]
        try:
            compiled = core.compile_model(core.read_model(graph or bundle.graph), device, settings)
        except RuntimeError as error:
            raise EngineError(
                f"OpenVINO cannot run bundle '{bundle.name}' on {device}: "
                f"{str(error).strip().splitlines()[-1]}"
            ) from error
        self.device = device
        used = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        used = next((name for name, hint in _HINTS.items() if hint == used), used)
        self.precision = used if graph is None else "int8"
        self._request = compiled.create_infer_request()

    def infer(self, **inputs: np.ndarray) -> Prediction:
        check_inputs(self._bundle, inputs)
        try:
            self._request.infer(inputs, share_inputs=True)
        except RuntimeError as error:
            raise EngineError(
                f"OpenVINO cannot run on device '{self.device}': {str(error).strip().splitlines()[-1]}"
            ) from error
        return Prediction(
            self._request.get_tensor("labels").data, self._request.get_tensor("confidence").data
        )
