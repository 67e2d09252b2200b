# SPDX-License-Identifier: Apache-2.0
"""The exported graph against PyTorch, on a small SegFormer with spread-out logits."""

import math

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from samseg_ros.labels import UNLABELED
from training.export import verify
from training.export.graph import OPSET, Deployed, inputs, to_onnx
from training.export.segformer import DeployedSegformer
from training.modalities import BOTH, RGB_ONLY, THERMAL_ONLY, Present
from training.networks import Segformer, normalise, segformer, wrap

SIZE = (64, 128)


@pytest.fixture(scope="module")
def network() -> Segformer:
    torch.manual_seed(0)
    made = segformer("b0", 5, decoder=32).eval()
    head = made.model.decode_head
    with torch.no_grad():
        nn.init.normal_(head.classifier.weight)
        # A normalisation that does something, so that folding it can go wrong.
        for part in (head.batch_norm.weight, head.batch_norm.running_var):
            part.uniform_(0.5, 1.5)
        for part in (head.batch_norm.bias, head.batch_norm.running_mean):
            part.normal_()
    return made


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


@pytest.fixture(scope="module")
def deployed(network: Segformer) -> Deployed:
    return Deployed(DeployedSegformer(network), pad=32).eval()


@pytest.fixture(scope="module")
def graph(deployed: Deployed) -> bytes:
    return to_onnx(deployed, SIZE)


