# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels: what the teacher says of target pictures, and how much it is to be believed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Pseudo(NamedTuple):
    """What target pictures are trained against."""

    label: Tensor
    """int64 [b, h, w], class ids, every pixel has one."""
    weight: Tensor
    """float32 [b, h, w] in 0..1."""


@torch.no_grad()
def pseudo_labels(
    logits: Tensor, size: tuple[int, int], threshold: float, ignore_top: int, ignore_bottom: int
) -> Pseudo:
    """DACS's pseudo-labels (Tranheden et al., WACV 2021), with the ignored rows of DAFormer.

        p = softmax(up(logits)),   ŷ = argmax_c p_c,   q = |{pixels: max_c p_c ≥ τ}| / |pixels|

    over all pixels of the batch, ignored rows included. Every pixel weighs q, sure or not, but those of the
    ignored rows, which weigh 0.

    Args:
        logits: of the teacher, float [b, classes, h, w]; upsampled bilinearly.
        size: (height, width) of the labels.
        threshold: τ in 0..1.
        ignore_top, ignore_bottom: rows at the top and at the bottom, of `size`.
    """
    full = functional.interpolate(logits.float(), size=size, mode="bilinear", align_corners=False)
    probability, label = full.softmax(1).max(1)
    weight = (probability >= threshold).float().mean().expand_as(probability).clone()
    weight[:, :ignore_top] = 0
    weight[:, max(size[0] - ignore_bottom, 0) :] = 0
    return Pseudo(label, weight)
