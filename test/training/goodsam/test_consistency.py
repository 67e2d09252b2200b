# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from training.goodsam.consistency import overlap_consistency


def test_by_hand() -> None:
    # Pixel 1: q_i = (1/2, 1/2), q_j = (1/4, 3/4). KL(q_j ‖ q_i) = 1/4 ln 1/2 + 3/4 ln 3/2,
    # KL(q_i ‖ q_j) = 1/2 ln 2 + 1/2 ln 2/3; the sum is 1/4 ln 3. Pixel 2: both (1/5, 4/5), which adds 0.
    # L_CC = 1/4 ln 3 / (2 · 2 pixels).
    first = torch.tensor([[0.5, 0.2], [0.5, 0.8]]).log().view(1, 2, 1, 2).requires_grad_()
    second = torch.tensor([[0.25, 0.2], [0.75, 0.8]]).log().view(1, 2, 1, 2).requires_grad_()
    loss = overlap_consistency(first, second)
    assert loss.item() == pytest.approx(math.log(3) / 16, rel=1e-5)
    loss.backward()
    # (q_i − q_j) / (2 · 2 pixels) on the first, the negative on the second: targets stand still.
    assert first.grad is not None and second.grad is not None
    assert first.grad[0, :, 0, 0].tolist() == pytest.approx([0.0625, -0.0625], rel=1e-5)
    assert first.grad[0, :, 0, 1].tolist() == pytest.approx([0, 0], abs=1e-7)
    assert torch.allclose(first.grad, -second.grad)


def test_is_symmetric_and_zero_for_equals() -> None:
    first, second = torch.randn(2, 4, 3, 5), torch.randn(2, 4, 3, 5)
    forth, back = overlap_consistency(first, second), overlap_consistency(second, first)
    assert forth.item() == pytest.approx(back.item(), rel=1e-5) and forth.item() > 0
    # Softmax does not see a constant added to all logits of a pixel.
    assert overlap_consistency(first, first + 3).item() == pytest.approx(0, abs=1e-6)


def test_a_window_without_gradient_is_a_target() -> None:
    first, second = torch.randn(1, 3, 2, 2, requires_grad=True), torch.randn(1, 3, 2, 2)
    overlap_consistency(first, second).backward()
    assert first.grad is not None and first.grad.abs().sum() > 0 and second.grad is None


def test_is_finite_for_certain_predictions_that_contradict() -> None:
    first = torch.tensor([1e4, 0.0]).view(1, 2, 1, 1).requires_grad_()
    second = torch.tensor([0.0, 1e4]).view(1, 2, 1, 1).requires_grad_()
    loss = overlap_consistency(first, second)
    loss.backward()
    assert loss.isfinite() and first.grad is not None
    assert first.grad.flatten().tolist() == pytest.approx([0.5, -0.5])


def test_is_a_mean_over_overlaps() -> None:
    first, second = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    parts = [overlap_consistency(first[i : i + 1], second[i : i + 1]).item() for i in range(2)]
    assert overlap_consistency(first, second).item() == pytest.approx(sum(parts) / 2, rel=1e-5)
