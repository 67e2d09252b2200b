# SPDX-License-Identifier: Apache-2.0
"""DAFormer's network: a MiT encoder and a decode head that looks at all of its stages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import SegformerModel

from training.networks import Variant, segformer
from training.ssr.head import DAFormerHead


class DAFormer(nn.Module):
    """Image float32 [b, 3, h, w] from `training.networks.normalise` to logits float [b, classes, h/4, w/4].

    Attributes:
        encoder: MiT. head: the decode head. widths: channels C_i of the encoder's stages, finest first.
    """

    def __init__(self, encoder: SegformerModel, head: DAFormerHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.widths: tuple[int, ...] = tuple(encoder.config.hidden_sizes)

    def encode(self, image: Tensor) -> list[Tensor]:
        """F_0 … F_3 of `stages`."""
        return stages(self.encoder, image)

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Logits float [b, classes, h/4, w/4] of the four stages' features, finest first."""
        return self.head(features)

    def forward(self, image: Tensor) -> Tensor:
        return self.decode(self.encode(image))


def stages(encoder: SegformerModel, image: Tensor) -> list[Tensor]:
    """F_0 … F_3 of a MiT, finest first.

    Args:
        image: float32 [b, 3, h, w] from `training.networks.normalise`.

    Returns:
        Four of float [b, C_i, h_i, w_i]; h_i is h/4, h/8, h/16, h/32, rounded up.
    """
    features = []
    for stage in encoder.stages:
        image = stage(image)
        features.append(image)
    return features


def daformer(
    variant: Variant,
    num_classes: int,
    *,
    channels: int = 256,
    drop_path: float = 0.1,
    dropout: float = 0.1,
    weights: Path | None = None,
) -> DAFormer:
    """A DAFormer with random weights, or with the encoder of a local checkpoint; channels-last in memory.

    Args:
        variant: of the encoder, "b0" to "b5".
        num_classes: channels of the logits.
        channels: of the decode head.
        drop_path: stochastic depth rate of the encoder's deepest block.
        dropout: of the decode head.
        weights: of the encoder, a published MiT as for `training.networks.segformer`.

    Raises:
        FileNotFoundError, ValueError: no weights there, or none of them fits.
    """
    encoder = segformer(variant, num_classes, drop_path=drop_path, weights=weights).model.segformer
    head = DAFormerHead(encoder.config.hidden_sizes, num_classes, channels=channels, dropout=dropout)
    return DAFormer(encoder, head).to(memory_format=torch.channels_last)
