# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from samseg_ros.labels import UNLABELED
from training.goodsam.fusion import Fused, fuse, fuse_by_area, hard_labels

LEVELS = (0.2, 0.5)


def certain(labels: Tensor, classes: int = 3) -> Tensor:
    """Logits whose argmax is `labels`, equally confident everywhere."""
    return 10.0 * functional.one_hot(labels, classes).movedim(-1, 1).float()


def row(*ids: int) -> Tensor:
    return torch.tensor([[ids]])


def in_turn(logits: Tensor, masks: Tensor, theta: float) -> Fused:
    """Eq. 2 and 3 mask by mask, as one would write them down."""
    labels = logits.argmax(1)
    reliable = torch.zeros_like(masks, dtype=torch.bool)
    for picture in range(len(masks)):
        for number in masks[picture].unique().tolist():
            if number:
                inside = masks[picture] == number
                ratio = torch.bincount(labels[picture][inside], minlength=logits.shape[1]) / inside.sum()
                labels[picture][inside] = ratio.argmax()
                reliable[picture][inside] = ratio.max() >= theta
    return Fused(labels, reliable)


def test_fusion_by_hand() -> None:
    # Mask 1 holds 0 0 0 1: Y_max = 3/4 for label 0. Mask 2 holds 2 1: a tie at 1/2, the lower id is taken.
    # The last two pixels are in no mask and keep the assistant's labels.
    labels = row(0, 0, 0, 1, 2, 1, 2, 1)
    masks = row(1, 1, 1, 1, 2, 2, 0, 0)
    fused = fuse(certain(labels), masks, 0.7)
    assert fused.labels.tolist() == [[[0, 0, 0, 0, 1, 1, 2, 1]]]
    assert fused.reliable.int().tolist() == [[[1, 1, 1, 1, 0, 0, 0, 0]]]
    assert hard_labels(fused).tolist() == [[[0, 0, 0, 0] + [UNLABELED] * 4]]
    assert fused.labels.dtype == torch.int64 and fused.reliable.dtype == torch.bool
    assert hard_labels(fused).dtype == torch.int64


@pytest.mark.parametrize(("agreeing", "of"), [(7, 10), (9, 10), (3, 5), (2, 3), (1, 1)])
def test_a_mask_exactly_at_theta_is_reliable(agreeing: int, of: int) -> None:
    labels = row(*[1] * agreeing, *[0] * (of - agreeing))
    masks = torch.ones_like(labels)
    assert fuse(certain(labels), masks, agreeing / of).reliable.all()
    assert not fuse(certain(labels), masks, agreeing / of + 1e-6).reliable.any()


def test_fusion_is_that_of_each_mask_and_window_alone() -> None:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 12, 20, generator=random)
    logits[:, :, :6] += 2 * torch.eye(5)[2].view(1, 5, 1, 1)
    masks = torch.randint(0, 9, (3, 12, 20), generator=random)
    masks[1] = masks[1].clamp(max=3)
    masks[2, :, :7] = 40  # ids may have gaps, and differ in number between windows
    for theta in (0.3, 0.5):
        expected, fused = in_turn(logits, masks, theta), fuse(logits, masks, theta)
        assert fused.labels.equal(expected.labels) and fused.reliable.equal(expected.reliable)
        assert 0 < fused.reliable.float().mean() < 1
    for version in (lambda a, b: fuse(a, b, 0.5), lambda a, b: fuse_by_area(a, b, 0.5, LEVELS)):
        together = version(logits, masks)
        for picture in range(3):
            alone = version(logits[picture : picture + 1], masks[picture : picture + 1])
            assert together.labels[picture].equal(alone.labels[0])
            assert together.reliable[picture].equal(alone.reliable[0])


@pytest.mark.parametrize("classes", [1, 4])
def test_windows_without_masks_keep_the_assistants_labels(classes: int) -> None:
    logits = torch.randn(2, classes, 4, 6)
    masks = torch.zeros(2, 4, 6, dtype=torch.long)
    for fused in (fuse(logits, masks, 0.0), fuse_by_area(logits, masks, 0.0, LEVELS)):
        assert fused.labels.equal(logits.argmax(1))
        assert not fused.reliable.any() and (hard_labels(fused) == UNLABELED).all()


def test_one_class_is_always_reliable() -> None:
    masks = torch.ones(1, 2, 3, dtype=torch.long)
    for fused in (
        fuse(torch.randn(1, 1, 2, 3), masks, 1.0),
        fuse_by_area(torch.randn(1, 1, 2, 3), masks, 1.0, LEVELS),
    ):
        assert not fused.labels.any() and fused.reliable.all()


def test_targets_carry_no_gradient() -> None:
    logits = torch.randn(1, 3, 2, 4, requires_grad=True)
    masks = torch.ones(1, 2, 4, dtype=torch.long)
    for fused in (fuse(logits, masks, 0.5), fuse_by_area(logits, masks, 0.5, LEVELS)):
        assert not fused.labels.requires_grad and not fused.reliable.requires_grad


