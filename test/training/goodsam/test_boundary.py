# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from training.goodsam.boundary import boundary_loss, label_boundary, mask_boundary, refine, soft_boundary


def halves(split: int, size: tuple[int, int] = (4, 12)) -> Tensor:
    """One picture of label 0, from column `split` on of label 1."""
    ids = torch.zeros(1, *size, dtype=torch.long)
    ids[..., split:] = 1
    return ids


def certain(labels: Tensor, classes: int = 3) -> Tensor:
    return 100.0 * functional.one_hot(labels, classes).movedim(-1, 1).float()


def columns(boundary: Tensor) -> list[int]:
    """Columns that are boundary from top to bottom; no others may be."""
    assert boundary.all(1).equal(boundary.any(1))
    return boundary[0].all(0).nonzero().flatten().tolist()


def test_boundaries_lie_on_both_sides_and_not_at_the_rim() -> None:
    assert columns(mask_boundary(halves(5))) == [4, 5]
    assert columns(label_boundary(halves(5))) == [4, 5]
    assert not mask_boundary(torch.full((1, 4, 6), 7)).any()
    # A mask that meets no other has an outline against what lies in no mask: 4 pixels and the 12 about them.
    lone = torch.zeros(1, 8, 8, dtype=torch.long)
    lone[0, 3:5, 3:5] = 60_000
    assert mask_boundary(lone).sum() == 16
    # Ids are names: neighbours in number are told apart as well as distant ones.
    assert columns(mask_boundary(halves(5) + 60_000)) == [4, 5]


def test_refine_keeps_outlines_near_a_change_of_class() -> None:
    # SAM has outlines at columns 2 | 3 and 8 | 9. One window changes class at 4 | 5, the other nowhere.
    masks = torch.zeros(1, 4, 12, dtype=torch.long)
    masks[..., 3:9] = 1
    sam, nothing = mask_boundary(masks), torch.zeros(1, 4, 12, dtype=torch.long)
    # The class changes at 4 and 5; within 1 pixel lie 3 … 6, within 2 lie 2 … 7, within 3 lie 1 … 8.
    for radius, kept in ((0, []), (1, [3]), (2, [2, 3]), (3, [2, 3, 8])):
        assert columns(refine(sam, halves(5), nothing, radius)) == kept
        assert columns(refine(sam, nothing, halves(5), radius)) == kept
    assert not refine(sam, nothing, nothing, 3).any()
    assert not refine(torch.zeros_like(sam), halves(5), halves(5), 3).any()


def test_soft_boundary_by_hand() -> None:
    # One row: (1/2, 1/2) twice, then (1/4, 3/4) twice; both classes change by 1/4 between the middle pixels.
    logits = torch.tensor([[0.5, 0.5, 0.25, 0.25], [0.5, 0.5, 0.75, 0.75]]).log().view(1, 2, 1, 4)
    assert soft_boundary(logits).flatten().tolist() == pytest.approx([0, 0.25, 0.25, 0])


def test_soft_boundary_of_a_certain_prediction_is_its_label_boundary() -> None:
    labels = torch.randint(0, 3, (2, 4, 5)).repeat_interleave(3, 1).repeat_interleave(3, 2)
    assert torch.allclose(soft_boundary(certain(labels)), label_boundary(labels).float())


def test_loss_by_hand() -> None:
    # 4 rows. B_S at columns 4 and 5 with 1/4 each, B_ref at 4 and 5; without widening: per row
    # Dice = 2 · (1/4 + 1/4) / (1/2 + 2) = 0.4, and the same for all rows together.
    change = torch.where(halves(5) == 1, 0.25, 0.5)
    logits = torch.stack([change, 1 - change], 1).log().requires_grad_()
    reference = label_boundary(halves(5))
    loss = boundary_loss(logits, reference, 0)
    assert loss.item() == pytest.approx(0.6, rel=1e-5)
    loss.backward()
    assert logits.grad is not None and logits.grad.isfinite().all() and logits.grad.abs().sum() > 0
    # B_ref at 5 and 6, widened by 1 on either side: B_S at 3 … 6, B_ref at 4 … 7, in common 4, 5, 6.
    # Dice = 2 · 3/4 / (1 + 4) = 0.3.
    assert boundary_loss(logits, label_boundary(halves(6)), 1).item() == pytest.approx(0.7, rel=1e-5)


def test_loss_tells_how_well_boundaries_fit() -> None:
    reference = label_boundary(halves(5))
    losses = [boundary_loss(certain(halves(split)), reference, 1).item() for split in (5, 6, 7, 10)]
    assert losses[0] == pytest.approx(0, abs=1e-6) and losses[-1] == pytest.approx(1)
    assert losses == sorted(losses) and losses[1] < losses[2] < losses[3]


def test_pictures_without_a_reference_add_nothing() -> None:
    logits = torch.randn(2, 3, 4, 12, requires_grad=True)
    reference = torch.cat([label_boundary(halves(5)), torch.zeros(1, 4, 12, dtype=torch.bool)])
    loss = boundary_loss(logits, reference, 1)
    # It is the mean over both pictures, so that of the first alone is halved.
    assert loss.item() == pytest.approx(boundary_loss(logits[:1], reference[:1], 1).item() / 2, rel=1e-5)
    loss.backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert logits.grad[0].abs().sum() > 0 and logits.grad[1].abs().sum() == 0

    flat = torch.zeros(1, 3, 4, 12, requires_grad=True)
    empty = boundary_loss(flat, torch.zeros(1, 4, 12, dtype=torch.bool), 1)
    empty.backward()
    assert empty.item() == 0 and flat.grad is not None and flat.grad.abs().sum() == 0


def test_one_class_has_no_boundary() -> None:
    logits = torch.randn(1, 1, 4, 12, requires_grad=True)
    loss = boundary_loss(logits, label_boundary(halves(5)), 1)
    loss.backward()
    assert loss.item() == 1 and logits.grad is not None and logits.grad.abs().sum() == 0
