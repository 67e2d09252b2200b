# SPDX-License-Identifier: Apache-2.0
"""DAFormer's decode head: all stages at the finest one's scale, fused with context of several widths."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


class DAFormerHead(nn.Module):
    """Features of the encoder's stages to logits (Hoyer et al., "DAFormer", CVPR 2022).

        E_i = up(W_i F_i + b_i),   X = [E_0 … E_3]
        Y   = bottleneck([aspp_1(X) … aspp_18(X)]),   logits = W dropout(Y) + b

    up is bilinear, corners not aligned, to the scale of F_0. aspp_1 is a 1×1 convolution; the others are
    depth-wise 3×3 convolutions with that dilation and a 1×1 convolution after each; there is no branch of
    global pooling. The bottleneck is a 3×3 convolution. Every convolution but the first and the last ones is
    followed by batch normalisation and ReLU. Dropout hides whole channels. Weights are drawn as those of the
    encoder are; that is chosen here.

    Args:
        widths: channels C_i of the stages, finest first.
        num_classes: channels of the logits.
        channels: of each E_i, of each ASPP branch and of Y.
        dilations: of the ASPP branches.
        dropout: share of the channels of Y hidden in training.
    """

    def __init__(
        self,
        widths: Sequence[int],
        num_classes: int,
        *,
        channels: int = 256,
        dilations: Sequence[int] = (1, 6, 12, 18),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        joined = len(widths) * channels
        self.projections = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.aspp = nn.ModuleList(_branch(joined, channels, dilation) for dilation in dilations)
        self.bottleneck = _convolution(len(dilations) * channels, channels, kernel=3)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(channels, num_classes, 1)
        self._initialise()

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Stages float [b, C_i, h_i, w_i], finest first, to logits float [b, classes, h_0, w_0]."""
        # Plain integers, so that a traced graph has them as constants.
        size = [int(side) for side in features[0].shape[2:]]
        projected = []
        for feature, projection in zip(features, self.projections, strict=True):
            # Channels-last, in which dense convolutions and upsampling are fast on a CPU.
            stage = projection(feature.contiguous(memory_format=torch.channels_last))
            if list(stage.shape[2:]) != size:
                stage = functional.interpolate(stage, size=size, mode="bilinear", align_corners=False)
            projected.append(stage)
        # Depth-wise convolutions with holes are the exception: channels-last they take twice as long.
        joined = torch.cat(projected, dim=1).contiguous()
        fused = self.bottleneck(torch.cat([branch(joined) for branch in self.aspp], dim=1))
        return self.classifier(self.dropout(fused))

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        # Fan-out is small here, and logits would start far apart.
        nn.init.normal_(self.classifier.weight, std=0.01)


def _branch(inputs: int, outputs: int, dilation: int) -> nn.Sequential:
    """One ASPP branch; dilation 1 has no neighbours to look at."""
    if dilation == 1:
        return _convolution(inputs, outputs)
    return nn.Sequential(
        _convolution(inputs, inputs, kernel=3, dilation=dilation, groups=inputs),
        _convolution(inputs, outputs),
    )


def _convolution(
    inputs: int, outputs: int, *, kernel: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


@contextmanager
def statistics_kept(head: nn.Module) -> Iterator[None]:
    """In the block, batch normalisation uses the statistics of its batch but does not take them into the
    running ones, which so remain those of the plain branch.
    """
    found = [one for one in head.modules() if isinstance(one, _BatchNorm)]
    before = [one.momentum for one in found]
    for one in found:
        one.momentum = 0.0
    try:
        yield
    finally:
        for one, momentum in zip(found, before, strict=True):
            one.momentum = momentum
