# SPDX-License-Identifier: Apache-2.0
"""How much each class counts in a loss, by how often pictures show it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from training.data.memory import Memory
from training.data.mixture import Mixture, class_frequencies
from training.loss import enet_weights
from training.procedure import ClassWeights


def class_weights(wanted: ClassWeights, mixture: Mixture, memory: Memory, num_classes: int) -> Tensor | None:
    """float32 [num_classes], by the frequency of the classes in the mixture, or None when none are wanted."""
    if wanted == "none":
        return None
    weights = enet_weights(class_shares(mixture, memory, num_classes))
    return weights.sqrt() if wanted == "sqrt_enet" else weights


def class_shares(mixture: Mixture, memory: Memory, num_classes: int) -> np.ndarray:
    """Of labelled pixels in the mixture, float [num_classes]; read from about 200 pictures of each set."""
    shares = np.asarray(mixture.weights) / np.sum(mixture.weights)
    frequencies = np.zeros(num_classes)
    for part, share in zip(mixture.sets, shares, strict=True):
        # Two hundred pictures tell frequencies well enough, and large sets are not read twice.
        chosen = part[:: max(1, len(part) // 200)]
        frequencies += share * class_frequencies([memory.read(sample)[1] for sample in chosen], num_classes)
    return frequencies
