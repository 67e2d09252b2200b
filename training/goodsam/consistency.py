# SPDX-License-Identifier: Apache-2.0
"""Prediction-level consistency: what two windows both see, they should call the same."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def overlap_consistency(first: Tensor, second: Tensor) -> Tensor:
    """L_CC (Eq. 1) of two windows W_i, W_j on their overlap O_i.

        L_CC = 1 / (2 |O_i|) Σ_{p ∈ O_i} KL(sg q_j ‖ q_i) + KL(sg q_i ‖ q_j),   q_i = softmax S_i(p)

    with sg the stop-gradient. Known from the paper: it ties S_i to S_j on the overlap. Which distance is not
    known. The symmetric Kullback-Leibler divergence is chosen: the other losses are cross-entropies, and this
    one is of their kind and size. Neither window is right by its place, so each is the other's fixed target.
    The gradient on the logits of S_i is then (q_i − q_j) / (2 |O_i|), and its negative on those of S_j:
    bounded however sure both are, which it would not be if targets moved too.

    Args:
        first: S_i on the overlap, float [b, c, h, w] logits.
        second: S_j on the overlap, likewise.

    Returns:
        Scalar, 0 or more; the mean over the pixels of all b overlaps, in nats.
    """
    one = first.float().log_softmax(1)
    other = second.float().log_softmax(1)
    apart = functional.kl_div(one, other.detach(), reduction="sum", log_target=True)
    apart = apart + functional.kl_div(other, one.detach(), reduction="sum", log_target=True)
    return apart / (2 * one[:, 0].numel())
