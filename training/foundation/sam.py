# SPDX-License-Identifier: Apache-2.0
"""Segment Anything, frozen, as the package segment-anything has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from training.checkpoint import UNREADABLE
from training.foundation.checksum import sha256
from training.foundation.masks import flatten
from training.foundation.settings import SamMasks, Variant
from training.foundation.view import View

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

PATCH, WINDOW = 16, 14  # pixels of a token, tokens of a window of attention: the same in every SAM
CHANNELS = 256  # of the image embedding, and of the prompts


@dataclass(frozen=True)
class Encoder:
    """Dimensions of SAM's image encoder, a ViT; all else is the same in every SAM.

    Attributes:
        width: channels of a token.
        depth: number of blocks.
        heads: of attention, in each block.
        global_blocks: blocks that attend to the whole picture; the others attend within windows.
        image_size: side of the square that pictures are fitted into, pixels, a multiple of 16.
    """

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    image_size: int = 1024


# Kirillov et al., "Segment Anything", ICCV 2023.
ENCODERS: dict[Variant, Encoder] = {
    "vit_b": Encoder(width=768, depth=12, heads=12, global_blocks=(2, 5, 8, 11)),
    "vit_l": Encoder(width=1024, depth=24, heads=16, global_blocks=(5, 11, 17, 23)),
    "vit_h": Encoder(width=1280, depth=32, heads=16, global_blocks=(7, 15, 23, 31)),
}


class SamGenerator:
    """Masks of `segment_anything.SamAutomaticMaskGenerator`, flattened.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """

    def __init__(self, settings: SamMasks, device: torch.device | str = "cpu") -> None:
        sam = load(settings.variant, settings.checkpoint).to(device)
        from segment_anything import SamAutomaticMaskGenerator

        self._generator = SamAutomaticMaskGenerator(
            sam, **settings.model_dump(exclude={"kind", "variant", "checkpoint"})
        )
        what = settings.model_dump(mode="json", exclude={"checkpoint", "points_per_batch"})
        self._identity = {**what, "sha256": sha256(settings.checkpoint)}

    def identity(self) -> dict[str, Any]:
        return dict(self._identity)

    def __call__(self, view: View) -> np.ndarray:
        found = self._generator.generate(cv2.cvtColor(view.image, cv2.COLOR_BGR2RGB))
        return flatten([one["segmentation"] for one in found], view.image.shape[:2])


def load(variant: Variant, checkpoint: Path) -> Sam:
    """A SAM with the weights of an official checkpoint: on the CPU, frozen, in evaluation mode.

    Args:
        variant: "vit_b", "vit_l" or "vit_h"; "custom" takes the encoder to be what the tensors say it is.
        checkpoint: .pth file, a state dict of `segment_anything.modeling.Sam`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a SAM checkpoint, one of another variant, or not complete; the package is missing.
    """
    if not checkpoint.is_file():
        raise FileNotFoundError(
            f"No SAM checkpoint {checkpoint}: give the .pth file of a {variant} SAM; Meta's of vit_h is "
            "sam_vit_h_4b8939.pth."
        )
    try:
        tensors = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise ValueError(
            f"{checkpoint} is not a readable PyTorch file of tensors: download the SAM checkpoint again."
        ) from error
    encoder = encoder_of(tensors)
    if encoder is None:
        raise ValueError(
            f"{checkpoint} is no SAM checkpoint (it lacks the image encoder of segment-anything): "
            "give the .pth file that Meta publishes."
        )
    if variant != "custom" and encoder != ENCODERS[variant]:
        looks = next((name for name, known in ENCODERS.items() if known == encoder), "custom")
        raise ValueError(
            f"{checkpoint} is no {variant}: its encoder is {encoder.width} wide, {encoder.depth} blocks deep "
            f"and sees {encoder.image_size} pixels, as of {looks}; give that variant, or another file."
        )
    sam = build(encoder)
    try:
        sam.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split()).partition(": ")[2]
        raise ValueError(
            f"{checkpoint} does not hold the tensors of a SAM one for one ({reason[:300]}): "
            "download the checkpoint again, or give one of the original SAM."
        ) from error
    return sam.eval().requires_grad_(False)


def encoder_of(tensors: Any) -> Encoder | None:
    """The image encoder that a state dict belongs to, None if to no SAM.

    Relative positions tell a global block from a windowed one: they reach over the picture or over a window.
    In a picture of just one window, where both compute the same, all blocks count as global.
    """
    place = "image_encoder.pos_embed"
    if not isinstance(tensors, Mapping) or not all(isinstance(one, Tensor) for one in tensors.values()):
        return None
    reach = {}
    for name, tensor in tensors.items():
        if found := re.fullmatch(r"image_encoder\.blocks\.(\d+)\.attn\.rel_pos_h", str(name)):
            reach[int(found[1])] = tensor
    if place not in tensors or tensors[place].ndim != 4 or not reach:
        return None
    _, side, _, width = tensors[place].shape
    if any(tensor.ndim != 2 or not 0 < tensor.shape[1] <= width for tensor in reach.values()):
        return None
    return Encoder(
        width=width,
        depth=max(reach) + 1,
        heads=width // reach[min(reach)].shape[1],
        global_blocks=tuple(sorted(block for block, t in reach.items() if t.shape[0] == 2 * side - 1)),
        image_size=side * PATCH,
    )


def build(encoder: Encoder) -> Sam:
    """A SAM with random weights, from the library's modules.

    As the library's own builders do it for the three published encoders, but for any image size.

    Raises:
        ValueError: segment-anything is missing.
    """
    try:
        from segment_anything.modeling import (
            ImageEncoderViT,
            MaskDecoder,
            PromptEncoder,
            Sam,
            TwoWayTransformer,
        )
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"The package {missing.name} is not installed, SAM needs it: install samseg_ros[train]."
        ) from missing
    side = encoder.image_size // PATCH
    return Sam(
        ImageEncoderViT(
            img_size=encoder.image_size,
            patch_size=PATCH,
            embed_dim=encoder.width,
            depth=encoder.depth,
            num_heads=encoder.heads,
            out_chans=CHANNELS,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=WINDOW,
            global_attn_indexes=encoder.global_blocks,
        ),
        PromptEncoder(
            embed_dim=CHANNELS,
            image_embedding_size=(side, side),
            input_image_size=(encoder.image_size, encoder.image_size),
            mask_in_chans=16,
        ),
        MaskDecoder(
            transformer_dim=CHANNELS,
            transformer=TwoWayTransformer(depth=2, embedding_dim=CHANNELS, num_heads=8, mlp_dim=2048),
        ),
    )
