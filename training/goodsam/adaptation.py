# SPDX-License-Identifier: Apache-2.0
"""Multi-level knowledge adaptation: whole image, window, masked window.

The student F_S sees the whole panorama x: P_S = F_S(x), and P_i is what P_S says of window W_i. The
teacher assistant F_TA sees windows: S_i = F_TA(W_i), stitched to S_TA^w. All three levels are
cross-entropies H, of which the paper's figure tells the two sides; that each is a mean over pixels is chosen
here. The fourth level, the boundary, is `boundary.boundary_loss`.

Gradients reach the first argument alone: targets are detached here.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from samseg_ros.labels import UNLABELED
from training.goodsam.fusion import Fused, hard_labels


def whole_image_loss(student: Tensor, stitched: Tensor) -> Tensor:
    """L_CE^{TA,S} = mean_p H(softmax S_TA^w(p), softmax P_S(p)), H(q, p) = −Σ_c q_c log p_c.

    Whether the paper's target is the assistant's distribution or its label is not known. The distribution is
    chosen: where windows disagree it is flat and says so; a label would not. The least value is the target's
    entropy, not 0.

    Args:
        student: P_S, float [b, c, H, W] logits.
        stitched: S_TA^w, float [b, c, H, W] logits.
    """
    return functional.cross_entropy(student.float(), stitched.detach().float().softmax(1))


def window_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """L_CE^{T,TA}(S_i, E_i) and L_CE^{T,S}(P_i, E_i): mean_p −log softmax(·)_{E_i(p)}(p), over all pixels.

    Args:
        logits: S_i or P_i, float [b, c, h, w].
        labels: E_i, int64 [b, h, w], class ids.
    """
    return functional.cross_entropy(logits.float(), labels)


def masked_window_loss(logits: Tensor, fused: Fused) -> Tensor:
    """L_CE^{T,TA}(S_i, E_H^i) and L_CE^{T,S}(P_i, E_H^i): as `window_loss`, where M_i = 0 nothing is added.

        (1 / hw) Σ_p M_i(p) · −log softmax(·)_{E_i(p)}(p)

    Whether the paper divides by all pixels or by those with M_i = 1 is not known. All pixels are chosen: a
    window with one small reliable mask does not weigh as much as one that is reliable throughout, a window
    without any is 0 and not 0 / 0, and the mean over processes is the mean over the whole batch.

    Args:
        logits: S_i or P_i, float [b, c, h, w].
        fused: E_i and M_i, [b, h, w].
    """
    labels = hard_labels(fused)
    total = functional.cross_entropy(logits.float(), labels, ignore_index=UNLABELED, reduction="sum")
    return total / labels.numel()
