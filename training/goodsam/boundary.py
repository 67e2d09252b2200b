# SPDX-License-Identifier: Apache-2.0
"""Boundary enhancement: the teacher's outlines, those kept where the assistant sees a change of class too.

On the overlap O_i of two windows: B_SAM^i, the outlines of the teacher's masks, is precise but full of
outlines that mean nothing (windows of a façade, stripes on a road). The assistant's predictions S_i, S_j
change class in about the right places. B_ref^i keeps of the first what the second confirm, and the student's
boundary B_S^i is drawn to it by L_bd. These maps and what each is made from are the paper's; how the block
works inside and the form of L_bd are not known. What was chosen is said with each function. One thing differs
from the figure: there O_i itself is shown to SAM, here B_SAM^i is of the masks of W_i, as far as they lie on
O_i. That spares a run of SAM on every overlap, and the teacher sees more about it.

A boundary is here wherever a 3 × 3 neighbourhood holds two values, so it is two pixels wide, one on either
side, and `soft_boundary` of a certain prediction is `label_boundary` of its labels. The picture's rim is not
one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def mask_boundary(masks: Tensor) -> Tensor:
    """B_SAM: outlines of masks, against each other and against what lies in no mask.

    Args:
        masks: int64 [b, h, w], 0 where there is no mask, ids below 2^24.

    Returns:
        bool [b, h, w].
    """
    return _changes(masks)


def label_boundary(labels: Tensor) -> Tensor:
    """Where a map of labels (argmax S_i) changes class: int64 [b, h, w] → bool [b, h, w]."""
    return _changes(labels)


def refine(sam: Tensor, first: Tensor, second: Tensor, radius: int) -> Tensor:
    """B_ref: pixels of B_SAM that have a boundary of either window's labels in reach.

        B_ref = B_SAM ∧ dilate(edges(argmax S_i) ∨ edges(argmax S_j), radius)

    Chosen here. Either window suffices, because near its rim, where it lacks context, a window misses
    boundaries that the other one sees.

    Args:
        sam: B_SAM on the overlap, bool [b, h, w].
        first: argmax S_i on the overlap, int64 [b, h, w].
        second: argmax S_j on the overlap, likewise.
        radius: reach in pixels, in rows and in columns each, 0 or more.

    Returns:
        bool [b, h, w].
    """
    near = (label_boundary(first) | label_boundary(second)).float()
    return sam & (_dilate(near, radius) > 0)


def soft_boundary(logits: Tensor) -> Tensor:
    """B_S: how much the prediction changes within 3 × 3 pixels.

        B_S(p) = max_c ( max_{q ∈ N(p)} softmax(·)_c(q) − min_{q ∈ N(p)} softmax(·)_c(q) )

    Chosen here. The largest over the classes, not their mean, is 1 at a certain boundary however many classes
    there are.

    Args:
        logits: P_i on the overlap, float [b, c, h, w].

    Returns:
        float32 [b, h, w] in 0..1, differentiable.
    """
    # Pooling on a CPU is twice as fast with the classes of a pixel side by side.
    probability = logits.float().softmax(1).contiguous(memory_format=torch.channels_last)
    return (_largest(probability, 1) + _largest(-probability, 1)).amax(1)


def boundary_loss(logits: Tensor, reference: Tensor, width: int) -> Tensor:
    """L_bd between the student's boundary B_S^i and the refined one B_ref^i, as 1 − soft Dice.

        L_bd = 1/b Σ_i 1 − 2 Σ_p B̃_S(p) B̃_ref(p) / (Σ_p B̃_S(p) + Σ_p B̃_ref(p)),   B̃ = dilate(B, width)

    Chosen here. Boundaries are few among many pixels, and Dice does not ask how many others there are, as a
    cross-entropy would. Both maps are dilated: a boundary that is a pixel off then still overlaps and knows
    where to go, and one that fits is at 0, which it would not be if the reference alone were wider. A picture
    with an empty B_ref adds nothing, and is counted in b: no outline was confirmed, which does not say that
    there is none.

    Args:
        logits: P_i on the overlap, float [b, c, h, w].
        reference: B_ref, bool [b, h, w].
        width: pixels by which both boundaries are widened, 0 or more.

    Returns:
        Scalar in 0..1.
    """
    drawn = _dilate(soft_boundary(logits), width).flatten(1)
    wanted = _dilate(reference.float(), width).flatten(1)
    area = wanted.sum(1)
    dice = 2 * (drawn * wanted).sum(1) / (drawn.sum(1) + area).clamp(min=1)
    return torch.where(area > 0, 1 - dice, 0.0).mean()


def _changes(ids: Tensor) -> Tensor:
    values = ids.float()[:, None]
    return (_largest(values, 1) + _largest(-values, 1))[:, 0] > 0


def _dilate(boundary: Tensor, radius: int) -> Tensor:
    return _largest(boundary[:, None], radius)[:, 0]


def _largest(values: Tensor, radius: int) -> Tensor:
    """Largest value within `radius` rows and columns of each pixel: float [b, c, h, w]."""
    return functional.max_pool2d(values, 2 * radius + 1, stride=1, padding=radius)
