# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

pytest.importorskip("torchvision", reason="torchvision is not installed")

from training.foundation.pretrain.losses import (
    dice_loss,
    focal_loss,
    grouping_loss,
    hidden_pixel_loss,
    iou,
    mask_losses,
)

SURE = 50.0  # a logit


def test_focal_loss_by_hand() -> None:
    # Probabilities 0.5 and 0.8 of the mask; the first pixel is in it, the second is not.
    logits = torch.tensor([[[0.0, math.log(4.0)]]])
    truth = torch.tensor([[[1.0, 0.0]]])
    inside = -0.25 * 0.5**2 * math.log(0.5)
    outside = -0.75 * 0.8**2 * math.log(0.2)
    assert focal_loss(logits, truth).tolist() == pytest.approx([(inside + outside) / 2])


def test_dice_loss_by_hand() -> None:
    truth = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    assert dice_loss(SURE * (2 * truth - 1), truth) == pytest.approx(0.0)
    # Half of the mask and one pixel beside it: 1 - (2 · 1 + 1) / (2 + 2 + 1).
    found = torch.tensor([[SURE, -SURE], [SURE, -SURE]])
    assert dice_loss(found, truth) == pytest.approx(0.4)
    # All probabilities are a half: 1 - (2 · 1 + 1) / (2 + 2 + 1).
    assert dice_loss(torch.zeros(2, 2), truth) == pytest.approx(0.4)


def test_iou_by_hand() -> None:
    truth = torch.tensor([[True, True], [False, False]])
    masks = torch.stack([truth, ~truth, torch.tensor([[True, False], [True, False]])])
    assert iou(masks, truth).tolist() == pytest.approx([1.0, 0.0, 1 / 3])
    assert iou(torch.zeros(2, 2, dtype=torch.bool), torch.zeros(2, 2, dtype=torch.bool)) == 0


def test_the_best_of_three_masks_learns() -> None:
    truth = torch.zeros(2, 4, 4, dtype=torch.bool)
    truth[0, :2] = True  # of the second point there is no mask
    right = torch.where(truth[0], 2.0, -2.0)
    logits = torch.stack([torch.stack([-right, right, torch.zeros(4, 4)])] * 2).requires_grad_()
    quality = torch.tensor([[0.5, 0.5, 0.5], [9.0, 9.0, 9.0]], requires_grad=True)
    losses = mask_losses(logits, quality, truth, focal=20.0, dice=1.0)
    wanted = truth[0].float()
    # IoU is 0, 1 and, as a logit of 0 is outside, 0.
    expected = [float(focal_loss(right, wanted)), float(dice_loss(right, wanted)), 0.25]
    assert [one.item() for one in losses] == pytest.approx(expected)
    torch.stack(losses).sum().backward()
    assert logits.grad is not None and quality.grad is not None
    assert logits.grad.flatten(2).any(2).tolist() == [[False, True, False], [False] * 3]
    assert quality.grad.any(1).tolist() == [True, False]


def test_without_any_mask_there_is_nothing_to_learn() -> None:
    logits = torch.randn(3, 3, 4, 4, requires_grad=True)
    losses = mask_losses(logits, torch.rand(3, 3), torch.zeros(3, 4, 4, dtype=torch.bool), 20.0, 1.0)
    assert [one.item() for one in losses] == [0.0, 0.0, 0.0]
    losses.dice.backward()
    assert logits.grad is not None and not logits.grad.any()


def test_hidden_pixels_by_hand() -> None:
    # Two by two patches of one channel and two by two pixels.
    image = torch.zeros(1, 1, 4, 4)
    image[0, 0, :2, 2:] = torch.tensor([[1.0, 3.0], [3.0, 1.0]])  # mean 2, variance 1
    predicted = torch.zeros(1, 4, 2, 2)
    hidden = torch.zeros(1, 2, 2, dtype=torch.bool)
    assert hidden_pixel_loss(predicted, image, hidden) == 0
    hidden[0, 0, 1] = True
    assert hidden_pixel_loss(predicted, image, hidden) == pytest.approx(1.0, abs=1e-4)
    predicted[0, :, 0, 1] = torch.tensor([-1.0, 1.0, 1.0, -1.0])  # rows, then columns
    assert hidden_pixel_loss(predicted, image, hidden) == pytest.approx(0.0, abs=1e-4)
    # What is seen does not count; a plain patch is all zero.
    predicted[0, :, 0, 0] = 7.0
    hidden[0, 1, 1] = True
    predicted[0, 0, 1, 1] = 2.0
    assert hidden_pixel_loss(predicted, image, hidden) == pytest.approx((0 + 2.0**2 / 4) / 2, abs=1e-4)


def test_grouping_loss_by_hand() -> None:
    # Cells of masks 1, 1, 2 and of none; cosines 0 between the first two, 1 and 0 with the third.
    embedding = torch.tensor([[[[2.0, 0.0], [0.5, 1.0]], [[0.0, 3.0], [0.0, 1.0]]]])
    cell = torch.tensor([[[1, 1], [2, 0]]])
    scale, bias = torch.tensor(2.0), torch.tensor(-1.0)
    alike = math.log(1 + math.exp(1.0))  # logit -1, should be high
    others = (math.log(1 + math.exp(1.0)) + math.log(1 + math.exp(-1.0))) / 2  # logits 1 and -1, low
    assert float(grouping_loss(embedding, cell, scale, bias)) == pytest.approx((alike + others) / 2)
    # Without two cells in masks there is nothing to compare, and still a gradient.
    embedding.requires_grad_()
    nothing = grouping_loss(embedding, torch.zeros(1, 2, 2, dtype=torch.long), scale, bias)
    nothing.backward()
    assert float(nothing.detach()) == 0 and embedding.grad is not None
