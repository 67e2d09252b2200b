# SPDX-License-Identifier: Apache-2.0
"""TensorRT 8.6, 10 and 11 (``tensorrt``), and TensorRT-RTX (``tensorrt_rtx_bindings``): for NVIDIA GPUs.

One API but for this. Since 10 a network may be strongly typed: it computes in the types that its graph has;
11 and RTX know nothing else. 8.6, and 10 for a DLA, take the graph in fp32 and flags that allow less. 8.6
must be told that batches are explicit. RTX builds without a GPU.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from samseg_ros.bundle import Bundle
from samseg_ros.engine import cuda
from samseg_ros.engine.acceptance import Reference, first_accepted_plan
from samseg_ros.engine.engine import (
    ATTENTION_FP32,
    Engine,
    EngineError,
    Prediction,
    Tell,
    check_inputs,
    log,
    precision_tools,
)
from samseg_ros.engine.plans import Key, Plans

WARM_UP = 3  # inferences before they are captured as a graph: the first ones load and choose kernels


def load(
    bundle: Bundle, runtime: str, device: str, precision: str, min_agreement: float, tell: Tell
) -> Engine:
    """An engine that agrees with the reference, of the user's plans or of one that is built now.

    `device` is ``GPU``, ``GPU:1``, ``DLA``, ``DLA:1``, …; `precision` one of PRECISIONS, where auto is fp16.
    EngineError where there is no such device, or nothing agrees.
    """
    plans = Plans()
    builder = TensorRT(bundle, runtime, device, plans, tell)
    asked = "fp16" if precision == "auto" else precision
    return first_accepted_plan(builder, plans, Reference(bundle), asked, min_agreement, tell)


class TensorRT:
    """Plans of a bundle, and engines of plans, on one GPU or on a DLA core beside it."""

    def __init__(self, bundle: Bundle, runtime: str, device: str, plans: Plans, tell: Tell) -> None:
        self._bundle = bundle
        self._runtime = runtime
        self._trt = module(runtime)
        self._gpu, self._dla = _place(device)
        self._quantised = lambda: plans.quantised(bundle, tell)
        self.driver = self._gpu.driver

    def key(self, step: str) -> Key:
        graph = self._bundle.sha256
        if step == "int8":
            graph = hashlib.sha256(self._quantised()).hexdigest()
        device = self._gpu.name if self._dla is None else f"{self._gpu.name} DLA {self._dla}"
        return Key(graph, self._runtime, self._trt.__version__, device, self._gpu.capability, step)

    def build(self, step: str) -> bytes:
        cuda.use(self._gpu.index)
        graph = self._quantised() if step == "int8" else self._bundle.graph.read_bytes()
        return build(self._trt, graph, step, self._dla, here=True)

    def engine(self, plan: bytes, step: str) -> Engine:
        return TensorRTEngine(self._bundle, self._runtime, plan, step, self._gpu, self._dla)


class TensorRTEngine:
    """A plan on its GPU, with a stream of its own; where it can, one CUDA graph from upload to download."""

    def __init__(
        self, bundle: Bundle, runtime: str, plan: bytes, step: str, gpu: cuda.Gpu, dla: int | None = None
    ) -> None:
        trt = module(runtime)
        self._bundle, self._gpu = bundle, gpu
        self.runtime, self.version, self.precision, self.fallback = runtime, trt.__version__, step, ""
        self.device = gpu.name if dla is None else f"{gpu.name} DLA {dla}"
        cuda.use(gpu.index)
        self._log = _log(trt)
        self._loader = trt.Runtime(self._log)
        if dla is not None:
            self._loader.DLA_core = dla
        self._engine = self._loader.deserialize_cuda_engine(plan)
        self._context: Any = self._engine.create_execution_context() if self._engine is not None else None
        if self._context is None:
            raise EngineError(f"{runtime} cannot load the plan: {self._log.said()}.")
        tensors = self._tensors(trt)
        self._buffers = cuda.Buffers(gpu.index, tensors)
        for name in tensors:
            self._context.set_tensor_address(name, self._buffers.device[name])
        self._run: Callable[[], object] = self._queue
        for _ in range(WARM_UP):
            self._queue()
        self._buffers.wait()
        can = getattr(self._context, "is_stream_capturable", None)  # RTX alone has this
        if can is None or can(self._buffers.stream):
            try:
                self._run = self._buffers.captured(self._queue)
            except EngineError as error:
                log(f"the engine runs without a CUDA graph: {error}")

    def infer(self, **inputs: np.ndarray) -> Prediction:
        check_inputs(self._bundle, inputs)
        cuda.use(self._gpu.index)  # of this thread
        for name, array in inputs.items():
            np.copyto(self._buffers.host[name], array)
        self._run()
        self._buffers.wait()
        # Copies: the memory goes with the engine, and who called may keep the answer for longer.
        return Prediction(*(self._buffers.host[name].copy() for name in Prediction._fields))

    def _queue(self) -> None:
        for name in self._bundle.inputs:
            self._buffers.upload(name)
        if not self._context.execute_async_v3(self._buffers.stream):
            raise EngineError(f"{self.runtime} cannot run the plan: {self._log.said()}.")
        for name in Prediction._fields:
            self._buffers.download(name)

    def _tensors(self, trt: Any) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Shape and dtype of each input and output; EngineError unless they are the bundle's."""
        height, width = self._bundle.size
        all_shapes = {"image": (height, width, 3), "present": (2,)}
        expected = {
            name: (all_shapes.get(name, (height, width)), np.dtype("f4" if name == "present" else "u1"))
            for name in (*self._bundle.inputs, *Prediction._fields)
        }
        dtypes = {trt.uint8: np.dtype("u1"), trt.float32: np.dtype("f4")}
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        found = {
            name: (
                tuple(self._engine.get_tensor_shape(name)),
                dtypes.get(self._engine.get_tensor_dtype(name)),
            )
            for name in names
        }
        if found != expected:
            raise EngineError(f"the plan has other inputs and outputs than bundle '{self._bundle.name}'.")
        return expected


