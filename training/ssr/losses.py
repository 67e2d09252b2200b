# SPDX-License-Identifier: Apache-2.0
"""The one loss of SSR's branches, on source, mixed and masked pictures."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from samseg_ros.labels import UNLABELED


def segmentation_loss(logits: Tensor, label: Tensor, weight: Tensor | None = None) -> Tensor:
    """Weighted cross-entropy, a mean over all pixels: those without label add nothing, and are counted.

        L = 1/(b H W) Σ_{p: y(p) ≠ 255} w(p) · −log softmax(up(logits))_{y(p)}(p)

    That unlabelled pixels are counted is as in the authors' code; so a picture with few labels weighs less,
    and the mean over processes is the mean over the whole batch.

    Args:
        logits: float [b, classes, h, w]; upsampled bilinearly to the label's size.
        label: int64 [b, H, W], 255 unlabelled.
        weight: w, float32 [b, H, W]; None is 1 everywhere.
    """
    logits = logits.float()  # sums over many pixels
    if logits.shape[2:] != label.shape[1:]:
        logits = functional.interpolate(logits, size=label.shape[1:], mode="bilinear", align_corners=False)
    loss = functional.cross_entropy(logits, label, ignore_index=UNLABELED, reduction="none")
    return (loss if weight is None else loss * weight).mean()
