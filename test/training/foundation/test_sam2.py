# SPDX-License-Identifier: Apache-2.0
"""On small random networks, saved by the library."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_sam2 import small_sam2

from training.foundation.masks import generator
from training.foundation.settings import Sam2Masks
from training.foundation.view import View

pytest.importorskip("torchvision", reason="torchvision is not installed")

from safetensors.torch import load_file, save_file
from transformers import (
    Sam2Config,
    Sam2ImageProcessor,
    Sam2Model,
    Sam2Processor,
    Sam2VideoConfig,
    Sam2VideoModel,
)

from training.foundation.sam2 import Sam2Generator, load, variant_of

SIDE = 128
LENIENT = {"points_per_side": 4, "pred_iou_thresh": 0, "stability_score_thresh": 0, "crop_nms_thresh": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam2")
    torch.manual_seed(0)
    Sam2Model(Sam2Config(**small_sam2(SIDE))).save_pretrained(path)
    processor(path)
    return path


def processor(path: Path) -> None:
    quarter = SIDE // 4
    sizes = {
        "size": {"height": SIDE, "width": SIDE},
        "mask_size": {"height": quarter, "width": quarter},
    }
    Sam2Processor(Sam2ImageProcessor(**sizes)).save_pretrained(path)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def settings(folder: Path, **changes: object) -> Sam2Masks:
    return Sam2Masks.model_validate({"folder": folder, **LENIENT, **changes})


def view(height: int, width: int) -> View:
    return View(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def test_masks_of_a_wide_picture(folder: Path) -> None:
    masks = generator(settings(folder))(view(64, 128))
    assert masks.shape == (64, 128) and masks.dtype == np.uint16 and masks.max() > 3


def test_the_grid_covers_a_wide_picture(folder: Path) -> None:
    sam2 = Sam2Generator(settings(folder))
    seen: list[torch.Tensor] = []
    model = sam2._pipeline.model
    model.register_forward_pre_hook(
        lambda _, __, inputs: seen.append(inputs["input_points"]), with_kwargs=True
    )
    sam2(view(64, 128))
    points = torch.cat(seen, dim=1).flatten(0, 2)
    assert points.min(dim=0).values.tolist() == [SIDE / 8] * 2
    assert points.max(dim=0).values.tolist() == [SIDE * 7 / 8] * 2


def test_crops_and_no_mask_that_is_good_enough(folder: Path) -> None:
    assert generator(settings(folder, points_per_side=2, crop_n_layers=1))(view(96, 96)).max() > 0
    assert not generator(settings(folder, pred_iou_thresh=1))(view(96, 96)).any()


def test_a_network_for_videos_holds_one_for_pictures(tmp_path: Path) -> None:
    video = Sam2VideoModel(Sam2VideoConfig(**small_sam2(SIDE), memory_attention_hidden_size=32))
    video.save_pretrained(tmp_path)
    processor(tmp_path)
    model, _ = load(tmp_path)
    expected = video.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())
    assert not model.training and not any(one.requires_grad for one in model.parameters())


def test_the_identity_tells_checkpoints_and_parameters_apart(folder: Path, copy: Path) -> None:
    first = generator(settings(folder)).identity()
    assert json.loads(json.dumps(first)) == first and first["kind"] == "sam2"
    assert generator(settings(copy, points_per_batch=3)).identity() == first
    assert generator(settings(folder, pred_iou_thresh=0.1)).identity() != first
    tensors = load_file(copy / "model.safetensors")
    tensors["no_memory_embedding"] = torch.ones_like(tensors["no_memory_embedding"])
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    assert generator(settings(copy)).identity() != first


def test_files_that_are_missing_are_named(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"lacks config.json, model.safetensors, processor_config.json"
    ):
        load(tmp_path / "absent")
    (copy / "processor_config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks processor_config\.json"):
        load(copy)


def test_the_variant_is_read_off_the_network(folder: Path) -> None:
    assert variant_of(load(folder)[0]) == "custom"
    with torch.device("meta"):
        assert variant_of(Sam2Model(Sam2Config())) == "tiny"


def test_another_kind_of_model(copy: Path) -> None:
    (copy / "config.json").write_text('{"model_type": "segformer"}', encoding="utf-8")
    with pytest.raises(ValueError, match="of type segformer, expected sam2"):
        load(copy)
    (copy / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="is not readable"):
        load(copy)


def test_tensors_that_are_missing_or_cut_short(copy: Path) -> None:
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    tensors = load_file(weights)
    tensors.pop("mask_decoder.iou_token.weight")
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks 1 tensors .* mask_decoder\.iou_token\.weight"):
        load(copy)
    weights.write_bytes(whole[:-1000])
    with pytest.raises(ValueError, match="does not hold the tensors"):
        load(copy)
    weights.write_bytes(whole)
    config = json.loads((copy / "config.json").read_text())
    config["mask_decoder_config"]["mlp_dim"] = 64
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="does not hold the tensors"):
        load(copy)
