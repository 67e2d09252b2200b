# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy over pixels, weighted by class."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from samseg_ros.labels import UNLABELED


def enet_weights(frequencies: np.ndarray, offset: float = 1.02) -> Tensor:
    """Class weights 1 / ln(offset + frequency) of ENet (Paszke et al., 2016), divided by their mean.

    Args:
        frequencies: float64 [classes], share of pixels of each class.
        offset: 1.02 lets the rarest class weigh up to 50 times as much as one that fills every picture.

    Returns:
        float32 [classes].
    """
    weights = 1.0 / np.log(offset + frequencies)
    return torch.from_numpy((weights / weights.mean()).astype(np.float32))


def cross_entropy(logits: Tensor, label: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Sum of the weighted cross-entropy over labelled pixels, and the sum of their weights.

    Args:
        logits: float [b, classes, h, w]; upsampled bilinearly to the label's size.
        label: int64 [b, H, W], 255 unlabelled.
        weights: float [classes].

    Returns:
        Two scalars; their quotient is the mean. They are apart so that processes can sum each.
    """
    if logits.shape[2:] != label.shape[1:]:
        logits = functional.interpolate(logits, size=label.shape[1:], mode="bilinear", align_corners=False)
    total = functional.cross_entropy(logits, label, weights, ignore_index=UNLABELED, reduction="sum")
    known = label != UNLABELED
    if weights is None:
        return total, known.sum().to(total.dtype)
    return total, weights[label.clamp(max=len(weights) - 1)][known].sum()
