# SPDX-License-Identifier: Apache-2.0
"""Bundles of tiny networks, and the networks that come back out of them."""

from pathlib import Path

import pytest
import torch
from torch import nn

from samseg_ros import bundle
from samseg_ros.labels import label_set
from training import from_bundle
from training.export.graph import Deployed, to_onnx
from training.export.segformer import DeployedSegformer
from training.networks import Segformer, segformer

LABELS = label_set("street11")
SIZE = (64, 96)


def trained(channels: int, subpixel: int) -> Segformer:
    """A network in evaluation mode whose weights and normalisation are no longer those of the start."""
    torch.manual_seed(0)
    network = segformer("b0", len(LABELS), channels=channels, decoder=16, subpixel=subpixel)
    norm = network.model.decode_head.batch_norm
    for tensor in (norm.weight, norm.running_var):
        nn.init.uniform_(tensor, 0.5, 2.0)
    for tensor in (norm.bias, norm.running_mean, network.model.decode_head.classifier.weight):
        nn.init.normal_(tensor)
    return network.eval()


def write(
    folder: Path,
    network: nn.Module,
    *,
    task: str = "panorama",
    told: dict[str, object] | None = None,
    channels: int = 3,
) -> Path:
    pad = 32 if task == "panorama" else 0
    bundle.write(
        folder,
        graph=to_onnx(Deployed(network, pad), SIZE, channels=channels),
        name="tiny",
        task=task,
        projection="equirectangular" if pad else "pinhole",
        size=SIZE,
        labels=LABELS,
        training=told or {},
        scores={},
        card="# tiny\n",
    )
    return folder


@pytest.mark.parametrize(("task", "channels", "subpixel"), [("panorama", 3, 2), ("rgbt", 4, 1)])
def test_the_network_of_a_bundle_computes_what_the_exported_one_did(
    tmp_path: Path, task: str, channels: int, subpixel: int
) -> None:
    network = trained(channels, subpixel)
    told = {"network": "b0", "config": {"network": {"decoder": 16, "subpixel": subpixel}}}
    folder = write(tmp_path / "tiny", DeployedSegformer(network), task=task, told=told, channels=channels)
    picture = torch.randn(2, channels, *SIZE)
    with torch.no_grad():
        expected = network(picture)
        # Weights were rounded to float16 on the way.
        close = {"rtol": 1e-2, "atol": 1e-2 * float(expected.std())}
        torch.testing.assert_close(from_bundle.network(folder, LABELS)(picture), expected, **close)
        fitted = from_bundle.network(folder, LABELS, lambda: picture)
        torch.testing.assert_close(fitted(picture), expected, **close)
        # By the statistics of the batch, those of these pictures, it is the same.
        for module in fitted.modules():
            module.training = isinstance(module, nn.BatchNorm2d)
        torch.testing.assert_close(fitted(picture), expected, **close)


def test_more_channels_than_the_bundle_takes_are_left_out(tmp_path: Path) -> None:
    told = {"network": "b0", "config": {"network": {"decoder": 16}}}
    folder = write(tmp_path / "tiny", DeployedSegformer(trained(3, 1)), told=told)
    pictures = torch.randn(1, 4, *SIZE)
    found = from_bundle.network(folder, LABELS, lambda: pictures)
    assert float(found.model.decode_head.batch_norm.running_mean.abs().sum()) > 0


def test_what_cannot_be_trained_on_is_refused_in_a_sentence(tmp_path: Path) -> None:
    network = DeployedSegformer(trained(3, 1))
    folder = write(tmp_path / "tiny", network, told={"network": "b0"})  # the decoder is smaller than that
    with pytest.raises(ValueError, match="holds no SegFormer that can be trained on"):
        from_bundle.network(folder, LABELS)
    folder = write(tmp_path / "other", network, told={"network": "sartm-sam"})
    with pytest.raises(ValueError, match="holds no SegFormer that can be trained on"):
        from_bundle.network(folder, LABELS)
    with pytest.raises(ValueError, match="labels street11, not camvid11"):
        from_bundle.network(folder, label_set("camvid11"))
    (folder / "model.onnx").write_bytes(b"torn")
    with pytest.raises(ValueError, match="sha256"):
        from_bundle.network(folder, LABELS)
