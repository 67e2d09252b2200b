# SPDX-License-Identifier: Apache-2.0
"""Plans are built for real with TensorRT-RTX, which needs no GPU; they run where there is one."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("cuda", reason="cuda-python is not installed; pip install 'samseg_ros[tensorrt]'")

from engine.small_network import write_small_network

from samseg_ros import bundle, engine
from samseg_ros.engine import EngineError, tensorrt
from samseg_ros.engine.cuda import Gpu
from samseg_ros.engine.engine import ATTENTION_FP32
from samseg_ros.engine.plans import Plan, Plans, calibrated
from samseg_ros.engine.runtimes import nvidia_gpu

MakeBundle = Callable[..., bundle.Bundle]
SHIPPED = sorted(bundle.installed())
GPU = Gpu(0, "NVIDIA RTX 9000", "12.0", "13.0")

on_gpus = [name for name in engine.available() if engine.RUNTIMES[name].gpu]
needs_gpu = pytest.mark.skipif(not on_gpus, reason="no NVIDIA GPU here, or no TensorRT")


@pytest.fixture(scope="module")
def rtx():
    reason = "TensorRT-RTX is not installed; pip install 'samseg_ros[tensorrt-rtx]'"
    return pytest.importorskip("tensorrt_rtx_bindings", reason=reason)


# What needs no GPU.


@pytest.mark.parametrize("step", ["fp32", "fp16", ATTENTION_FP32, "bf16"])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_bundle_can_be_built(rtx, name: str, step: str) -> None:
    pytest.importorskip("onnx")
    plan = tensorrt.build(rtx, bundle.load(name).graph.read_bytes(), step)
    assert len(plan) > 1_000_000


def test_a_calibrated_graph_can_be_built(rtx, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from samseg_ros.engine.probes import probes
    from samseg_ros.engine.quantization import quantised

    small = write_small_network(tmp_path / "small")
    assert tensorrt.build(rtx, quantised(small, probes(small)), "int8")


def test_the_graphs_of_other_tests_can_be_built(
    rtx, tmp_path: Path, red_bundle: MakeBundle, hot_bundle: MakeBundle
) -> None:
    for made in (red_bundle(tmp_path / "red"), hot_bundle(tmp_path / "hot")):
        assert tensorrt.build(rtx, made.graph.read_bytes(), "fp32")


@pytest.mark.parametrize(
    ("graph", "dla", "sentence"),
    [
        (b"not ONNX", None, "tensorrt_rtx_bindings cannot read the graph: "),
        (None, 2, "there is no DLA core 2"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(
    rtx, tmp_path: Path, capfd, graph: bytes | None, dla: int | None, sentence: str
) -> None:
    if graph is None:
        graph = write_small_network(tmp_path / "small").graph.read_bytes()
    with pytest.raises(EngineError, match=sentence) as caught:
        tensorrt.build(rtx, graph, "fp32", dla)
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith("..")
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(nvidia_gpu(), reason="there is an NVIDIA GPU here")
def test_without_a_gpu_it_is_not_taken_and_says_why(rtx, tmp_path: Path) -> None:
    small = write_small_network(tmp_path / "small")
    assert "tensorrt_rtx" not in engine.available()
    with pytest.raises(EngineError, match="there is no NVIDIA GPU 0 here; there is: none"):
        engine.load(small, runtime="tensorrt_rtx")


@pytest.mark.parametrize("device", ["NPU", "GPU:x", "DLA1", "CPU"])
def test_unknown_devices_are_refused(rtx, tmp_path: Path, device: str) -> None:
    with pytest.raises(EngineError, match=f"device '{device.upper()}' is unknown to TensorRT; choose GPU"):
        engine.load(write_small_network(tmp_path / "small"), runtime="tensorrt_rtx", device=device)


def test_keys_tell_graphs_devices_and_precisions_apart(
    rtx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt.cuda, "gpus", lambda: [GPU, Gpu(1, "NVIDIA RTX 1000", "8.9", "13.0")])
    small, plans = write_small_network(tmp_path / "small"), Plans(tmp_path / "plans")

    def builder(device: str) -> tensorrt.TensorRT:
        return tensorrt.TensorRT(small, "tensorrt_rtx", device, plans, print)

    key = builder("GPU").key("fp16")
    assert (key.graph, key.version) == (small.sha256, rtx.__version__)
    assert (key.device, key.capability, key.precision) == ("NVIDIA RTX 9000", "12.0", "fp16")
    assert builder("GPU:1").key("fp16").device == "NVIDIA RTX 1000"
    assert builder("DLA:1").key("fp16").device == "NVIDIA RTX 9000 DLA 1"
    with pytest.raises(EngineError, match="there is no NVIDIA GPU 2 here; there is: GPU:0 "):
        builder("GPU:2")
    with pytest.raises(EngineError, match="--precision int8 --calibration DIR"):
        builder("GPU").key("int8")
    graphs = set()
    for data in (b"one", b"other"):  # another calibration is another graph
        plans.write(calibrated(small.sha256), Plan(data), print)
        graphs.add(builder("GPU").key("int8").graph)
    assert len(graphs) == 2 and small.sha256 not in graphs


# How the versions differ, on a module that writes down what it is asked for.


class Noted:
    """A TensorRT of a version; `flags` are the members of its BuilderFlag."""

    def __init__(self, version: str, flags: str, creation: str, cores: int = 2) -> None:
        self.__name__, self.__version__ = "tensorrt", version
        self.BuilderFlag = Enum("BuilderFlag", flags)
        self.NetworkDefinitionCreationFlag = SimpleNamespace(
            **{name: i for i, name in enumerate(creation.split())}
        )
        self.DeviceType = SimpleNamespace(DLA="DLA")
        self.ILogger = SimpleNamespace
        self.float32 = "float32"
        self.layers = [SimpleNamespace(num_outputs=1, name=name) for name in ("products", "queries")]
        for layer in self.layers:
            layer.get_output = lambda _, layer=layer: layer
            layer.set_output_type = lambda i, kind, layer=layer: setattr(layer, "output_type", kind)
        self.set, self.cleared, self.parsed, self.created, self.config = set(), set(), b"", None, None
        self.cores = cores
        self.ILogger = type("ILogger", (), {"ERROR": 1, "INTERNAL_ERROR": 0})

    def Builder(self, log):
        self.config = SimpleNamespace(
            set_flag=lambda flag: self.set.add(flag.name), clear_flag=lambda flag: self.cleared.add(flag.name)
        )

        def create_network(flags: int):
            self.created = flags
            return SimpleNamespace(num_layers=len(self.layers), get_layer=self.layers.__getitem__)

        return SimpleNamespace(
            create_network=create_network,
            create_builder_config=lambda: self.config,
            build_serialized_network=lambda network, config: b"plan",
            num_DLA_cores=self.cores,
        )

    def OnnxParser(self, network, log):
        def parse(graph: bytes) -> bool:
            self.parsed = graph
            return True

        return SimpleNamespace(parse=parse)


def version_8() -> Noted:
    return Noted("8.6.2", "FP16 INT8 TF32 GPU_FALLBACK OBEY_PRECISION_CONSTRAINTS", "EXPLICIT_BATCH")


def version_10() -> Noted:
    flags = "FP16 BF16 INT8 TF32 GPU_FALLBACK OBEY_PRECISION_CONSTRAINTS"
    return Noted("10.3.0", flags, "EXPLICIT_BATCH STRONGLY_TYPED")


def version_11() -> Noted:
    return Noted("11.4.0", "TF32 GPU_FALLBACK", "STRONGLY_TYPED")


@pytest.fixture
def graph(tmp_path: Path) -> bytes:
    return write_small_network(tmp_path / "small").graph.read_bytes()


def test_8_is_told_by_flags_and_takes_the_graph_as_it_is(graph: bytes) -> None:
    for step, flags in {"fp32": set(), "fp16": {"FP16"}, "int8": {"FP16", "INT8"}}.items():
        trt = version_8()
        assert tensorrt.build(trt, graph, step) == b"plan"
        assert (trt.set, trt.parsed, trt.created) == (flags, graph, 1)
        assert trt.cleared == ({"TF32"} if step == "fp32" else set())
    with pytest.raises(EngineError, match=r"TensorRT 8\.6\.2 does not know bf16"):
        tensorrt.build(version_8(), graph, "bf16")


def test_8_keeps_the_layers_of_attention_in_fp32(graph: bytes) -> None:
    trt = version_8()
    tensorrt.build(trt, graph, ATTENTION_FP32)
    assert trt.set == {"FP16", "OBEY_PRECISION_CONSTRAINTS"}
    products, queries = trt.layers
    assert (products.precision, products.output_type) == ("float32", "float32")
    assert not hasattr(queries, "precision")


@pytest.mark.parametrize(("version", "created"), [(version_10, 2), (version_11, 1)])
def test_10_and_11_compute_in_the_types_of_the_graph(
    graph: bytes, version: Callable[[], Noted], created: int
) -> None:
    for step in ("fp16", ATTENTION_FP32, "bf16"):
        trt = version()
        tensorrt.build(trt, graph, step)
        assert (trt.set, trt.created) == (set(), created)
        assert trt.parsed != graph
    trt = version()
    tensorrt.build(trt, graph, "fp32")
    assert (trt.parsed, trt.cleared) == (graph, {"TF32"})


def test_a_dla_of_10_is_told_by_flags_and_of_11_is_not(graph: bytes) -> None:
    trt = version_10()
    tensorrt.build(trt, graph, "fp16", dla=1)
    assert (trt.set, trt.created, trt.parsed) == ({"FP16", "GPU_FALLBACK"}, 0, graph)
    assert (trt.config.default_device_type, trt.config.DLA_core) == ("DLA", 1)
    trt = version_11()
    tensorrt.build(trt, graph, "fp16", dla=0)
    assert (trt.set, trt.created) == ({"GPU_FALLBACK"}, 1)
    assert trt.parsed != graph


# Running a plan, on a runtime that negates pictures.


class Negating:
    """A TensorRT whose engine gives 255 - image as labels and 7 as confidence, for images of 2×3."""

    __version__ = "10.3.0"
    uint8, float32 = "uint8", "float32"
    ILogger = type("ILogger", (), {"ERROR": 1, "INTERNAL_ERROR": 0})

    def __init__(self, buffers: dict, capturable: bool | None = None, size: tuple = (2, 3)) -> None:
        self.shapes = {"image": (*size, 3), "labels": size, "confidence": size}
        self.buffers, self.runs, self.healthy = buffers, 0, True
        self.Runtime = lambda log: SimpleNamespace(deserialize_cuda_engine=self.deserialize)
        self.context = SimpleNamespace(
            set_tensor_address=lambda name, address: None, execute_async_v3=self.execute
        )
        if capturable is not None:
            self.context.is_stream_capturable = lambda stream: capturable

    def deserialize(self, plan: bytes):
        if plan != b"good":
            return None
        names = list(self.shapes)
        return SimpleNamespace(
            num_io_tensors=len(names),
            get_tensor_name=names.__getitem__,
            get_tensor_shape=self.shapes.__getitem__,
            get_tensor_dtype=lambda name: "uint8",
            create_execution_context=lambda: self.context,
        )

    def execute(self, stream: int) -> bool:
        self.runs += 1
        host = self.buffers["made"].host
        host["labels"][:] = 255 - host["image"][..., 0]
        host["confidence"][:] = 7
        return self.healthy


class HostOnly:
    """Buffers without a device: what is queued is done at once."""

    stream = 7

    def __init__(self, gpu: int, tensors) -> None:
        self.host = {name: np.zeros(shape, dtype) for name, (shape, dtype) in tensors.items()}
        self.device = dict.fromkeys(tensors, 0)
        self.replays = 0

    def upload(self, name: str) -> None: ...

    def download(self, name: str) -> None: ...

    def wait(self) -> None: ...

    def captured(self, queue):
        def replay() -> None:
            self.replays += 1
            queue()

        return replay


@pytest.fixture
def tiny(tmp_path: Path, red_bundle: MakeBundle) -> bundle.Bundle:
    return red_bundle(tmp_path / "tiny", size=(2, 3))


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tiny: bundle.Bundle):
    made: dict = {}

    def buffers(gpu, tensors):
        made["made"] = HostOnly(gpu, tensors)
        return made["made"]

    monkeypatch.setattr(tensorrt.cuda, "Buffers", buffers)
    monkeypatch.setattr(tensorrt.cuda, "use", lambda gpu: None)

    def make_one(plan: bytes = b"good", **options):
        trt = Negating(made, **options)
        monkeypatch.setattr(tensorrt, "module", lambda runtime: trt)
        return tensorrt.TensorRTEngine(tiny, "tensorrt", plan, "fp16", GPU), trt, made["made"]

    return make_one


def test_an_engine_warms_up_and_replays_what_was_captured(make) -> None:
    made, trt, buffers = make()
    assert (made.runtime, made.version, made.device) == ("tensorrt", "10.3.0", "NVIDIA RTX 9000")
    assert (made.precision, made.fallback) == ("fp16", "")
    assert trt.runs == tensorrt.WARM_UP
    for value in (10, 20):
        labels, confidence = made.infer(image=np.full((2, 3, 3), value, np.uint8))
        assert (labels == 255 - value).all() and (confidence == 7).all()
    assert buffers.replays == 2
    with pytest.raises(ValueError, match="takes image"):
        made.infer(picture=np.zeros((2, 3, 3), np.uint8))


@pytest.mark.parametrize(("capturable", "replays"), [(True, 1), (False, 0)])
def test_where_a_context_cannot_be_captured_it_runs_without(make, capturable: bool, replays: int) -> None:
    made, _, buffers = make(capturable=capturable)
    assert (made.infer(image=np.zeros((2, 3, 3), np.uint8)).labels == 255).all()
    assert buffers.replays == replays


def test_where_a_capture_fails_it_runs_without_and_says_so(make, monkeypatch, caplog) -> None:
    def fail(self, queue):
        raise EngineError("CUDA failed: operation not permitted when stream is capturing.")

    monkeypatch.setattr(HostOnly, "captured", fail)
    with caplog.at_level("INFO", "samseg_ros"):
        made, _, _ = make()
    assert (made.infer(image=np.zeros((2, 3, 3), np.uint8)).labels == 255).all()
    assert "the engine runs without a CUDA graph: CUDA failed: operation not permitted" in caplog.text


def test_a_plan_that_does_not_fit_is_refused(make) -> None:
    with pytest.raises(EngineError, match="tensorrt cannot load the plan: it does not say why"):
        make(b"bad")
    with pytest.raises(EngineError, match="the plan has other inputs and outputs than bundle 'red'"):
        make(size=(4, 6))


def test_a_run_that_fails_is_said(make) -> None:
    made, trt, _ = make()
    trt.healthy = False
    with pytest.raises(EngineError, match="tensorrt cannot run the plan"):
        made.infer(image=np.zeros((2, 3, 3), np.uint8))


# What needs a GPU.


@needs_gpu
@pytest.mark.parametrize("precision", ["fp16", "bf16", "fp32"])
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_bundles_agree_on_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, precision: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said: list[str] = []
    loaded = bundle.load(name)
    made = engine.load(loaded, runtime=on_gpus[0], precision=precision, tell=said.append)
    assert (made.precision, made.fallback) == (precision, "")
    said.clear()
    engine.load(loaded, runtime=on_gpus[0], precision=precision, tell=said.append)
    assert said == []  # the plan was kept