def build(trt: Any, graph: bytes, step: str, dla: int | None = None, here: bool = False) -> bytes:
    """The plan of an ONNX graph, fp32 or (for int8) quantised, computing as `step` says.

    With `here` it is for the present GPU, as plans always are but those of RTX. EngineError says why not.
    """
    errors = _log(trt)
    try:
        builder = trt.Builder(errors)
    except TypeError as error:  # what its bindings make of a null pointer
        raise EngineError(f"{trt.__name__} cannot build: {errors.said()}.") from error
    flags, creation = trt.BuilderFlag, trt.NetworkDefinitionCreationFlag
    # The version of RTX counts anew, from 1.
    is_8 = hasattr(flags, "FP16") and int(trt.__version__.split(".")[0]) < 10
    by_flags = is_8 or (dla is not None and hasattr(flags, "FP16"))
    created = 0
    if is_8:
        created = 1 << int(creation.EXPLICIT_BATCH)
    elif not by_flags:
        created = 1 << int(creation.STRONGLY_TYPED)
    network = builder.create_network(created)
    config = builder.create_builder_config()
    if step == "fp32":
        config.clear_flag(flags.TF32)  # the last resort, where nothing less exact agreed
    parser = trt.OnnxParser(network, errors)
    if not parser.parse(graph if by_flags else _typed(graph, step)):
        reason = parser.get_error(0).desc() if parser.num_errors else errors.said()
        raise EngineError(f"{trt.__name__} cannot read the graph: {' '.join(reason.split()).rstrip('.')}.")
    if by_flags:
        _allow(trt, network, config, graph, step)
    if dla is not None:
        if dla >= builder.num_DLA_cores:
            raise EngineError(f"there is no DLA core {dla}; this machine has {builder.num_DLA_cores}.")
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = dla
        config.set_flag(flags.GPU_FALLBACK)
    if here and hasattr(config, "num_compute_capabilities"):  # RTX: or the plan would be for many GPUs
        config.num_compute_capabilities = 1
        config.set_compute_capability(trt.ComputeCapability.CURRENT, 0)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"{trt.__name__} cannot build the graph in {step}: {errors.said()}.")
    return bytes(plan)


def module(runtime: str) -> Any:
    """The Python module of ``tensorrt`` or ``tensorrt_rtx``; EngineError where it cannot be imported."""
    try:
        if runtime == "tensorrt":
            import tensorrt

            return tensorrt
        import tensorrt_rtx_bindings

        return tensorrt_rtx_bindings
    except (ImportError, OSError) as error:
        raise EngineError(f"{runtime} cannot be imported: {error}.") from error


def _place(device: str) -> tuple[cuda.Gpu, int | None]:
    """The GPU, and the DLA core if that is meant."""
    match = re.fullmatch(r"(GPU|DLA)(?::(\d+))?", device)
    if match is None:
        raise EngineError(f"device '{device}' is unknown to TensorRT; choose GPU, GPU:1, … or DLA, DLA:1, ….")
    number = int(match[2] or 0)
    gpus = cuda.gpus()
    if not gpus or (match[1] == "GPU" and number >= len(gpus)):
        there = ", ".join(f"GPU:{gpu.index} ({gpu.name})" for gpu in gpus) or "none"
        raise EngineError(f"there is no NVIDIA GPU {number} here; there is: {there}.")
    return (gpus[number], None) if match[1] == "GPU" else (gpus[0], number)


def _typed(graph: bytes, step: str) -> bytes:
    if step == "fp32":
        return graph
    return precision_tools(step).typed(graph, step)


def _allow(trt: Any, network: Any, config: Any, graph: bytes, step: str) -> None:
    """Where a network is not strongly typed: the flags for `step`, and fp32 for the layers of attention."""
    flags = trt.BuilderFlag
    if step == "bf16" and not hasattr(flags, "BF16"):
        raise EngineError(f"TensorRT {trt.__version__} does not know bf16.")
    if step == "bf16":
        config.set_flag(flags.BF16)
    elif step != "fp32":
        config.set_flag(flags.FP16)
    if step == "int8":
        config.set_flag(flags.INT8)
    if step == ATTENTION_FP32:
        config.set_flag(flags.OBEY_PRECISION_CONSTRAINTS)
        attention = precision_tools(step).attention_of(graph)
        for layer in (network.get_layer(i) for i in range(network.num_layers)):
            if layer.num_outputs and layer.get_output(0).name in attention:
                layer.precision = trt.float32
                layer.set_output_type(0, trt.float32)


def _log(trt: Any) -> Any:
    """A logger that keeps errors for the sentence that we say, and lets nothing onto the terminal."""

    class Log(trt.ILogger):
        def __init__(self) -> None:
            super().__init__()
            self._errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
                self._errors.append(" ".join(message.split()))

        def said(self) -> str:
            return self._errors[-1].rstrip(".") if self._errors else "it does not say why"

    return Log()
