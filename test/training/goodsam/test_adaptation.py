# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from torch import Tensor

from training.goodsam.adaptation import masked_window_loss, whole_image_loss, window_loss
from training.goodsam.fusion import Fused


def logits(*pixels: tuple[float, ...]) -> Tensor:
    """One picture of one row, with these distributions as softmax: [1, c, 1, pixels]."""
    return torch.tensor(pixels).T[None, :, None].log().clone().requires_grad_()


def test_whole_image_by_hand() -> None:
    # Pixel 1: target (1/4, 3/4), student (1/2, 1/2): ln 2. Pixel 2: target (1/2, 1/2), student (1/4, 3/4):
    # (ln 4 + ln 4/3) / 2.
    student, stitched = logits((0.5, 0.5), (0.25, 0.75)), logits((0.25, 0.75), (0.5, 0.5))
    loss = whole_image_loss(student, stitched)
    assert loss.item() == pytest.approx((math.log(2) + (math.log(4) + math.log(4 / 3)) / 2) / 2, rel=1e-6)
    loss.backward()
    # (p − q) / 2 pixels.
    assert student.grad is not None and stitched.grad is None
    assert student.grad[0, :, 0].T.tolist() == [
        pytest.approx([0.125, -0.125]),
        pytest.approx([-0.125, 0.125]),
    ]


def test_window_by_hand() -> None:
    student = logits((0.5, 0.5), (0.25, 0.75))
    loss = window_loss(student, torch.tensor([[[0, 1]]]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2, rel=1e-6)
    loss.backward()
    assert student.grad is not None and student.grad.abs().sum() > 0


def test_masked_window_by_hand() -> None:
    # Of three pixels the last is blanked: it adds nothing and gets no gradient, but is counted.
    student = logits((0.5, 0.5), (0.25, 0.75), (0.1, 0.9))
    fused = Fused(torch.tensor([[[0, 1, 0]]]), torch.tensor([[[True, True, False]]]))
    loss = masked_window_loss(student, fused)
    assert loss.item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 3, rel=1e-6)
    loss.backward()
    assert student.grad is not None
    assert student.grad[..., 2].abs().sum() == 0 and (student.grad[..., :2].abs().sum(1) > 0).all()


def test_masked_window_is_the_mean_of_its_parts() -> None:
    student = torch.randn(4, 3, 5, 6)
    reliable = torch.rand(4, 5, 6) > torch.tensor([0.1, 0.5, 0.9, 1.0]).view(4, 1, 1)
    labels = torch.randint(0, 3, (4, 5, 6))
    whole = masked_window_loss(student, Fused(labels, reliable))
    halves = [masked_window_loss(student[s], Fused(labels[s], reliable[s])) for s in (slice(2), slice(2, 4))]
    assert whole.item() == pytest.approx(sum(half.item() for half in halves) / 2, rel=1e-5)


def test_all_blanked_is_zero_and_differentiable() -> None:
    student = torch.randn(2, 3, 4, 4, requires_grad=True)
    labels = torch.zeros(2, 4, 4, dtype=torch.long)
    loss = masked_window_loss(student, Fused(labels, torch.zeros_like(labels, dtype=torch.bool)))
    loss.backward()
    assert loss.item() == 0 and student.grad is not None and student.grad.abs().sum() == 0


def test_all_reliable_is_the_window_loss() -> None:
    student, labels = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    masked = masked_window_loss(student, Fused(labels, torch.ones_like(labels, dtype=torch.bool)))
    assert masked.item() == pytest.approx(window_loss(student, labels).item(), rel=1e-6)


def test_one_class_costs_nothing() -> None:
    student, labels = torch.randn(1, 1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long)
    assert window_loss(student, labels).item() == 0 and whole_image_loss(student, student).item() == 0


def test_half_precision_is_summed_in_single() -> None:
    # The sum of 65536 pixels of ln 3 would exceed what half precision can hold.
    student = torch.zeros(1, 3, 256, 256, dtype=torch.float16)
    labels = torch.zeros(1, 256, 256, dtype=torch.long)
    fused = Fused(labels, torch.ones_like(labels, dtype=torch.bool))
    losses = (
        masked_window_loss(student, fused),
        window_loss(student, labels),
        whole_image_loss(student, student),
    )
    assert [loss.item() for loss in losses] == [pytest.approx(math.log(3), rel=1e-4)] * 3
