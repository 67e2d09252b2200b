# SPDX-License-Identifier: Apache-2.0
"""What SARTM minimises: segmentation, language-aided distillation, distillation across modalities.

    L = L_seg(decoder) + L_seg(auxiliary head) + L_lang + L_proto

with weights of 1, as in the authors' code. Each is a scalar, that of the batches of all processes together.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from training.loss import cross_entropy
from training.processes import summed
from training.sartm.prototypes import Prototypes


def segmentation_loss(logits: Tensor, label: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy, a mean over labelled pixels; classes weigh alike in the authors' code.

        L_seg = Σ_{p ∈ Ω} −w_{y(p)} log softmax(up(logits))_{y(p)}(p) / Σ_{p ∈ Ω} w_{y(p)},
        Ω = {p : y(p) ≠ 255}

    Args:
        logits: float [b, classes, h, w]; upsampled bilinearly to the label's size.
        label: y, int64 [b, H, W], 255 unlabelled.
        weights: w, float [classes]; None is 1 for each.

    Returns:
        Scalar, 0 without any label.
    """
    total, count = cross_entropy(logits.float(), label, weights)
    return summed(total) / summed(count).clamp(min=torch.finfo(count.dtype).tiny)


def language_loss(fused: Prototypes, text: Tensor) -> Tensor:
    """Language-aided distillation: classes should be as alike as their names are to CLIP.

        S_t = softmax_row(cos(T, T)),   S_v = softmax_row(cos(P, P))
        L_lang = 1/n² Σ_{k,l} S_t(k, l) (log S_t(k, l) − log S_v(k, l))

    There is no temperature, and the mean is over all elements, as in the authors' code. So L_lang is small:
    names are so alike to CLIP that no row of S_t is far from uniform.

    T and P are those of the n classes in the batch alone. In the authors' code the prototype of an absent
    class is 0, as if at a right angle to all others, which no two names are: the more classes are absent, the
    further those in the batch are driven apart. With all classes in the batch both are the same.

    Args:
        fused: P, of the fused features.
        text: T, float [classes, d] in the order of the labels' ids; gets no gradient.

    Returns:
        Scalar, 0 with less than two classes in the batch.
    """
    wanted = _similarity(text.detach().float()[fused.known]).softmax(1)
    return _divergence(_similarity(fused.mean[fused.known]), wanted)


def prototype_loss(streams: Sequence[Prototypes], shared: Prototypes) -> Tensor:
    """Distillation across modalities (CMKD): in each, a class should be like the prototype that all share.

        L_proto = 1/(|R| C) Σ_{(m,k) ∈ R} KL(softmax(G_k) ‖ softmax(P_{m,k}))

    with R the pairs of a modality m and a class k that it shows in the batch and that G knows; a missing
    stream has none. The softmax is over the C channels.

    In the authors' code m is the fused features alone, and absent classes have a term too. Over which axis
    its softmax is, and how the paper lets RGB and thermal in, is not known; chosen here is: G follows the
    fused features, which see most, and features of RGB, of thermal and the fused ones are all drawn to it.

    Args:
        streams: P_m of each modality, all with C channels: of RGB, of thermal, of the fused features.
        shared: G, with C channels; gets no gradient.

    Returns:
        Scalar, 0 where R is empty.
    """
    both = [one.known & shared.known for one in streams]
    own = torch.cat([one.mean[known] for one, known in zip(streams, both, strict=True)])
    wanted = torch.cat([shared.mean.detach()[known] for known in both])
    return _divergence(own, wanted.softmax(1))


def _similarity(vectors: Tensor) -> Tensor:
    """cos(V, V): float32 [n, d] → [n, n]. Not as a product of matrices, which autocast would round."""
    return functional.cosine_similarity(vectors[:, None], vectors[None], dim=-1)


def _divergence(logits: Tensor, wanted: Tensor) -> Tensor:
    """Mean over all elements of wanted · (log wanted − log softmax_row(logits)), 0 without any."""
    terms = functional.kl_div(logits.log_softmax(1), wanted, reduction="none")
    return terms.sum() / max(terms.numel(), 1)
