# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch

from training.loss import cross_entropy, enet_weights, jaccard


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


def test_jaccard_by_hand() -> None:
    # Of class 0: 1/4 of 1 + 1/4; of class 1: 3/4 of 1 + 3/4. The unlabelled pixel and class 2 do not count.
    logits = torch.log(torch.tensor([0.25, 0.75, 1e-12])).view(1, 3, 1, 1).expand(1, 3, 1, 3)
    label = torch.tensor([[[0, 1, 255]]])
    assert float(jaccard(logits, label)) == pytest.approx(1 - (0.25 / 1.25 + 0.75 / 1.75) / 2, rel=1e-5)
    assert float(jaccard(logits, torch.full((1, 1, 3), 255))) == 0.0


def test_jaccard_is_zero_where_all_is_right() -> None:
    label = torch.randint(0, 3, (2, 8, 8))
    logits = 50.0 * torch.nn.functional.one_hot(label, 3).permute(0, 3, 1, 2).float()
    logits.requires_grad_()
    right = jaccard(logits, label)
    assert float(right.detach()) == pytest.approx(0.0, abs=1e-6)
    wrong = jaccard(logits, (label + 1) % 3)
    assert float(wrong) == pytest.approx(1.0, abs=1e-6)
    right.backward()
    assert logits.grad is not None and bool(torch.isfinite(logits.grad).all())
