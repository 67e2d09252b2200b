# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch

from training.loss import cross_entropy, enet_weights


def test_enet_weights_by_hand() -> None:
    weights = enet_weights(np.array([0.98, 0.02]))
    raw = [1 / math.log(2.0), 1 / math.log(1.04)]
    assert weights.tolist() == pytest.approx([2 * one / sum(raw) for one in raw], rel=1e-5)


def test_cross_entropy_by_hand() -> None:
    # Two pixels with probabilities (1/4, 3/4); the third is unlabelled.
    logits = torch.log(torch.tensor([0.25, 0.75])).view(1, 2, 1, 1).expand(1, 2, 1, 3)
    label = torch.tensor([[[0, 1, 255]]])
    total, count = cross_entropy(logits, label)
    assert float(total) == pytest.approx(math.log(4) + math.log(4 / 3)) and float(count) == 2
    total, count = cross_entropy(logits, label, torch.tensor([2.0, 0.5]))
    assert float(total) == pytest.approx(2 * math.log(4) + 0.5 * math.log(4 / 3)) and float(count) == 2.5


def test_logits_are_upsampled_to_the_label() -> None:
    logits = torch.randn(1, 3, 4, 4)
    total, count = cross_entropy(logits, torch.zeros(1, 8, 8, dtype=torch.long))
    assert float(count) == 64 and float(total) > 0
