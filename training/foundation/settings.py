# SPDX-License-Identifier: Apache-2.0
"""Which mask generator to use, and its parameters, as YAML holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.config import Strict

Variant = Literal["vit_b", "vit_l", "vit_h", "custom"]
Share = Annotated[float, Field(ge=0, le=1)]


class PointGrid(Strict):
    """How Segment Anything is asked for everything in a picture: at each point of a grid.

    Names and defaults are those of `segment_anything.SamAutomaticMaskGenerator`.

    Attributes:
        points_per_side: the grid has the square of it, spread over the picture.
        points_per_batch: points at a time; changes memory and speed, not the masks.
        pred_iou_thresh: least quality that the network predicts for a mask.
        stability_score_thresh: least IoU of a mask cut `stability_score_offset` above its threshold with the
            same cut as far below.
        crop_n_layers: with n, the grid is asked again on 4, 16 … 4^n crops of the picture.
        crop_nms_thresh: of two masks whose boxes overlap by a larger IoU, the worse goes; across crops.
        crop_overlap_ratio: of crops, as a fraction of the picture's shorter side.
        crop_n_points_downscale_factor: the grid of layer n has points_per_side / factor^n points a side.
    """

    points_per_side: int = Field(default=32, gt=0)
    points_per_batch: int = Field(default=64, gt=0)
    pred_iou_thresh: Share = 0.88
    stability_score_thresh: Share = 0.95
    stability_score_offset: float = Field(default=1.0, ge=0)
    crop_n_layers: int = Field(default=0, ge=0)
    crop_nms_thresh: Share = 0.7
    crop_overlap_ratio: float = Field(default=512 / 1500, ge=0, lt=1)
    crop_n_points_downscale_factor: int = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> PointGrid:
        if self.points_per_side < self.crop_n_points_downscale_factor**self.crop_n_layers:
            raise ValueError(
                f"points_per_side {self.points_per_side} leaves no point on the smallest crops: "
                "crop_n_layers or crop_n_points_downscale_factor must be smaller"
            )
        return self


class SamMasks(PointGrid):
    """Segment Anything.

    Attributes:
        variant: image encoder of the checkpoint; "custom" is any other one, read off its tensors.
        checkpoint: .pth file as Meta publishes it (sam_vit_h_4b8939.pth).
        box_nms_thresh: as `crop_nms_thresh`, within a crop.
        min_mask_region_area: pixels; smaller islands are dropped, smaller holes filled. 0 keeps both.
    """

    kind: Literal["sam"] = "sam"
    variant: Variant = "vit_h"
    checkpoint: Path
    box_nms_thresh: Share = 0.7
    min_mask_region_area: int = Field(default=0, ge=0)


class Sam2Masks(PointGrid):
    """Segment Anything 2, as transformers has it.

    Attributes:
        folder: as `save_pretrained` writes it, or a clone of facebook/sam2.1-hiera-large or another size.
        pred_iou_thresh: the default is that of SAM 2's own generator.
    """

    kind: Literal["sam2"] = "sam2"
    folder: Path
    pred_iou_thresh: Share = 0.8


class InstanceMasks(Strict):
    """The renderer's truth, degraded on purpose; see `training.foundation.instances`.

    Attributes:
        strength: 0 is the truth, 1 as bad as it gets.
        min_area: pixels; smaller pieces of the truth are no masks.
        seed: of what is random about it, together with the number of the view.
    """

    kind: Literal["instances"] = "instances"
    strength: Share = 0.0
    min_area: int = Field(default=1, gt=0)
    seed: int = Field(default=0, ge=0)


class FelzenszwalbMasks(Strict):
    """Graph-based segments of colour, for pictures without a renderer and without a checkpoint.

    Felzenszwalb and Huttenlocher, "Efficient graph-based image segmentation", IJCV 2004, as scikit-image has
    it. The defaults suit pictures of streets 256 to 400 pixels high: with them, 95 % of the pixels of CamVid
    (360×480), Cityscapes (400×800) and the rendered world (256×512) have the class that is the commonest in
    their segment. At scale 300 there are half as many segments, and poles and people join what is behind.

    Attributes:
        scale: larger makes larger segments.
        sigma: pixels, of the Gaussian that smooths the picture first.
        min_size: pixels; smaller segments join a neighbour.
    """

    kind: Literal["felzenszwalb"] = "felzenszwalb"
    scale: float = Field(default=100.0, gt=0)
    sigma: float = Field(default=0.8, ge=0)
    min_size: int = Field(default=50, gt=0)


MaskSettings = Annotated[
    SamMasks | Sam2Masks | InstanceMasks | FelzenszwalbMasks, Field(discriminator="kind")
]


class EncoderSettings(Strict):
    """Segment Anything's image encoder alone, for its embeddings.

    Attributes:
        variant: image encoder of the checkpoint; "custom" is any other one, read off its tensors.
        checkpoint: .pth file as Meta publishes it (sam_vit_b_01ec64.pth).
        redraw: seed; the weights of the checkpoint are thrown away and drawn anew: a control that knows
            nothing.
    """

    variant: Variant = "vit_b"
    checkpoint: Path
    redraw: int | None = None
