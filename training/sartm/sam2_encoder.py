# SPDX-License-Identifier: Apache-2.0
"""SAM 2's image encoder, at any picture size that its windows divide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Sam2Encoder(nn.Module):
    """Hiera and its neck as transformers has them, in parts: tokens, blocks, levels.

    At strides 4 and 8 SAM 2's mask decoder projects what the neck gives by a 1×1 convolution each, conv_s0
    and conv_s1; as in the authors' code they start from the checkpoint and learn, and the neck does not.

    Args:
        model: a `Sam2Model`, frozen or adapted.

    Attributes:
        channels: of the levels, finest first: 32, 64 and 256 in every published SAM 2.
        multiple: that height and width of pictures must be of: 32 in every published SAM 2. The first stage's
            windows of positions are laid side by side, and each of three stages halves the picture.
        kept: the last block of each stage.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.hiera = model.vision_encoder.backbone
        self.neck = model.vision_encoder.neck
        self.conv_s0 = model.mask_decoder.conv_s0.requires_grad_(True)
        self.conv_s1 = model.mask_decoder.conv_s1.requires_grad_(True)
        config = self.hiera.config
        self.channels = (self.conv_s0.out_channels, self.conv_s1.out_channels, self.conv_s0.in_channels)
        halvings = 2**config.num_query_pool_stages
        self.multiple = config.patch_stride[0] * math.lcm(config.window_size_per_stage[0], halvings)
        self.kept = tuple(self.hiera.stage_ends)

    @property
    def blocks(self) -> nn.ModuleList:
        """From tokens to tokens [b, h/4, w/4, width], coarser and wider from stage to stage."""
        blocks: nn.ModuleList = self.hiera.blocks
        return blocks

    def tokens(self, image: Tensor) -> Tensor:
        """Normalised image float [b, 3, h, w] to what the first block takes."""
        embedded: Tensor = self.hiera.patch_embed(image)
        rows, columns = (int(side) for side in embedded.shape[1:3])  # no part of a traced graph
        return embedded + self._positions(rows, columns)

    def levels(self, kept: Sequence[Tensor]) -> list[Tensor]:
        """Outputs of the blocks `kept` to FFP, IFP and SFM."""
        # The library's neck would make positions too, for the memory of videos: as large as the features.
        features: list[Tensor] = []
        for convolution, stage in zip(self.neck.convs, reversed(range(len(kept))), strict=True):
            feature = convolution(kept[stage].permute(0, 3, 1, 2))
            if features and stage in self.neck.fpn_top_down_levels:
                feature = feature + functional.interpolate(features[-1], scale_factor=2.0, mode="nearest")
            features.append(feature)
        fine, middle, coarse = features[:-4:-1]
        return [self.conv_s0(fine), self.conv_s1(middle), coarse]

    @torch.no_grad()
    def settle(self, height: int, width: int) -> None:
        """Keep only the positions of pictures of this size in pixels."""
        stride = self.hiera.config.patch_stride[0]
        positions = self._positions(height // stride, width // stride).permute(0, 3, 1, 2)
        self.hiera.pos_embed = nn.Parameter(positions.contiguous(), requires_grad=False)
        nn.init.zeros_(self.hiera.pos_embed_window)  # is in the other now

    def _positions(self, rows: int, columns: int) -> Tensor:
        """[1, rows, columns, width], as the library has them: one for the picture and one for each window."""
        whole, window = self.hiera.pos_embed, self.hiera.pos_embed_window
        if tuple(whole.shape[2:]) != (rows, columns):
            whole = functional.interpolate(whole, size=(rows, columns), mode="bicubic")
        tiles = (1, 1, rows // window.shape[2], columns // window.shape[3])
        positions: Tensor = (whole + window.tile(tiles)).permute(0, 2, 3, 1)
        return positions
