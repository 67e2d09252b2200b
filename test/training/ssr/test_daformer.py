# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from training.export.graph import Deployed, to_onnx
from training.networks import normalise, segformer
from training.ssr.daformer import DAFormer, daformer
from training.ssr.head import DAFormerHead

WIDTHS = (32, 64, 160, 256)  # of MiT-B0


@pytest.fixture(scope="module")
def network() -> DAFormer:
    torch.manual_seed(0)
    made = daformer("b0", 5, channels=16).eval()
    for module in made.head.modules():
        # A normalisation that does something.
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.running_mean)
    nn.init.normal_(made.head.classifier.weight)
    return made


def test_the_head_has_the_parameters_of_its_parts() -> None:
    head = DAFormerHead((64, 128, 320, 512), 19)
    projections = (64 + 128 + 320 + 512) * 256 + 4 * 256
    aspp = 4 * (1024 * 256 + 2 * 256) + 3 * (1024 * 9 + 2 * 1024)
    bottleneck, classifier = 1024 * 256 * 9 + 2 * 256, 256 * 19 + 19
    assert sum(p.numel() for p in head.parameters()) == projections + aspp + bottleneck + classifier


def test_the_head_looks_as_far_as_its_dilations() -> None:
    torch.manual_seed(0)
    head = DAFormerHead((4, 4), 2, channels=4, dilations=(1, 6)).eval()
    for parameter in head.parameters():
        nn.init.uniform_(parameter, 0.1, 1.0)  # so that no ReLU closes
    features = [torch.rand(1, 4, 32, 32, requires_grad=True), torch.rand(1, 4, 16, 16, requires_grad=True)]
    head(features)[0, 0, 16, 16].backward()
    reached = features[0].grad
    assert reached is not None and features[1].grad is not None and features[1].grad.abs().sum() > 0
    rows = reached.abs().sum((0, 1, 3)).nonzero().flatten() - 16
    # The bottleneck sees one row to either side of what the branches see: none, and six.
    assert rows.tolist() == [-7, -6, -5, -1, 0, 1, 5, 6, 7]


def test_stages_are_upsampled_bilinearly_to_the_finest() -> None:
    # The head as its equation, from its own weights, with the second stage upsampled by hand.
    head = DAFormerHead((1, 1), 1, channels=1, dilations=(1,), dropout=0.0).eval()
    for parameter in head.parameters():
        nn.init.ones_(parameter)
        if parameter.ndim == 1:
            nn.init.zeros_(parameter)
    for module in head.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0
            nn.init.ones_(module.weight)
    fine, coarse = torch.zeros(1, 1, 1, 4), torch.tensor([[[[0.0, 4.0]]]])
    # Corners not aligned: 0, 1, 3, 4. Three taps of the bottleneck: sums of neighbours.
    assert head([fine, coarse]).flatten().tolist() == pytest.approx([1.0, 4.0, 8.0, 7.0])


def test_features_and_logits(network: DAFormer) -> None:
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        features = network.encode(image)
        logits = network(image)
    assert network.widths == WIDTHS
    shapes = [(2, width, 64 >> stage, 96 >> stage) for stage, width in zip((2, 3, 4, 5), WIDTHS, strict=True)]
    assert [tuple(one.shape) for one in features] == shapes
    assert logits.shape == (2, 5, 16, 24) and torch.equal(logits, network.decode(features))
    assert set(dict(network.named_children())) == {"encoder", "head"}


def test_fresh_logits_are_close_together() -> None:
    torch.manual_seed(0)
    logits = daformer("b0", 5, channels=16)(torch.randn(2, 3, 64, 64))
    assert 0 < float(logits.detach().std()) < 0.5


def test_a_published_encoder_is_loaded(tmp_path: Path) -> None:
    published = segformer("b0", 19)
    published.model.save_pretrained(tmp_path)
    network = daformer("b0", 5, channels=16, weights=tmp_path / "model.safetensors")
    expected = published.model.segformer.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in network.encoder.state_dict().items())
    with pytest.raises(FileNotFoundError, match="No weights at"):
        daformer("b0", 5, weights=tmp_path / "absent.safetensors")


def test_the_exported_graph_agrees(network: DAFormer) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    graph = to_onnx(Deployed(network, pad=0), (64, 96), half_weights=False)
    operators = {node.op_type for node in onnx.load_from_string(graph).graph.node}
    assert not operators & {"If", "Loop", "NonZero"}
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    labels = np.asarray(session.run(["labels"], {"image": picture})[0])
    with torch.no_grad():
        logits = network(normalise(torch.from_numpy(picture)[None]))
        expected = nn.functional.interpolate(logits, size=(64, 96), mode="bilinear")[0].argmax(0)
    assert len(np.unique(labels)) > 1 and (labels == expected.numpy()).mean() > 0.995
