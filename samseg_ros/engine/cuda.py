# SPDX-License-Identifier: Apache-2.0
"""The memory and the stream of one engine on an NVIDIA GPU, through cuda-python."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from cuda.bindings import runtime as cudart

from samseg_ros.engine.engine import EngineError


@dataclass(frozen=True)
class Gpu:
    """`driver` is the newest CUDA that the driver knows, e.g. ``13.0``."""

    index: int
    name: str
    capability: str
    driver: str


def gpus() -> list[Gpu]:
    """The GPUs that can be used; none where there is no driver. EngineError where it does not serve."""
    version = _done(cudart.cudaDriverGetVersion())
    if not version:  # there is no driver
        return []
    driver = f"{version // 1000}.{version % 1000 // 10}"
    error, count = cudart.cudaGetDeviceCount()
    if error == cudart.cudaError_t.cudaErrorNoDevice:
        return []
    if error == cudart.cudaError_t.cudaErrorInsufficientDriver:
        major = version // 1000
        raise EngineError(
            f"cuda-python is newer than the driver, which knows CUDA {driver}; update the driver, or "
            f"pip install 'cuda-python<{major + 1}'."
        )
    _done((error,))
    found = []
    for index in range(count):
        properties = _done(cudart.cudaGetDeviceProperties(index))
        name = properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)
        capability = f"{properties.major}.{properties.minor}"
        found.append(Gpu(index, name.rstrip("\0").strip(), capability, driver))
    return found


def use(gpu: int) -> None:
    """Make it the GPU of this thread. EngineError if that cannot be."""
    _done(cudart.cudaSetDevice(gpu))


class Buffers:
    """Pinned host memory and device memory for the tensors of an engine, and a stream to work them on.

    `host` are the arrays; `device` the addresses. All is freed with the object.
    """

    def __init__(self, gpu: int, tensors: Mapping[str, tuple[tuple[int, ...], np.dtype]]) -> None:
        self._gpu = gpu
        self.host: dict[str, np.ndarray] = {}
        self.device: dict[str, int] = {}
        free: list[Callable[[], Any]] = []
        # In the reverse of their making: nothing is freed before what uses it.
        weakref.finalize(self, lambda: [one() for one in reversed(free)])
        self._free = free
        use(gpu)
        # Not the kind that waits for the default stream: while that is captured, no other thread can use it.
        created = cudart.cudaStreamCreateWithFlags(cudart.cudaStreamNonBlocking)
        self._stream = self._kept(created, cudart.cudaStreamDestroy)
        # Waiting on it sleeps; waiting on a stream would keep a CPU core busy that ROS has use for.
        flags = cudart.cudaEventBlockingSync | cudart.cudaEventDisableTiming
        self._finished = self._kept(cudart.cudaEventCreateWithFlags(flags), cudart.cudaEventDestroy)
        for name, (shape, dtype) in tensors.items():
            size = int(np.prod(shape)) * dtype.itemsize
            address = self._kept(cudart.cudaHostAlloc(size, cudart.cudaHostAllocDefault), cudart.cudaFreeHost)
            memory = (ctypes.c_uint8 * size).from_address(int(address))
            self.host[name] = np.ctypeslib.as_array(memory).view(dtype).reshape(shape)
            self.device[name] = int(self._kept(cudart.cudaMalloc(size), cudart.cudaFree))
        free.append(partial(cudart.cudaStreamSynchronize, self._stream))  # of copies that are under way

    @property
    def stream(self) -> int:
        return int(self._stream)

    def upload(self, name: str) -> None:
        """Queue the copy of one tensor to the device."""
        self._copy(self.device[name], name, self.host[name].ctypes.data, "cudaMemcpyHostToDevice")

    def download(self, name: str) -> None:
        """Queue the copy of one tensor from the device."""
        self._copy(self.host[name].ctypes.data, name, self.device[name], "cudaMemcpyDeviceToHost")

    def captured(self, queue: Callable[[], None]) -> Callable[[], None]:
        """What queues all that `queue` does at once, as a CUDA graph; EngineError where that cannot be."""
        mode = cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        _done(cudart.cudaStreamBeginCapture(self._stream, mode))
        try:
            queue()
        finally:
            error, graph = cudart.cudaStreamEndCapture(self._stream)
        _done((error,))
        instantiated = cudart.cudaGraphInstantiate(graph, 0)
        _done(cudart.cudaGraphDestroy(graph))
        replay = self._kept(instantiated, cudart.cudaGraphExecDestroy)
        return lambda: _done(cudart.cudaGraphLaunch(replay, self._stream))

    def wait(self) -> None:
        """Until all that was queued is done."""
        _done(cudart.cudaEventRecord(self._finished, self._stream))
        _done(cudart.cudaEventSynchronize(self._finished))

    def _copy(self, to: int, name: str, source: int, kind: str) -> None:
        direction = getattr(cudart.cudaMemcpyKind, kind)
        _done(cudart.cudaMemcpyAsync(to, source, self.host[name].nbytes, direction, self._stream))

    def _kept(self, made: tuple[Any, ...], free: Callable[[Any], Any]) -> Any:
        value = _done(made)
        self._free.append(lambda: free(value))
        return value


def _done(result: tuple[Any, ...]) -> Any:
    """What a call returned beside its error code; EngineError if it failed."""
    error, *values = result
    if error != cudart.cudaError_t.cudaSuccess:
        said = cudart.cudaGetErrorString(error)[1]
        raise EngineError(f"CUDA failed: {said.decode() if isinstance(said, bytes) else said}.")
    return values[0] if values else None
