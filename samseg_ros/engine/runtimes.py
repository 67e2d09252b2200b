# SPDX-License-Identifier: Apache-2.0
"""Which runtimes there are, and which one runs a bundle."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from samseg_ros.bundle import Bundle
from samseg_ros.engine.acceptance import MIN_AGREEMENT, Reference, first_accepted
from samseg_ros.engine.engine import PRECISIONS, Engine, EngineError, Tell, log, precision_tools
from samseg_ros.engine.plans import Plans


@dataclass(frozen=True)
class Runtime:
    """`module` is what Python imports, `packages` what pip installs; on NVIDIA GPUs alone if `gpu`."""

    module: str
    packages: str
    gpu: bool = False


# In the order in which "auto" prefers them.
RUNTIMES = {
    "tensorrt": Runtime("tensorrt", "tensorrt cuda-python onnx onnxruntime", gpu=True),
    "tensorrt_rtx": Runtime(
        "tensorrt_rtx_bindings",
        "tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings cuda-python onnx onnxruntime",
        gpu=True,
    ),
    "openvino": Runtime("openvino", "openvino"),
    "onnxruntime": Runtime("onnxruntime", "onnxruntime"),
}


def installed() -> list[str]:
    """The installed runtimes, best first."""
    return [name for name, runtime in RUNTIMES.items() if find_spec(runtime.module) is not None]


def available() -> list[str]:
    """Those of the installed runtimes that this machine has the hardware for, best first."""
    return [name for name in installed() if not RUNTIMES[name].gpu or (_drives_gpus() and nvidia_gpu())]


def load(
    bundle: Bundle,
    device: str = "auto",
    runtime: str = "auto",
    threads: int = 0,
    precision: str = "auto",
    min_agreement: float = MIN_AGREEMENT,
    tell: Tell = log,
) -> Engine:
    """Make a bundle ready to run.

    `device` is ``auto`` or a name that the runtime knows: ``GPU``, ``GPU:1``, ``DLA`` of TensorRT; ``CPU``,
    ``GPU``, ``NPU`` of OpenVINO; ``CPU``, ``GPU``, ``TENSORRT`` of ONNX Runtime. `runtime` is ``auto`` or one
    of RUNTIMES; `threads` of 0 leaves the number to the runtime. `precision` is one of PRECISIONS; auto is
    what is fast and usual on the device. On NVIDIA GPUs, in int8, and where ONNX Runtime computes in less
    than fp32, the engine must agree with the reference on `min_agreement` of the confident pixels; else a
    more exact one is made. `tell` hears what is going on, which may take minutes.

    Raises EngineError where no runtime is installed, the one asked for is not, or it cannot run the bundle.
    """
    if runtime not in ("auto", *RUNTIMES):
        raise EngineError(f"runtime '{runtime}' is unknown; choose one of: auto, {', '.join(RUNTIMES)}.")
    if precision not in PRECISIONS:
        raise EngineError(f"precision '{precision}' is unknown; choose one of: {', '.join(PRECISIONS)}.")
    device = device.upper()
    if runtime == "auto":
        runtime = _best(device)
    elif runtime not in installed():
        raise EngineError(f"runtime '{runtime}' is not installed; pip install {RUNTIMES[runtime].packages}.")
    if RUNTIMES[runtime].gpu:
        if not _drives_gpus():
            raise EngineError(f"{runtime} needs cuda-python; pip install cuda-python.")
        from samseg_ros.engine import tensorrt

        place = "GPU" if device == "AUTO" else device
        return tensorrt.load(bundle, runtime, place, precision, min_agreement, tell)
    if runtime == "openvino":
        place = "CPU" if device == "AUTO" else device
        return _openvino(bundle, place, threads, precision, min_agreement, tell)
    if device == "AUTO":
        device = "GPU" if _onnxruntime_on_gpu() else "CPU"
    return _onnxruntime(bundle, device, threads, precision, min_agreement, tell)


@cache
def nvidia_gpu() -> bool:
    """Whether there is an NVIDIA GPU with its driver; asks the driver itself, which needs no package."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def _best(device: str) -> str:
    usable = available()
    if not usable:
        raise EngineError("no inference runtime is installed; pip install openvino.")
    if device.startswith(("CPU", "NPU")):
        usable = [name for name in usable if not RUNTIMES[name].gpu] or usable
    # A GPU beats the fastest runtime of a CPU.
    may_be_gpu = device == "AUTO" or device.startswith(("GPU", "TENSORRT"))
    if not RUNTIMES[usable[0]].gpu and may_be_gpu and "onnxruntime" in usable and _onnxruntime_on_gpu():
        return "onnxruntime"
    return usable[0]


def _drives_gpus() -> bool:
    try:
        return find_spec("cuda.bindings") is not None
    except ModuleNotFoundError:  # find_spec imports what is above the dot
        return False


def _onnxruntime_on_gpu() -> bool:
    if not nvidia_gpu():
        return False
    from samseg_ros.engine import onnxruntime

    return "GPU" in onnxruntime.devices()


def _openvino(
    bundle: Bundle, device: str, threads: int, precision: str, min_agreement: float, tell: Tell
) -> Engine:
    from samseg_ros.engine.openvino import OpenVINOEngine

    if precision != "int8":
        return OpenVINOEngine(bundle, device, threads, precision)

    def make(step: str) -> Engine:
        if step == "int8":
            return OpenVINOEngine(bundle, device, threads, graph=Plans().quantised(bundle, tell))
        return OpenVINOEngine(bundle, device, threads, step)

    return _accepted(bundle, precision, min_agreement, make, tell)


def _onnxruntime(
    bundle: Bundle, device: str, threads: int, precision: str, min_agreement: float, tell: Tell
) -> Engine:
    from samseg_ros.engine.onnxruntime import ONNXRuntimeEngine

    asked = precision
    if asked == "auto":
        asked = "fp32" if device == "CPU" else "fp16"
    if (device, asked) == ("CPU", "fp32"):  # the reference itself
        return ONNXRuntimeEngine(bundle, device, threads)

    def make(step: str) -> Engine:
        return ONNXRuntimeEngine(bundle, device, threads, step, _graph(bundle, step, tell))

    return _accepted(bundle, asked, min_agreement, make, tell)


def _accepted(
    bundle: Bundle, precision: str, min_agreement: float, make: Callable[[str], Engine], tell: Tell
) -> Engine:
    """The first engine that `make` makes of a step on the way from `precision` that agrees enough."""
    reference = Reference(bundle)

    def attempt(step: str) -> tuple[Engine, float]:
        tell(f"loading the engine, {step}")
        made = make(step)
        tell(f"checking the engine, {step}")
        return made, reference.agreement(made)

    return first_accepted(precision, min_agreement, attempt, tell)


def _graph(bundle: Bundle, step: str, tell: Tell) -> bytes | None:
    """The graph with the types of `step`; None is the bundle's own."""
    if step == "fp32":
        return None
    precision = precision_tools(step)
    graph = Plans().quantised(bundle, tell) if step == "int8" else bundle.graph.read_bytes()
    return precision.typed(graph, step)
