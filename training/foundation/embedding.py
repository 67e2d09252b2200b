# SPDX-License-Identifier: Apache-2.0
"""A frozen SAM image encoder behind a small interface: picture → embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.foundation.checksum import sha256
from training.foundation.sam import CHANNELS, build, encoder_of, load
from training.foundation.settings import EncoderSettings

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

PLACE_STD = 0.02  # of position embeddings that are drawn; the library starts them at zero


class ImageEmbedding(Protocol):
    """Describes pictures; knows nothing of classes.

    Attributes:
        channels: of the embedding.
    """

    channels: int

    def identity(self) -> dict[str, Any]:
        """What makes the embedding: kind, variant, sha256 of the checkpoint, seed if redrawn; plain JSON."""

    def __call__(self, images: Tensor) -> Tensor:
        """Embedding of pictures, without a gradient.

        Args:
            images: uint8 [b, h, w, 3] BGR of any size, on any device.

        Returns:
            float32 [b, channels, side, side], on the device that the encoder was made for.
        """


class SamEmbedding:
    """Of Segment Anything's image encoder.

    Pictures are resized bilinearly to the square that the encoder sees, as SSR's authors do: their aspect
    ratio is not kept, where SAM's own predictor pads. Each channel is normalised as SAM does it.

    This is no module: one that holds it as an attribute does not take over the encoder's parameters, so that
    none of them gets into a checkpoint, an average or an optimiser.

    Raises:
        FileNotFoundError, ValueError: as `training.foundation.sam.load`.
    """

    channels = CHANNELS

    def __init__(self, settings: EncoderSettings, device: torch.device | str = "cpu") -> None:
        sam = load(settings.variant, settings.checkpoint)
        if settings.redraw is not None:
            sam = redrawn(sam, settings.redraw)
        self._encoder = sam.image_encoder.to(device)
        self._mean, self._std = sam.pixel_mean.to(device), sam.pixel_std.to(device)
        self._identity = {
            "kind": "sam",
            "variant": settings.variant,
            "sha256": sha256(settings.checkpoint),
            "redraw": settings.redraw,
        }

    def identity(self) -> dict[str, Any]:
        return dict(self._identity)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        rgb = images.to(self._mean.device).flip(-1).permute(0, 3, 1, 2).float()
        side = self._encoder.img_size
        square = functional.interpolate(rgb, size=(side, side), mode="bilinear", align_corners=False)
        embedding: Tensor = self._encoder((square - self._mean) / self._std)
        return embedding.float()  # mixed precision would give less


def image_embedding(settings: EncoderSettings, device: torch.device | str = "cpu") -> ImageEmbedding:
    """The encoder that `settings` ask for, on `device`.

    Raises:
        FileNotFoundError, ValueError: no checkpoint there, or not one of that variant; a package is missing.
    """
    return SamEmbedding(settings, device)


def redrawn(sam: Sam, seed: int) -> Sam:
    """A frozen SAM of the same architecture whose weights PyTorch has drawn from `seed`.

    No random numbers of others are used up.
    """
    encoder = encoder_of(sam.state_dict())
    assert encoder is not None  # it was loaded by its tensors
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        other = build(encoder)
        nn.init.normal_(other.image_encoder.pos_embed, std=PLACE_STD)
    return other.eval().requires_grad_(False)
