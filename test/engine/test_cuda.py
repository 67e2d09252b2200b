# SPDX-License-Identifier: Apache-2.0
"""Memory and streams on a CUDA runtime that is only pretended, and on a GPU where there is one."""

from __future__ import annotations

import ctypes
import gc
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("cuda", reason="cuda-python is not installed; pip install 'samseg_ros[tensorrt]'")

from samseg_ros.engine import EngineError, cuda
from samseg_ros.engine.runtimes import nvidia_gpu

TENSORS = {"image": ((2, 3), np.dtype(np.uint8)), "present": ((2,), np.dtype(np.float32))}

needs_gpu = pytest.mark.skipif(not nvidia_gpu(), reason="no NVIDIA GPU here")


class Pretended:
    """The calls that Buffers makes, on ordinary memory; a stream does its work when it is waited for."""

    def __init__(self) -> None:
        self.real = cuda.cudart
        self.log: list[str] = []
        self.queue: list = []
        self.capture: list | None = None
        self.memory: dict[int, ctypes.Array] = {}

    def __getattr__(self, name: str):
        if not name.startswith("cuda"):
            raise AttributeError(name)
        own = getattr(type(self), f"do_{name}", None)
        if own is not None:
            return lambda *given: (self.real.cudaError_t.cudaSuccess, *own(self, *given))
        if name in ("cudaError_t", "cudaGetErrorString") or not callable(getattr(self.real, name)):
            return getattr(self.real, name)
        if name.endswith(("Kind", "Mode")):
            return getattr(self.real, name)
        # Whatever has no result but must be there in the real runtime.
        return lambda *given: (self.log.append(name) or self.real.cudaError_t.cudaSuccess,)

    def allocate(self, size: int) -> tuple[int]:
        block = (ctypes.c_uint8 * size)()
        self.memory[ctypes.addressof(block)] = block
        return (ctypes.addressof(block),)

    def free(self, address: int) -> tuple:
        del self.memory[address]
        return ()

    def add(self, work) -> tuple:
        (self.queue if self.capture is None else self.capture).append(work)
        return ()

    do_cudaMalloc = allocate
    do_cudaFree = do_cudaFreeHost = free

    def do_cudaHostAlloc(self, size, flags):
        return self.allocate(size)

    def do_cudaStreamCreateWithFlags(self, flags):
        assert flags == self.real.cudaStreamNonBlocking
        return (7,)

    def do_cudaEventCreateWithFlags(self, flags):
        return (8,)

    def do_cudaMemcpyAsync(self, to, source, size, kind, stream):
        assert stream == 7
        return self.add(lambda: ctypes.memmove(to, source, size))

    def do_cudaStreamBeginCapture(self, stream, mode):
        self.capture = []
        return ()

    def do_cudaStreamEndCapture(self, stream):
        captured, self.capture = self.capture, None
        return (captured,)

    def do_cudaGraphInstantiate(self, graph, flags):
        return (graph,)

    def do_cudaGraphLaunch(self, graph, stream):
        self.queue += graph
        return ()

    def do_cudaEventSynchronize(self, event):
        for work in self.queue:
            work()
        self.queue.clear()
        return ()


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    runtime = Pretended()
    monkeypatch.setattr(cuda, "cudart", runtime)
    return runtime


def on_device(buffers: cuda.Buffers, name: str) -> np.ndarray:
    shape, dtype = TENSORS[name]
    size = int(np.prod(shape)) * dtype.itemsize
    memory = (ctypes.c_uint8 * size).from_address(buffers.device[name])
    return np.ctypeslib.as_array(memory).view(dtype).reshape(shape)


def test_what_is_uploaded_comes_back(pretended: Pretended) -> None:
    buffers = cuda.Buffers(0, TENSORS)
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.copyto(buffers.host["image"], image)
    np.copyto(buffers.host["present"], [1.0, 0.5])
    buffers.upload("image")
    buffers.upload("present")
    buffers.wait()
    np.testing.assert_array_equal(on_device(buffers, "image"), image)
    np.testing.assert_array_equal(on_device(buffers, "present"), [1.0, 0.5])
    on_device(buffers, "image")[:] = 9
    buffers.download("image")
    buffers.wait()
    assert (buffers.host["image"] == 9).all()
    assert buffers.stream == 7


def test_what_is_captured_is_done_at_each_replay(pretended: Pretended) -> None:
    buffers = cuda.Buffers(0, TENSORS)
    replay = buffers.captured(lambda: buffers.upload("image"))
    buffers.wait()
    assert not on_device(buffers, "image").any()
    for value in (3, 4):
        buffers.host["image"][:] = value
        replay()
        buffers.wait()
        assert (on_device(buffers, "image") == value).all()


def test_a_capture_that_fails_is_ended(pretended: Pretended) -> None:
    buffers = cuda.Buffers(0, TENSORS)

    def fail() -> None:
        raise EngineError("no.")

    with pytest.raises(EngineError, match="no"):
        buffers.captured(fail)
    assert pretended.capture is None


def test_all_is_freed_with_it(pretended: Pretended) -> None:
    buffers = cuda.Buffers(0, TENSORS)
    buffers.captured(lambda: None)
    assert len(pretended.memory) == 2 * len(TENSORS)
    del buffers
    gc.collect()
    assert pretended.memory == {}
    destroyed = [name for name in pretended.log if "Destroy" in name and name != "cudaGraphDestroy"]
    assert destroyed == ["cudaGraphExecDestroy", "cudaEventDestroy", "cudaStreamDestroy"]


def test_a_call_that_fails_is_one_sentence(pretended: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = pretended.real.cudaError_t.cudaErrorMemoryAllocation
    monkeypatch.setattr(Pretended, "cudaMalloc", lambda self, size: (failed, None), raising=False)
    with pytest.raises(EngineError, match=r"CUDA failed: out of memory\.$"):
        cuda.Buffers(0, TENSORS)
    gc.collect()
    assert pretended.memory == {}


def test_gpus_are_named(pretended: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(name=b"Orin (nvgpu)\0", major=8, minor=7)
    for name, answer in {
        "cudaGetDeviceCount": 1,
        "cudaDriverGetVersion": 12060,
        "cudaGetDeviceProperties": found,
    }.items():
        monkeypatch.setattr(Pretended, f"do_{name}", lambda self, *_, answer=answer: (answer,), raising=False)
    assert cuda.gpus() == [cuda.Gpu(0, "Orin (nvgpu)", "8.7", "12.6")]


def test_a_driver_that_is_too_old_is_not_taken_for_none(
    pretended: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = pretended.real.cudaError_t.cudaErrorInsufficientDriver
    monkeypatch.setattr(Pretended, "do_cudaDriverGetVersion", lambda self: (12060,), raising=False)
    monkeypatch.setattr(Pretended, "cudaGetDeviceCount", lambda self: (failed, 0), raising=False)
    with pytest.raises(
        EngineError, match=r"knows CUDA 12\.6; update the driver, or pip install 'cuda-python<13'"
    ):
        cuda.gpus()


@pytest.mark.skipif(nvidia_gpu(), reason="there is an NVIDIA GPU here")
def test_without_a_driver_there_are_no_gpus() -> None:
    assert cuda.gpus() == []


@needs_gpu
def test_a_round_trip_on_the_gpu() -> None:
    buffers = cuda.Buffers(cuda.gpus()[0].index, TENSORS)
    buffers.host["image"][:] = 5

    def there_and_back() -> None:
        buffers.upload("image")
        buffers.download("image")

    replay = buffers.captured(there_and_back)
    replay()
    buffers.wait()
    assert (buffers.host["image"] == 5).all()
