# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: runs everywhere, and is the reference that other runtimes are compared with."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from samseg_ros.bundle import Bundle
from samseg_ros.engine.engine import EngineError, Prediction, check_inputs


class ONNXRuntimeEngine:
    runtime = "onnxruntime"
    precision = "fp32"

    def __init__(self, bundle: Bundle, device: str = "CPU", threads: int = 0) -> None:
        """`threads` of 0 leaves the number to ONNX Runtime. EngineError where it cannot run the graph."""
        if device != "CPU":
            raise EngineError(f"ONNX Runtime is used on the CPU alone here; device '{device}' is not.")
        self._bundle = bundle
        self.version = ort.__version__
        self.device = device
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # warnings about graph clean-ups say nothing to a user
        try:
            self._session = ort.InferenceSession(bundle.graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's own exception types share no public base
            raise EngineError(
                f"ONNX Runtime cannot load bundle '{bundle.name}': {str(error).strip().splitlines()[-1]}"
            ) from error

    def infer(self, **inputs: np.ndarray) -> Prediction:
        check_inputs(self._bundle, inputs)
        return Prediction(*self._session.run(["labels", "confidence"], inputs))
