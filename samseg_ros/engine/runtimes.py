# SPDX-License-Identifier: Apache-2.0
"""Which runtimes there are, and which one runs a bundle."""

from __future__ import annotations

from importlib.util import find_spec

from samseg_ros.bundle import Bundle
from samseg_ros.engine.engine import Engine, EngineError

# In the order in which "auto" prefers them; each is an optional extra of the same name.
RUNTIMES = {"openvino": "openvino", "onnxruntime": "onnx"}


def available() -> list[str]:
    """The installed runtimes, best first."""
    return [runtime for runtime in RUNTIMES if find_spec(runtime) is not None]


def load(bundle: Bundle, device: str = "auto", runtime: str = "auto", threads: int = 0) -> Engine:
    """Make a bundle ready to run.

    `device` is ``auto`` or a name that the runtime knows (``CPU``; ``GPU`` or ``NPU`` for OpenVINO);
    `runtime` is ``auto`` or one of RUNTIMES; `threads` of 0 leaves the number to the runtime. Raises
    EngineError where no runtime is installed, the one asked for is not, or it cannot run the bundle.
    """
    if runtime not in ("auto", *RUNTIMES):
        raise EngineError(f"runtime '{runtime}' is unknown; choose auto, {' or '.join(RUNTIMES)}.")
    usable = available()
    if runtime == "auto":
        if not usable:
            raise EngineError("no inference runtime is installed; pip install 'samseg_ros[openvino]'.")
        runtime = usable[0]
    elif runtime not in usable:
        raise EngineError(
            f"runtime '{runtime}' is not installed; pip install 'samseg_ros[{RUNTIMES[runtime]}]'."
        )
    device = "CPU" if device == "auto" else device.upper()
    if runtime == "openvino":
        from samseg_ros.engine.openvino import OpenVINOEngine

        return OpenVINOEngine(bundle, device, threads)
    from samseg_ros.engine.onnxruntime import ONNXRuntimeEngine

    return ONNXRuntimeEngine(bundle, device, threads)
