# SPDX-License-Identifier: Apache-2.0
"""SAM's image encoder with a learned pyramid, at any picture size that is a multiple of its patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.foundation.sam import CHANNELS, PATCH

FINE, MIDDLE = 32, 64  # channels at strides 4 and 8, as SAM 2's decoder has them
EARLY = 128  # channels that the pyramid takes from an early block


class SamEncoder(nn.Module):
    """The ViT of segment-anything in parts: tokens, blocks, levels.

    Position embeddings are resized bicubically, as in ViTDet, whose code SAM's is. Relative positions are
    stretched linearly by the library itself, and it pads pictures to whole windows.

    Args:
        vit: `ImageEncoderViT` with positions, frozen or adapted.

    Attributes:
        channels: of the levels, finest first. multiple: that height and width of pictures must be of.
        kept: blocks whose output the levels are made of: the first that sees the whole picture, the last.
    """

    channels = (FINE, MIDDLE, CHANNELS)
    multiple = PATCH

    def __init__(self, vit: Any) -> None:
        super().__init__()
        self.vit = vit
        self.pyramid = Pyramid(vit.pos_embed.shape[-1])
        early = next((number for number, block in enumerate(vit.blocks) if block.window_size == 0), 0)
        self.kept = (early, len(vit.blocks) - 1)

    @property
    def blocks(self) -> nn.ModuleList:
        """From tokens to tokens [b, h/16, w/16, width]."""
        blocks: nn.ModuleList = self.vit.blocks
        return blocks

    def tokens(self, image: Tensor) -> Tensor:
        """Normalised image float [b, 3, h, w] to what the first block takes."""
        height, width = (int(side) // PATCH for side in image.shape[2:])  # no part of a traced graph
        embedded: Tensor = self.vit.patch_embed(image) + self._positions(height, width)
        return embedded

    def levels(self, kept: Sequence[Tensor]) -> list[Tensor]:
        """Outputs of the blocks `kept` to FFP, IFP and SFM; SFM is SAM's image embedding."""
        early, last = (tokens.permute(0, 3, 1, 2) for tokens in kept)
        embedding = self.vit.neck(last)
        return [*self.pyramid(early, embedding), embedding]

    @torch.no_grad()
    def settle(self, height: int, width: int) -> None:
        """Keep only the positions, absolute and relative, of pictures of this size in pixels."""
        rows, columns = height // PATCH, width // PATCH
        self.vit.pos_embed = nn.Parameter(self._positions(rows, columns), requires_grad=False)
        for block in self.vit.blocks:
            if block.window_size == 0:
                attention = block.attn
                attention.rel_pos_h = nn.Parameter(_stretch(attention.rel_pos_h, rows), requires_grad=False)
                attention.rel_pos_w = nn.Parameter(
                    _stretch(attention.rel_pos_w, columns), requires_grad=False
                )

    def _positions(self, rows: int, columns: int) -> Tensor:
        own: Tensor = self.vit.pos_embed
        if tuple(own.shape[1:3]) == (rows, columns):
            return own
        resized = functional.interpolate(
            own.permute(0, 3, 1, 2), size=(rows, columns), mode="bicubic", align_corners=False
        )
        return resized.permute(0, 2, 3, 1)


class Pyramid(nn.Module):
    """FFP and IFP for a SAM that has one level only.

    The paper has SAM 2, whose neck gives three levels; the pyramid below is ours. With E the projected tokens
    of an early block, T_n a transposed convolution that enlarges n times:

        E = g(tokens W),   IFP = g(T_2 [E, SFM]),   FFP = g(T_4 E + T_2 IFP)

    where g is normalisation over channels and GELU, as in SAM's own upscaling.

    Args:
        width: channels of the tokens.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        from segment_anything.modeling.common import LayerNorm2d

        self.early = nn.Conv2d(width, EARLY, 1)
        self.middle = nn.ConvTranspose2d(EARLY + CHANNELS, MIDDLE, 2, stride=2)
        self.fine_of_early = nn.ConvTranspose2d(EARLY, FINE, 4, stride=4)
        self.fine_of_middle = nn.ConvTranspose2d(MIDDLE, FINE, 2, stride=2)
        self.norms = nn.ModuleList(LayerNorm2d(channels) for channels in (EARLY, MIDDLE, FINE))

    def forward(self, tokens: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens [b, width, h/16, w/16] and SFM [b, 256, h/16, w/16] to FFP and IFP.

        Returns:
            [b, 32, h/4, w/4] and [b, 64, h/8, w/8].
        """
        normalise_early, normalise_middle, normalise_fine = self.norms
        early = functional.gelu(normalise_early(self.early(tokens)))
        middle = functional.gelu(normalise_middle(self.middle(torch.cat([early, embedding], dim=1))))
        fine = functional.gelu(normalise_fine(self.fine_of_early(early) + self.fine_of_middle(middle)))
        return fine, middle


def _stretch(relative: Tensor, side: int) -> Tensor:
    """Relative positions [2 n − 1, c] to [2 side − 1, c], as the library does it at every picture."""
    stretched = functional.interpolate(relative.T[None], size=2 * side - 1, mode="linear")
    return stretched[0].T.contiguous()
