# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed; pip install 'samseg_ros[tensorrt]'")

import onnx
from engine.small_network import write_small_network

from samseg_ros import bundle, engine
from samseg_ros.engine import EngineError, precision
from samseg_ros.engine.acceptance import Reference
from samseg_ros.engine.engine import ATTENTION_FP32

ATTENTION = {"products", "scaled", "weights", "attended"}
# All between the first convolution and the scores; what is before and behind stays in fp32.
NETWORK = ATTENTION | {
    "patches", "tokens", "rows", "mean_free", "queries", "keys", "columns", "sum", "back", "map", "scores",
}  # fmt: skip

with_onnxruntime = pytest.mark.skipif("onnxruntime" not in engine.available(), reason="no onnxruntime here")


def low_values(model: onnx.ModelProto, step: str) -> set[str]:
    return {
        value.removesuffix(f"/{step}")
        for node in model.graph.node
        if node.op_type != "Cast"
        for value in node.output
        if value.endswith(f"/{step}")
    }


def test_the_network_is_lowered_and_what_is_around_it_is_not(tmp_path: Path) -> None:
    small = write_small_network(tmp_path / "small")
    for step, type_ in (("fp16", onnx.TensorProto.FLOAT16), ("bf16", onnx.TensorProto.BFLOAT16)):
        model = precision.lowered(onnx.load(small.graph), step)
        assert low_values(model, step) == NETWORK
        assert {value.name for value in (*model.graph.input, *model.graph.output)} == {
            "image", "labels", "confidence"
        }  # fmt: skip
        casts = {node.output[0]: node.attribute[0].i for node in model.graph.node if node.op_type == "Cast"}
        assert casts[f"stem/{step}"] == casts[f"normal/{step}"] == type_
        assert casts["scores"] == onnx.TensorProto.FLOAT
        assert not {f"large/{step}", f"pixels/{step}"} & set(casts)


def test_attention_is_found_and_can_stay(tmp_path: Path) -> None:
    small = write_small_network(tmp_path / "small")
    model = onnx.load(small.graph)
    # The softmax over classes has no product behind it.
    assert precision.attention(model) == ATTENTION
    kept = onnx.load_from_string(precision.typed(small.graph.read_bytes(), ATTENTION_FP32))
    assert low_values(kept, "fp16") == NETWORK - ATTENTION


def test_fp32_is_the_graph_itself(tmp_path: Path) -> None:
    small = write_small_network(tmp_path / "small")
    assert precision.typed(small.graph.read_bytes(), "fp32") == small.graph.read_bytes()


@with_onnxruntime
@pytest.mark.parametrize("step", ["fp16", ATTENTION_FP32])
def test_labels_stay(tmp_path: Path, step: str) -> None:
    small = write_small_network(tmp_path / "small")
    from samseg_ros.engine.onnxruntime import ONNXRuntimeEngine

    made = ONNXRuntimeEngine(small, "CPU", 1, step, precision.typed(small.graph.read_bytes(), step))
    assert Reference(small).agreement(made) > 0.99


@with_onnxruntime
def test_attention_that_does_not_fit_into_fp16_is_caught_and_kept_in_fp32(tmp_path: Path) -> None:
    said: list[str] = []
    made = engine.load(
        write_small_network(tmp_path / "loud", loud=1e4),
        runtime="onnxruntime",
        device="CPU",
        precision="fp16",
        tell=said.append,
    )
    assert made.precision == ATTENTION_FP32
    assert made.fallback.startswith("fp16 agrees with the reference on ")
    assert any(line.endswith(f"; trying {ATTENTION_FP32}") for line in said)


@with_onnxruntime
def test_a_shipped_model_in_fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = bundle.load("street_b0_camera")
    made = engine.load(loaded, runtime="onnxruntime", device="CPU", precision="fp16")
    assert (made.precision, made.fallback) == ("fp16", "")
    found = precision.attention(onnx.load(loaded.graph))
    assert len(found) == 8 * 3  # products, softmax, sums of each of the blocks


def test_a_graph_without_a_network_stays_as_it_is(
    tmp_path: Path, red_bundle: Callable[..., bundle.Bundle]
) -> None:
    red = red_bundle(tmp_path / "red")
    model = onnx.load_from_string(precision.typed(red.graph.read_bytes(), "fp16"))
    assert list(model.graph.node) == list(onnx.load(red.graph).graph.node)


def test_transposed_convolutions_stay_out_of_bf16() -> None:
    model = onnx.parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17]>
        g (float[1, 1, 4, 4] x, float[1, 1, 1, 1] w) => (float[1, 1, 4, 4] y) {
            a = Conv (x, w)
            b = ConvTranspose (a, w)
            y = Conv (b, w)
        }
        """
    )
    graph = model.SerializeToString()
    assert low_values(onnx.load_from_string(precision.typed(graph, "fp16")), "fp16") == {"a", "b", "y"}
    assert low_values(onnx.load_from_string(precision.typed(graph, "bf16")), "bf16") == {"a", "y"}


def test_loops_are_refused() -> None:
    model = onnx.parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17]>
        g (bool c, float[1] x) => (float[1] y) {
            y = If (c) <then_branch = a () => (float[1] p) { p = Neg (x) },
                        else_branch = b () => (float[1] q) { q = Abs (x) }>
        }
        """
    )
    with pytest.raises(EngineError, match="branches or loops cannot be made fp16; choose fp32"):
        precision.lowered(model, "fp16")


@with_onnxruntime
def test_int8_from_pictures(tmp_path: Path) -> None:
    from samseg_ros.engine.onnxruntime import ONNXRuntimeEngine
    from samseg_ros.engine.probes import probes
    from samseg_ros.engine.quantization import quantised

    small = write_small_network(tmp_path / "small")
    graph = quantised(small, probes(small))
    model = onnx.load_from_string(graph)
    kinds = [node.op_type for node in model.graph.node]
    # What goes into the products, and their weights.
    assert kinds.count("QuantizeLinear") == kinds.count("DequantizeLinear") >= 6
    # The first convolution, which sees the picture, is as it was.
    made_by = {node.output[0]: node.op_type for node in model.graph.node}
    read = [made_by.get(node.input[0]) for node in model.graph.node if node.op_type == "Conv"]
    assert [one == "DequantizeLinear" for one in read] == [False, True]
    zero_points = {node.input[2] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    for constant in model.graph.initializer:
        if constant.name in zero_points:  # TensorRT takes symmetric int8 alone
            assert constant.data_type == onnx.TensorProto.INT8
            assert not onnx.numpy_helper.to_array(constant).any()
    made = ONNXRuntimeEngine(small, "CPU", 1, "int8", precision.typed(graph, "int8"))
    assert Reference(small).agreement(made) > 0.8
    answer = made.infer(image=np.zeros((*small.size, 3), np.uint8))
    assert answer.labels.dtype == answer.confidence.dtype == np.uint8


@with_onnxruntime
def test_what_cannot_be_quantised_is_one_sentence(
    tmp_path: Path, red_bundle: Callable[..., bundle.Bundle]
) -> None:
    from samseg_ros.engine.quantization import quantised

    broken = red_bundle(tmp_path / "red")
    broken.graph.write_bytes(b"not ONNX")
    with pytest.raises(EngineError, match="bundle 'red' cannot be quantised: ") as caught:
        quantised(broken, [])
    assert "\n" not in str(caught.value)
