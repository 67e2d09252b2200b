# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy of the branches, feature distance, and the hidden blocks of masked pictures."""

import math

import pytest
import torch
from torch import Tensor

from training.ssr.feature_distance import feature_distance, thing_cells
from training.ssr.losses import segmentation_loss
from training.ssr.masking import block_mask, hide


def logits(*pixels: tuple[float, ...]) -> Tensor:
    """One picture of one row, with these distributions as softmax: [1, c, 1, pixels]."""
    return torch.tensor(pixels).T[None, :, None].log().clone().requires_grad_()


def test_segmentation_loss_by_hand() -> None:
    # Of four pixels one has no label: it adds nothing, gets no gradient, and is counted.
    given = logits((0.5, 0.5), (0.25, 0.75), (0.1, 0.9), (0.5, 0.5))
    label = torch.tensor([[[0, 0, 255, 1]]])
    loss = segmentation_loss(given, label)
    assert loss.item() == pytest.approx((math.log(2) + math.log(4) + math.log(2)) / 4, rel=1e-6)
    loss.backward()
    assert given.grad is not None
    assert given.grad[0, :, 0, 2].tolist() == [0, 0]
    assert given.grad[0, :, 0, 1].tolist() == pytest.approx([-0.75 / 4, 0.75 / 4])


def test_weights_by_hand() -> None:
    given = logits((0.5, 0.5), (0.25, 0.75), (0.1, 0.9), (0.5, 0.5))
    weight = torch.tensor([[[1.0, 0.25, 1.0, 0.0]]])
    loss = segmentation_loss(given, torch.tensor([[[0, 0, 255, 1]]]), weight)
    assert loss.item() == pytest.approx((math.log(2) + math.log(4) / 4) / 4, rel=1e-6)
    loss.backward()
    assert given.grad is not None and given.grad[0, :, 0, 3].tolist() == [0, 0]


def test_logits_are_upsampled_without_aligned_corners() -> None:
    # Differences of the two logits, 0 and 4, become 0, 1, 3, 4.
    given = torch.tensor([[[[0.0, 4.0]], [[0.0, 0.0]]]])
    loss = segmentation_loss(given, torch.zeros(1, 1, 4, dtype=torch.long))
    expected = sum(math.log(1 + math.exp(-difference)) for difference in (0, 1, 3, 4)) / 4
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_the_loss_is_the_mean_of_its_parts() -> None:
    torch.manual_seed(0)
    given, label, weight = torch.randn(4, 3, 5, 6), torch.randint(0, 3, (4, 5, 6)), torch.rand(4, 5, 6)
    label[0] = 255
    whole = segmentation_loss(given, label, weight)
    halves = [segmentation_loss(given[s], label[s], weight[s]) for s in (slice(2), slice(2, 4))]
    assert whole.item() == pytest.approx(sum(half.item() for half in halves) / 2, rel=1e-5)


def test_no_label_and_half_precision() -> None:
    given = torch.zeros(1, 3, 256, 256, dtype=torch.bfloat16, requires_grad=True)
    nothing = segmentation_loss(given, torch.full((1, 256, 256), 255))
    nothing.backward()
    assert nothing.item() == 0 and given.grad is not None and given.grad.abs().sum() == 0
    label = torch.zeros(1, 256, 256, dtype=torch.long)
    assert segmentation_loss(given, label).item() == pytest.approx(math.log(3), rel=1e-5)


def test_thing_cells_by_hand() -> None:
    # Two cells of 2 × 2. Left: three of four pixels are 7. Right: 7 and 8 share it, 8 unsure.
    label = torch.tensor([[[7, 7, 7, 8], [7, 0, 7, 255]]])
    assert thing_cells(label, (1, 2), [7, 8], 0.75).tolist() == [[[True, False]]]
    assert thing_cells(label, (1, 2), [7, 8], 0.76).tolist() == [[[False, False]]]
    assert thing_cells(label, (1, 2), [7, 8], 0.5).tolist() == [[[True, True]]]
    assert thing_cells(label, (1, 2), [0, 8], 0.75).tolist() == [[[False, False]]]
    # Half a cell of each of two things is neither.
    assert thing_cells(torch.tensor([[[7, 8]]]), (1, 1), [7, 8], 0.75).tolist() == [[[False]]]


def test_feature_distance_by_hand() -> None:
    # Differences (3, 4), (0, 2), (5, 12): lengths 5, 2, 13. The last cell is no thing.
    features = torch.tensor([[[[4.0, 1.0, 5.0]], [[4.0, 2.0, 12.0]]]], requires_grad=True)
    reference = torch.tensor([[[[1.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]]], requires_grad=True)
    loss = feature_distance(features, reference, torch.tensor([[[True, True, False]]]))
    assert loss.item() == pytest.approx(3.5)
    loss.backward()
    assert features.grad is not None and reference.grad is None
    assert features.grad[0, :, 0].T.flatten().tolist() == pytest.approx([0.3, 0.4, 0, 0.5, 0, 0])


def test_feature_distance_of_nothing_and_of_the_reference_itself() -> None:
    features = torch.randn(1, 4, 2, 2, requires_grad=True)
    cells = torch.zeros(1, 2, 2, dtype=torch.bool)
    for given in (cells, ~cells):
        loss = feature_distance(features, features if given.any() else features + 1, given)
        loss.backward()
        assert loss.item() == 0 and features.grad is not None and features.grad.abs().sum() == 0


def test_blocks_are_hidden_whole() -> None:
    torch.manual_seed(0)
    hidden = block_mask((3, 10, 13), 4, 0.5, torch.device("cpu"))
    assert hidden.dtype == torch.bool and hidden.shape == (3, 10, 13)
    coarse = hidden[:, ::4, ::4]
    assert coarse.shape == (3, 3, 4) and coarse.any() and not coarse.all()
    for row in range(10):
        for column in range(13):
            assert torch.equal(hidden[:, row, column], coarse[:, row // 4, column // 4])


def test_the_share_that_is_hidden() -> None:
    torch.manual_seed(0)
    hidden = block_mask((8, 128, 128), 4, 0.7, torch.device("cpu"))
    assert float(hidden.float().mean()) == pytest.approx(0.7, abs=0.02)
    assert not torch.equal(hidden[0], hidden[1])


def test_hide_by_hand() -> None:
    image = torch.arange(1.0, 13.0).view(1, 3, 2, 2)
    shown = hide(image, torch.tensor([[[True, False], [False, True]]]))
    assert shown[0].flatten(1).tolist() == [[0, 2, 3, 0], [0, 6, 7, 0], [0, 10, 11, 0]]
