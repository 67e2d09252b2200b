# SPDX-License-Identifier: Apache-2.0
"""Cross-task complementary fusion: instance masks say where a thing ends, the assistant what it is.

The teacher's masks K_i^m of window W_i have no classes, the teacher assistant's logits S_i have no good
outlines. Each mask takes the label that most of its pixels have in Y = argmax S_i:

    r_c = |{p ∈ K_i^m : Y(p) = c}| / |K_i^m|,   Y_max = max_c r_c,   Y_instance = argmax_c r_c

E_i is Y with every mask painted in its Y_instance (Eq. 3), and M_i says which masks are to be trusted: it is
0 inside where Y_max < θ, else 1. The label ratios, their maximum, θ and both outputs are the paper's. The
exact text of Eq. 2 and 3 and the value of θ are not known; chosen here:

* E_i is a map of labels. The paper calls it ensemble logits, but all that is trained against it is a
  cross-entropy, and a mask with one label is a one-hot vector.
* Where there is no mask E_i is Y, and M_i is 0: nothing there confirms the assistant.
* Masks do not overlap: smaller ones lie on top of larger ones.
* Of labels with the same ratio the lower id is taken.

Nothing here is differentiated: E_i and M_i are targets.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from samseg_ros.labels import UNLABELED


class Fused(NamedTuple):
    """What one window is trained against."""

    labels: Tensor
    """E_i as labels: int64 [b, h, w], class ids, every pixel has one."""
    reliable: Tensor
    """M_i: bool [b, h, w], True inside masks whose pixels agree on their label."""


@torch.no_grad()
def fuse(logits: Tensor, masks: Tensor, theta: float) -> Fused:
    """GoodSAM's fusion: a mask is reliable when Y_max is θ or more.

    Args:
        logits: S_i, float [b, c, h, w].
        masks: int64 [b, h, w], 0 where there is no mask, 1…n one mask each; n may differ between windows.
        theta: θ in 0..1, the share of a mask's pixels that have to have its label.
    """
    labels = logits.max(1).indices  # on a CPU four times as fast as argmax
    place, count = _places(masks)
    alike = torch.ones_like(labels, dtype=torch.float32)
    largest, dominant = _label_ratio(labels, alike, place, (count, logits.shape[1])).max(-1)
    return _paint(labels, masks, place, dominant, largest >= theta)


@torch.no_grad()
def fuse_by_area(logits: Tensor, masks: Tensor, theta: float, levels: tuple[float, float]) -> Fused:
    """GoodSAM++'s fusion: confident pixels count for more, and small masks are judged as small masks.

    Known from the paper's figure and a summary of it: masks are sorted into large, medium and small; a weight
    map made from S_i multiplies the mask; label ratios are averaged within the level before Y_max is held
    against θ. How is not known. Chosen here:

    * The weight map is the assistant's confidence w(p) = max_c softmax(S_i)(p). The ratio becomes
      r_c = Σ_{p ∈ K, Y(p) = c} w(p) / Σ_{p ∈ K} w(p), which is GoodSAM's where confidence is even.
    * A pole is a few pixels wide, and most of them lie at its outline, where the assistant errs. A pole that
      it has found has a Y_max that would be poor for a road. So θ is lowered for levels that agree less than
      the whole: with A_l the mean of Y_max over the masks of level l in this window, each by its area, and A
      the same over all its masks,

          θ_l = θ · min(1, A_l / A), but not below 1/2 (or θ, where that is less).

      The level that agrees best has A_l ≥ A and keeps θ. So θ keeps its meaning: where the assistant
      contradicts all masks alike, none passes, and a window whose masks are all of one level is judged as in
      GoodSAM. The floor asks for a majority: a level cannot pass by being poor throughout.
    * Means are of one window: what it gets does not depend on the others of its batch.

    Args:
        logits: S_i, float [b, c, h, w].
        masks: int64 [b, h, w], 0 where there is no mask, 1…n one mask each; n may differ between windows.
        theta: θ in 0..1.
        levels: shares of the window's area at which medium and large masks begin, ascending, in 0..1.
    """
    logits = logits.float()
    highest, labels = logits.max(1)
    confidence = (highest - logits.logsumexp(1)).exp()
    place, count = _places(masks)
    largest, dominant = _label_ratio(labels, confidence, place, (count, logits.shape[1])).max(-1)

    area = torch.zeros_like(largest)
    area.view(-1).scatter_add_(0, place.flatten(), torch.ones_like(confidence).flatten())
    area[:, 0] = 0  # what lies in no mask is not a mask
    share = area / masks[0].numel()
    level = (share >= levels[0]).long() + (share >= levels[1]).long()
    level_area = area.new_zeros(len(area), 3).scatter_add_(1, level, area)
    level_agreement = area.new_zeros(len(area), 3).scatter_add_(1, level, area * largest)
    mean = level_agreement / level_area.clamp(min=1)  # A_l; 0 for levels without masks, which nobody reads
    overall = level_agreement.sum(1, keepdim=True) / level_area.sum(1, keepdim=True).clamp(min=1)
    relative = (mean / overall.clamp(min=torch.finfo(overall.dtype).tiny)).clamp(max=1)
    threshold = (theta * relative).clamp(min=min(theta, 0.5))
    return _paint(labels, masks, place, dominant, largest >= threshold.gather(1, level))


def hard_labels(fused: Fused) -> Tensor:
    """E_H^i = E_i ⊗ M_i: int64 [b, h, w], 255 where M_i blanks E_i out."""
    return torch.where(fused.reliable, fused.labels, UNLABELED)


def _places(masks: Tensor) -> tuple[Tensor, int]:
    """The row of each pixel's mask in a table of all masks of the batch, and how many rows a picture has.

    Row 0 of each picture gathers the pixels that are in no mask. The largest id is the one value that has to
    be waited for when masks lie on a GPU: it is the size of the table.
    """
    count = int(masks.max()) + 1
    first = torch.arange(len(masks), device=masks.device).view(-1, 1, 1) * count
    return masks + first, count


def _label_ratio(labels: Tensor, weight: Tensor, place: Tensor, shape: tuple[int, int]) -> Tensor:
    """r_c of every mask: float32 [b, masks, classes], which sums to 1 over the classes; 0 for ids not in use.

    Args:
        labels: int64 [b, h, w].
        weight: float32 [b, h, w], what each pixel counts.
        place: int64 [b, h, w] of `_places`.
        shape: rows of each picture, classes.
    """
    count, classes = shape
    table = weight.new_zeros(len(labels) * count * classes)
    table.scatter_add_(0, (place * classes + labels).flatten(), weight.flatten())
    table = table.view(len(labels), count, classes)
    return table / table.sum(-1, keepdim=True).clamp(min=torch.finfo(table.dtype).tiny)


def _paint(labels: Tensor, masks: Tensor, place: Tensor, dominant: Tensor, passes: Tensor) -> Fused:
    """Eq. 3: masks in their dominant label; `dominant` and `passes` are [b, masks]."""
    inside = masks > 0
    return Fused(torch.where(inside, dominant.flatten()[place], labels), inside & passes.flatten()[place])
