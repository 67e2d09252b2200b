# SPDX-License-Identifier: Apache-2.0
"""Segment Anything 2, frozen, as transformers has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from safetensors import SafetensorError

from training.foundation.checksum import sha256
from training.foundation.masks import flatten
from training.foundation.settings import Sam2Masks
from training.foundation.view import View

if TYPE_CHECKING:
    from transformers import Sam2Model, Sam2Processor

WEIGHTS = "model.safetensors"
NETWORK = ("config.json", WEIGHTS)
PROCESSOR = ("processor_config.json", "preprocessor_config.json")  # of transformers 5, and of 4
# Ravi et al., "SAM 2", 2024: channels of the image encoder's first stage, blocks of all four.
ENCODERS: dict[str, tuple[int, tuple[int, ...]]] = {
    "tiny": (96, (1, 2, 7, 2)),
    "small": (96, (1, 2, 11, 2)),
    "base_plus": (112, (2, 3, 16, 3)),
    "large": (144, (2, 6, 36, 4)),
}


class Sam2Generator:
    """Masks of the mask-generation pipeline of transformers, flattened.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """

    def __init__(self, settings: Sam2Masks, device: torch.device | str = "cpu") -> None:
        model, processor = load(settings.folder)
        from transformers import pipeline

        self._pipeline: Any = pipeline(
            "mask-generation",
            model=model,
            image_processor=processor.image_processor,
            device=torch.device(device),
        )
        self._parameters = {
            "points_per_crop": settings.points_per_side,
            "points_per_batch": settings.points_per_batch,
            "pred_iou_thresh": settings.pred_iou_thresh,
            "stability_score_thresh": settings.stability_score_thresh,
            "stability_score_offset": settings.stability_score_offset,
            "crops_n_layers": settings.crop_n_layers,
            "crops_nms_thresh": settings.crop_nms_thresh,
            "crop_overlap_ratio": settings.crop_overlap_ratio,
            "crop_n_points_downscale_factor": settings.crop_n_points_downscale_factor,
        }
        files = [settings.folder / name for name in NETWORK + PROCESSOR]
        self._identity = {
            **settings.model_dump(mode="json", exclude={"folder", "points_per_batch"}),
            "sha256": {file.name: sha256(file) for file in files if file.is_file()},
        }

    def identity(self) -> dict[str, Any]:
        return dict(self._identity)

    def __call__(self, view: View) -> np.ndarray:
        from PIL import Image

        height, width = view.image.shape[:2]
        # SAM 2 stretches pictures to a square, but the pipeline lays its grid as if they kept their aspect: a
        # part of the shorter side would have no points. In a square both are the same.
        side = max(height, width)
        square = cv2.resize(cv2.cvtColor(view.image, cv2.COLOR_BGR2RGB), (side, side))
        found = self._pipeline(Image.fromarray(square), **self._parameters)["masks"]
        masks = [np.asarray(mask).astype(np.uint8) for mask in found]
        back = [cv2.resize(one, (width, height), interpolation=cv2.INTER_NEAREST_EXACT) > 0 for one in masks]
        return flatten(back, (height, width))


def load(folder: Path) -> tuple[Sam2Model, Sam2Processor]:
    """A SAM 2 from a local folder, and what prepares its pictures: on the CPU, frozen, in evaluation mode.

    Args:
        folder: config.json, model.safetensors and processor_config.json (or preprocessor_config.json).

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: another kind of model, or not all of its tensors; the package torchvision is missing.
    """
    absent = [name for name in NETWORK if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in PROCESSOR):
        absent.append(PROCESSOR[0])
    if absent:
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(absent)}: give a folder with a SAM 2 as transformers saves it, "
            "such as a clone of facebook/sam2.1-hiera-large."
        )
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{folder / 'config.json'} is not readable: download the folder again.") from error
    # Published checkpoints are of the model for videos, which has that for pictures within it.
    if kind not in ("sam2", "sam2_video"):
        raise ValueError(f"{folder} holds a model of type {kind}, expected sam2: give the folder of a SAM 2.")
    try:
        from transformers import Sam2Model, Sam2Processor

        processor = Sam2Processor.from_pretrained(folder, local_files_only=True)
    except ImportError as missing:
        raise ValueError(
            f"SAM 2 needs a package that is not installed ({missing}): install samseg_ros[train]."
        ) from missing
    loader: Any = Sam2Model
    try:
        model, report = loader.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"{folder} does not hold the tensors that its config.json describes: download the folder again."
        ) from error
    if lacking := sorted(report["missing_keys"]):
        raise ValueError(
            f"{folder} lacks {len(lacking)} tensors of a SAM 2, such as {lacking[0]}: download it again."
        )
    return model.eval().requires_grad_(False), processor


def variant_of(model: Sam2Model) -> str:
    """Name of its image encoder in `ENCODERS`, "custom" if it has none."""
    config: Any = model.config
    hiera = config.vision_config.backbone_config
    own = (hiera.hidden_size, tuple(hiera.blocks_per_stage))
    return next((name for name, published in ENCODERS.items() if published == own), "custom")