def test_confident_pixels_count_for_more() -> None:
    # Three pixels of one mask. Two say 0 with softmax (0.4, 0.3, 0.3), one says 1 with (0.05, 0.9, 0.05):
    # r_0 = 0.8 / 1.7 = 0.47, r_1 = 0.9 / 1.7 = 0.53, although label 0 has 2 pixels of 3.
    unsure, sure = torch.tensor([0.4, 0.3, 0.3]).log(), torch.tensor([0.05, 0.9, 0.05]).log()
    logits = torch.stack([unsure, unsure, sure], dim=1).view(1, 3, 1, 3)
    masks = row(1, 1, 1)
    assert fuse(logits, masks, 0.5).labels.tolist() == [[[0, 0, 0]]]
    assert fuse_by_area(logits, masks, 0.52, LEVELS).labels.tolist() == [[[1, 1, 1]]]
    assert fuse_by_area(logits, masks, 0.52, LEVELS).reliable.all()
    assert not fuse_by_area(logits, masks, 0.54, LEVELS).reliable.any()


def test_small_masks_are_judged_by_their_level() -> None:
    # A window of 20 pixels; medium begins at 4, large at 10. Even confidence, so ratios are shares of pixels.
    # Mask 1, large: 12 of 12 say 0, Y_max = 1. Masks 2 and 3, small: 2 of 3 say 1, Y_max = 2/3.
    # A_large = 1, A_small = 2/3, A = (12 · 1 + 3 · 2/3 + 3 · 2/3) / 18 = 16/18.
    # θ = 0.8: θ_small = 0.8 · (2/3) / (16/18) = 0.6 ≤ 2/3, so both pass, which 0.8 itself would refuse.
    labels = row(*[0] * 12, 1, 1, 2, 1, 1, 0, 0, 0)
    masks = row(*[1] * 12, 2, 2, 2, 3, 3, 3, 0, 0)
    fused = fuse_by_area(certain(labels), masks, 0.8, LEVELS)
    assert fused.reliable.int().tolist() == [[[1] * 18 + [0, 0]]]
    assert fused.labels.tolist() == [[[0] * 12 + [1] * 6 + [0, 0]]]
    assert fuse(certain(labels), masks, 0.8).reliable.int().tolist() == [[[1] * 12 + [0] * 8]]
    # θ = 0.9 gives 0.675: refused.
    assert fuse_by_area(certain(labels), masks, 0.9, LEVELS).reliable.int().tolist() == [[[1] * 12 + [0] * 8]]


def test_areas_at_a_limit_belong_to_the_larger_level() -> None:
    # As above, but with small masks of 3 pixels of 20 = 0.15 counted as medium, and of 4 as large.
    labels = row(*[0] * 12, 1, 1, 2, 0, 0, 0, 0, 0)
    masks = row(*[1] * 12, 2, 2, 2, 0, 0, 0, 0, 0)
    apart = fuse_by_area(certain(labels), masks, 0.8, (0.15, 0.5))
    together = fuse_by_area(certain(labels), masks, 0.8, (0.1, 0.15))
    # Apart: A = (12 + 2) / 15, θ_medium = 0.8 · (2/3) / (14/15) = 0.571. Together: one level, so θ = 0.8.
    assert apart.reliable[0, 0, 12:15].all() and not together.reliable[0, 0, 12:15].any()


def test_a_level_that_is_poor_throughout_does_not_pass() -> None:
    # Large: 12 of 12. Small: 1 of 3, three labels. A = 13/15, θ · A_small / A = 0.7 · 0.385 = 0.27 < 1/3, but
    # there is no majority.
    labels = row(*[0] * 12, 0, 1, 2, 0, 0, 0, 0, 0)
    masks = row(*[1] * 12, 2, 2, 2, 0, 0, 0, 0, 0)
    assert not fuse_by_area(certain(labels), masks, 0.7, LEVELS).reliable[0, 0, 12:].any()
    # θ below 1/2 is not raised: 1/3 ≥ 0.33 passes in either version.
    assert fuse(certain(labels), masks, 0.33).reliable[0, 0, 12:15].all()
    assert fuse_by_area(certain(labels), masks, 0.33, LEVELS).reliable[0, 0, 12:15].all()


def test_one_level_and_even_confidence_are_goodsam() -> None:
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 3, (2, 10, 10), generator=random)
    masks = torch.randint(0, 15, (2, 10, 10), generator=random)
    plain, by_area = (
        fuse(certain(labels), masks, 0.47),
        fuse_by_area(certain(labels), masks, 0.47, (0.0, 0.0)),
    )
    assert by_area.labels.equal(plain.labels) and by_area.reliable.equal(plain.reliable)
    assert plain.reliable.any()