def infer(graph: bytes, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    labels, confidence = session.run(["labels", "confidence"], {"image": image})
    return np.asarray(labels), np.asarray(confidence)


def test_folding_changes_nothing(network: Segformer) -> None:
    picture = torch.randn(1, 3, *SIZE)
    with torch.no_grad():
        torch.testing.assert_close(
            DeployedSegformer(network)(picture), network(picture), rtol=1e-4, atol=1e-4
        )


def test_the_graph_gives_argmax_and_softmax_of_the_network(
    network: Segformer, graph: bytes, image: np.ndarray
) -> None:
    labels, confidence = infer(graph, image)
    assert labels.dtype == confidence.dtype == np.uint8 and labels.shape == confidence.shape == SIZE
    with torch.no_grad():
        logits = network(wrap(normalise(torch.from_numpy(image)[None]), 32))
        full = nn.functional.interpolate(logits, scale_factor=4, mode="bilinear")[0, :, :, 32:-32]
    probability, expected = full.softmax(0).max(0)
    assert len(np.unique(labels)) > 2
    assert (labels == expected.numpy()).mean() > 0.995
    assert np.abs(confidence - probability.numpy() * 255).max() < 4


def test_of_classes_that_are_equal_the_first_counts_and_of_none_none() -> None:
    logits = torch.zeros(1, 3, *SIZE)
    logits[:, 1:, 0] = 2.0  # the first row: two of three
    logits[:, 2, 1] = 1.0
    logits[:, :, 32:] = float("nan")  # what a runtime gives that overflowed

    class Same(nn.Module):
        def forward(self, picture: Tensor) -> Tensor:
            return logits

    labels, confidence = Deployed(Same(), pad=0)(torch.zeros(*SIZE, 3, dtype=torch.uint8))
    assert [int(labels[row].unique()) for row in (0, 1, 40)] == [1, 2, UNLABELED]
    assert int(confidence[0, 0]) == round(255 / (2 + math.exp(-2)))


def test_the_panorama_has_no_seam(graph: bytes, network: Segformer, image: np.ndarray) -> None:
    labels, _ = infer(graph, image)
    turned, _ = infer(graph, np.roll(image, 32, axis=1))
    with_wrap = (np.roll(labels, 32, axis=1) == turned).mean()
    flat = to_onnx(Deployed(DeployedSegformer(network), pad=0), SIZE)
    without = (
        np.roll(infer(flat, image)[0], 32, axis=1) == infer(flat, np.roll(image, 32, axis=1))[0]
    ).mean()
    # Attention is over the whole picture, so the two are close, not equal.
    assert with_wrap > 0.95 and with_wrap > without


def test_the_graph_is_what_runtimes_expect(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    assert [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")] == [OPSET]
    shapes = {
        one.name: (one.type.tensor_type.elem_type, [d.dim_value for d in one.type.tensor_type.shape.dim])
        for one in [*model.graph.input, *model.graph.output]
    }
    uint8 = onnx.TensorProto.UINT8
    assert shapes["image"] == (uint8, [64, 128, 3])
    assert shapes["labels"] == shapes["confidence"] == (uint8, [64, 128])
    # TensorRT takes uint8 only into a Cast, and gives it only out of one.
    takers = [node.op_type for node in model.graph.node if "image" in node.input]
    givers = [n.op_type for n in model.graph.node if set(n.output) & {"labels", "confidence"}]
    assert takers == ["Cast"] and givers == ["Cast", "Cast"]
    large = [one for one in model.graph.initializer if np.prod(one.dims) >= 1024]
    assert large and all(one.data_type == onnx.TensorProto.FLOAT16 for one in large)


@pytest.fixture(scope="module")
def fused() -> Segformer:
    torch.manual_seed(1)
    made = segformer("b0", 5, decoder=32, channels=4).eval()
    nn.init.normal_(made.model.decode_head.classifier.weight)
    return made


@pytest.fixture(scope="module")
def rgbt_graph(fused: Segformer) -> bytes:
    return to_onnx(Deployed(DeployedSegformer(fused), pad=0).eval(), SIZE, channels=4)


@pytest.fixture(scope="module")
def pair(image: np.ndarray) -> np.ndarray:
    return np.dstack([image, np.roll(image[..., 1], 40, axis=1)])


@pytest.mark.parametrize("present", [BOTH, RGB_ONLY, THERMAL_ONLY])
def test_the_rgbt_graph_sees_what_is_present(
    fused: Segformer, rgbt_graph: bytes, pair: np.ndarray, present: Present
) -> None:
    session = onnxruntime.InferenceSession(rgbt_graph, providers=["CPUExecutionProvider"])
    labels = np.asarray(session.run(["labels"], inputs(pair, present))[0])
    with torch.no_grad():
        logits = fused(normalise(torch.from_numpy(pair)[None], torch.tensor([present])))
        expected = nn.functional.interpolate(logits, scale_factor=4, mode="bilinear")[0].argmax(0)
    assert len(np.unique(labels)) > 1 and (labels == expected.numpy()).mean() > 0.995
    # What a missing stream holds does not matter.
    noise = np.random.default_rng(3).integers(0, 256, pair.shape, np.uint8)
    hidden = np.where(np.array([present[0]] * 3 + [present[1]]) > 0, pair, noise)
    assert (session.run(["labels"], inputs(hidden, present))[0] == labels).all()


def test_the_rgbt_graph_is_what_runtimes_expect(rgbt_graph: bytes) -> None:
    model = onnx.load_from_string(rgbt_graph)
    shapes = {
        one.name: (one.type.tensor_type.elem_type, [d.dim_value for d in one.type.tensor_type.shape.dim])
        for one in model.graph.input
    }
    assert shapes == {
        "image": (onnx.TensorProto.UINT8, [*SIZE, 3]),
        "thermal": (onnx.TensorProto.UINT8, [*SIZE]),
        "present": (onnx.TensorProto.FLOAT, [2]),
    }
    takers = [n.op_type for n in model.graph.node if set(n.input) & {"image", "thermal"}]
    assert takers == ["Cast", "Cast"]


def test_agreement_is_required_of_every_case(fused: Segformer, rgbt_graph: bytes, pair: np.ndarray) -> None:
    deployed = Deployed(DeployedSegformer(fused), pad=0).eval()
    assert verify.require(rgbt_graph, deployed, [pair], (BOTH, RGB_ONLY, THERMAL_ONLY)) > 0.999
    # Thermal now counts for something else: with RGB alone nobody would notice.
    with torch.no_grad():
        deployed.network.stages[0].patch_embeddings.proj.weight[:, 3] *= -3
    assert verify.agreement(rgbt_graph, deployed, [pair], RGB_ONLY) > 0.999
    with pytest.raises(ValueError, match="nothing was written"):
        verify.require(rgbt_graph, deployed, [pair], (RGB_ONLY, THERMAL_ONLY))


def test_openvino_agrees(graph: bytes, image: np.ndarray) -> None:
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert (compiled({"image": image})["labels"] == infer(graph, image)[0]).mean() > 0.995


def test_a_graph_of_another_network_is_refused(
    graph: bytes, deployed: Deployed, network: Segformer, image: np.ndarray
) -> None:
    assert verify.agreement(graph, deployed, [image]) > 0.99
    other = DeployedSegformer(network)
    nn.init.normal_(other.classifier.weight)
    with pytest.raises(ValueError, match=r"agrees with the network on .* nothing was written"):
        verify.require(graph, Deployed(other, pad=32).eval(), [image])
