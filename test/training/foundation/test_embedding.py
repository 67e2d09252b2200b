# SPDX-License-Identifier: Apache-2.0
"""On small random networks, built by the library and saved as the official checkpoints are."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.foundation.settings import EncoderSettings

pytest.importorskip("segment_anything", reason="segment-anything is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")

from segment_anything import SamPredictor
from torch.nn import functional

from training.foundation.checksum import sha256
from training.foundation.embedding import ImageEmbedding, image_embedding
from training.foundation.sam import Encoder, build, load

TINY = Encoder(width=32, depth=2, heads=2, global_blocks=(1,), image_size=64)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "sam_tiny.pth"
    torch.manual_seed(0)
    torch.save(build(TINY).state_dict(), path)
    return path


def embedding(checkpoint: Path, redraw: int | None = None) -> ImageEmbedding:
    return image_embedding(EncoderSettings(variant="custom", checkpoint=checkpoint, redraw=redraw))


def pictures(height: int, width: int) -> Tensor:
    numbers = np.random.default_rng(3).integers(0, 256, (2, height, width, 3), np.uint8)
    return torch.from_numpy(numbers)


def test_a_square_picture_is_embedded_as_the_library_does(checkpoint: Path) -> None:
    images = pictures(64, 64)
    made = embedding(checkpoint)(images)
    predictor = SamPredictor(load("custom", checkpoint))
    for image, own in zip(images.numpy(), made, strict=True):
        predictor.set_image(image, image_format="BGR")
        torch.testing.assert_close(own, predictor.get_image_embedding()[0], rtol=1e-4, atol=1e-5)
    swapped = embedding(checkpoint)(images.flip(-1))
    assert not torch.allclose(swapped, made, atol=1e-3)


def test_any_size_is_squashed_to_the_square(checkpoint: Path) -> None:
    images = pictures(40, 96)
    made = embedding(checkpoint)(images)
    assert made.shape == (2, 256, 4, 4) and made.dtype == torch.float32
    square = functional.interpolate(images.permute(0, 3, 1, 2).float(), (64, 64), mode="bilinear")
    sam = load("custom", checkpoint)
    normal = (square.flip(1) - sam.pixel_mean) / sam.pixel_std
    torch.testing.assert_close(made, sam.image_encoder(normal))


def test_nothing_learns_and_nothing_is_registered(checkpoint: Path) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = embedding(checkpoint)

    holder = Holder()
    assert not list(holder.parameters()) and not holder.state_dict() and len(list(holder.modules())) == 1
    made = holder.embedding(pictures(64, 64))
    assert not made.requires_grad
    holder.train()
    assert torch.equal(holder.embedding(pictures(64, 64)), made)


def test_weights_drawn_anew_depend_on_the_seed_alone(checkpoint: Path) -> None:
    images = pictures(64, 64)
    torch.manual_seed(1)
    embedding(checkpoint)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = embedding(checkpoint, redraw=5)(images)
    assert torch.equal(torch.rand(3), expected)  # a run with it draws what one without it does
    assert torch.equal(embedding(checkpoint, redraw=5)(images), first)
    assert not torch.allclose(embedding(checkpoint, redraw=6)(images), first, atol=1e-2)
    assert not torch.allclose(embedding(checkpoint)(images), first, atol=1e-2)
    # It tells places apart, although all patches of the picture are the same.
    plain = embedding(checkpoint, redraw=5)(torch.full((1, 64, 64, 3), 90, dtype=torch.uint8))[0]
    assert (plain[:, 1, 1] - plain[:, 2, 2]).abs().max() > 1e-3


def test_the_identity_tells_checkpoints_and_seeds_apart(checkpoint: Path, tmp_path: Path) -> None:
    first = embedding(checkpoint).identity()
    assert json.loads(json.dumps(first)) == first
    assert first == {"kind": "sam", "variant": "custom", "sha256": sha256(checkpoint), "redraw": None}
    assert embedding(checkpoint, redraw=0).identity() == {**first, "redraw": 0}
    moved = tmp_path / "moved.pth"
    moved.write_bytes(checkpoint.read_bytes())
    assert embedding(moved).identity() == first


def test_what_is_no_such_checkpoint_is_told(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No SAM checkpoint"):
        embedding(tmp_path / "absent.pth")
    with pytest.raises(ValueError, match="is no vit_b: its encoder is 32 wide"):
        image_embedding(EncoderSettings(checkpoint=checkpoint))
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="is no SAM checkpoint"):
        embedding(tmp_path / "other.pth")
