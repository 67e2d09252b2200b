# SPDX-License-Identifier: Apache-2.0
"""Prototypes: the mean feature of each class, in a batch and over the whole training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from samseg_ros.labels import UNLABELED
from training.processes import summed


@dataclass(frozen=True)
class Prototypes:
    """One feature for each class.

    Attributes:
        mean: float32 [classes, channels]; 0 for classes that are not known.
        known: bool [classes].
    """

    mean: Tensor
    known: Tensor


def pool(features: Tensor, label: Tensor, num_classes: int, present: Tensor | None = None) -> Prototypes:
    """P, masked average pooling over the pictures of a batch, those of all processes together.

        P_k = 1 / |Ω_k| Σ_{p ∈ Ω_k} F(p),   Ω_k = {p : ỹ(p) = k}

    with ỹ the label at the features' resolution: that of the pixel nearest to the middle of each cell.

    Args:
        features: F, float [b, channels, h, w]; sums are in float32, whatever the autocast.
        label: int64 [b, H, W], 255 unlabelled.
        num_classes: K.
        present: [b], 0 where the stream of F is missing, whose picture is left out; None is all there.

    Returns:
        Prototypes, differentiable; known are the classes that a cell shows.
    """
    near = functional.interpolate(label[:, None].float(), size=features.shape[2:], mode="nearest-exact")
    if present is not None:
        absent = present.view(-1, 1, 1, 1) == 0
        near = near.masked_fill(absent, UNLABELED)
        features = features.masked_fill(absent, 0.0)  # 0 · ∞ is no zero
    belongs = (near == torch.arange(num_classes, device=near.device).view(1, -1, 1, 1)).float()
    with torch.autocast(features.device.type, enabled=False):
        # Not index_add, whose order of summation on a GPU differs from run to run.
        sums = summed(torch.einsum("bkhw,bchw->kc", belongs, features.float()))
    counts = summed(belongs.sum((0, 2, 3)))
    return Prototypes(sums / counts.clamp(min=1)[:, None], counts > 0)


class GlobalPrototypes(nn.Module):
    """G, an exponential moving average of prototypes, and the classes that it has seen: buffers.

        G_k ← γ G_k + (1 − γ) P_k   for every class k in the batch

    γ is 0.9 in the authors' code, where G starts at 0. Here G_k starts as the first P_k: no class is drawn to
    0, and before it was ever seen it has no prototype. Prototypes of `pool` are those of all processes, so G
    is the same in each.

    Args:
        num_classes, channels: of the prototypes.
        decay: γ, 0..1.
    """

    mean: Tensor
    seen: Tensor

    def __init__(self, num_classes: int, channels: int, decay: float = 0.9) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(num_classes, channels))
        self.register_buffer("seen", torch.zeros(num_classes, dtype=torch.bool))

    @torch.no_grad()
    def update(self, batch: Prototypes) -> None:
        """Take in the prototypes of a batch; other classes keep theirs."""
        share = torch.where(self.seen, 1 - self.decay, 1.0) * batch.known
        self.mean.lerp_(batch.mean, share[:, None])
        self.seen.logical_or_(batch.known)

    def prototypes(self) -> Prototypes:
        """As they are now; later updates do not change them."""
        return Prototypes(self.mean.clone(), self.seen.clone())
