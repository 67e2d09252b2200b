# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy over pixels, weighted by class, and the overlap of classes."""

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


def jaccard(logits: Tensor, label: Tensor) -> Tensor:
    """1 - the intersection over union of probabilities and labels, a mean over the classes in `label`; 0..1.

    Small classes count as much as large ones, as in the score (Rahman and Wang, "Optimizing
    Intersection-over-Union in Deep Neural Networks for Image Segmentation", ISVC 2016).

    Args:
        logits: float [b, classes, h, w]; upsampled bilinearly to the label's size.
        label: int64 [b, H, W], 255 unlabelled.
    """
    if logits.shape[2:] != label.shape[1:]:
        logits = functional.interpolate(logits, size=label.shape[1:], mode="bilinear", align_corners=False)
    known = label != UNLABELED
    # One row for each labelled pixel.
    probability = logits.permute(0, 2, 3, 1)[known].softmax(dim=1)
    truth = label[known]
    both = torch.zeros(logits.shape[1], dtype=probability.dtype, device=logits.device)
    both = both.index_add(0, truth, probability.gather(1, truth[:, None])[:, 0])
    count = torch.bincount(truth, minlength=logits.shape[1])
    union = probability.sum(0) + count - both
    shown = count > 0
    return (1.0 - both[shown] / union[shown]).sum() / shown.sum().clamp(min=1)
