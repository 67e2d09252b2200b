# SPDX-License-Identifier: Apache-2.0
"""On small random networks, built by the library and saved as the official checkpoints are."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from training.foundation.checksum import sha256
from training.foundation.masks import flatten, generator
from training.foundation.settings import SamMasks, Variant
from training.foundation.view import View

pytest.importorskip("segment_anything", reason="segment-anything is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")

import segment_anything as library
from segment_anything.build_sam import _build_sam

from training.foundation.sam import ENCODERS, Encoder, build, encoder_of, load

TINY = Encoder(width=32, depth=2, heads=2, global_blocks=(1,), image_size=128)
# A random network is sure of nothing, and all of its masks have the same box.
LENIENT = {"points_per_side": 4, "pred_iou_thresh": 0, "stability_score_thresh": 0, "box_nms_thresh": 1}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "sam_tiny.pth"
    torch.manual_seed(0)
    torch.save(build(TINY).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def view() -> View:
    image = np.full((96, 128, 3), (200, 120, 40), np.uint8)
    cv2.circle(image, (60, 50), 30, (20, 60, 230), -1)
    return View(image)


def settings(checkpoint: Path, **changes: object) -> SamMasks:
    return SamMasks.model_validate(
        {"variant": "custom", "checkpoint": checkpoint, **LENIENT, **changes}, strict=False
    )


@pytest.mark.parametrize("variant", ["vit_b", "vit_l", "vit_h"])
def test_the_published_encoders_are_those_of_the_library(variant: Variant) -> None:
    with torch.device("meta"):
        published, own = library.sam_model_registry[variant](), build(ENCODERS[variant])
    expected = {name: tensor.shape for name, tensor in published.state_dict().items()}
    assert {name: tensor.shape for name, tensor in own.state_dict().items()} == expected
    assert str(own) == str(published)
    windows = [[block.window_size for block in sam.image_encoder.blocks] for sam in (own, published)]
    assert windows[0] == windows[1]
    assert encoder_of(published.state_dict()) == ENCODERS[variant]


def test_a_checkpoint_of_the_library_loads_whole(tmp_path: Path) -> None:
    torch.manual_seed(1)
    sam = _build_sam(32, 2, 2, [1])
    torch.save(sam.state_dict(), tmp_path / "sam.pth")
    loaded = load("custom", tmp_path / "sam.pth")
    assert encoder_of(loaded.state_dict()) == replace(TINY, image_size=1024)
    expected = sam.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.state_dict().items())
    assert not loaded.training and not any(one.requires_grad for one in loaded.parameters())


def test_masks_are_those_of_the_library(checkpoint: Path, view: View) -> None:
    masks = generator(settings(checkpoint))(view)
    automatic = library.SamAutomaticMaskGenerator(load("custom", checkpoint), **LENIENT)
    rgb, bgr = (
        automatic.generate(np.ascontiguousarray(view.image[..., order])) for order in ([2, 1, 0], [0, 1, 2])
    )
    assert masks.shape == (96, 128) and masks.dtype == np.uint16 and masks.max() > 3
    assert (masks == flatten([one["segmentation"] for one in rgb], (96, 128))).all()
    # The order of colours matters to this network.
    assert (masks != flatten([one["segmentation"] for one in bgr], (96, 128))).any()


def test_crops_and_small_regions(checkpoint: Path, view: View) -> None:
    chosen = settings(checkpoint, points_per_side=2, crop_n_layers=1, min_mask_region_area=30)
    masks = generator(chosen)(view)
    assert masks.shape == (96, 128) and masks.max() > 0


def test_no_mask_is_good_enough(checkpoint: Path, view: View) -> None:
    masks = generator(settings(checkpoint, pred_iou_thresh=1, min_mask_region_area=30))(view)
    assert masks.shape == (96, 128) and not masks.any()


def test_the_identity_tells_checkpoints_and_parameters_apart(checkpoint: Path, tmp_path: Path) -> None:
    first = generator(settings(checkpoint)).identity()
    assert json.loads(json.dumps(first)) == first and first["sha256"] == sha256(checkpoint)
    assert generator(settings(checkpoint, pred_iou_thresh=0.1)).identity() != first
    # Neither where it lies nor how many points at a time changes the masks.
    moved = tmp_path / "moved.pth"
    moved.write_bytes(checkpoint.read_bytes())
    assert generator(settings(moved, points_per_batch=3)).identity() == first
    torch.save({**torch.load(moved), "mask_decoder.iou_token.weight": torch.zeros(1, 256)}, moved)
    assert generator(settings(moved)).identity() != first


def test_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No SAM checkpoint .*sam_vit_h_4b8939"):
        load("vit_h", tmp_path / "absent.pth")


def test_a_wrong_variant_is_named(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"is no vit_h: its encoder is 32 wide, 2 blocks deep .* as of custom"
    ):
        load("vit_h", checkpoint)
    # Tells by shapes alone: no need for the weights of a ViT-B.
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in build(ENCODERS["vit_b"]).state_dict().items()}
    telling = {
        name: torch.zeros(1).expand(shape)
        for name, shape in shapes.items()
        if "rel_pos" in name or "pos_embed" in name
    }
    torch.save(telling, tmp_path / "sam_vit_b.pth")
    with pytest.raises(
        ValueError, match=r"is no vit_l: its encoder is 768 wide, 12 blocks .* as of vit_b; give"
    ):
        load("vit_l", tmp_path / "sam_vit_b.pth")


@pytest.mark.parametrize(
    "content", [b"", b"not a checkpoint", b"\x80\x02junk", b"PK\x03\x04cut short", b"(lp0\n."]
)
def test_a_file_that_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sam.pth").write_bytes(content)
    with pytest.raises(ValueError, match="not a readable PyTorch file"):
        load("vit_b", tmp_path / "sam.pth")


def test_a_truncated_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "sam.pth").write_bytes(checkpoint.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="not a readable PyTorch file"):
        load("custom", tmp_path / "sam.pth")


@pytest.mark.parametrize("state", [{"weight": torch.zeros(3)}, [1, 2], {"step": 3}])
def test_another_networks_checkpoint(tmp_path: Path, state: object) -> None:
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="is no SAM checkpoint"):
        load("vit_b", tmp_path / "other.pth")


def test_a_checkpoint_with_tensors_missing_or_too_many(checkpoint: Path, tmp_path: Path) -> None:
    tensors: dict[str, Tensor] = torch.load(checkpoint)
    torch.save({**tensors, "mask_decoder.hf_token.weight": torch.zeros(1)}, tmp_path / "more.pth")
    with pytest.raises(ValueError, match=r"one for one \(Unexpected.*hf_token"):
        load("custom", tmp_path / "more.pth")
    tensors.pop("image_encoder.neck.0.weight")
    torch.save(tensors, tmp_path / "fewer.pth")
    with pytest.raises(ValueError, match=r"one for one \(Missing.*neck.0.weight"):
        load("custom", tmp_path / "fewer.pth")
