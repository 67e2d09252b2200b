# SPDX-License-Identifier: Apache-2.0
"""Segmentation, language-aided distillation and distillation across modalities, by hand."""

import math

import pytest
import torch
from torch import Tensor

from training.sartm.losses import language_loss, prototype_loss, segmentation_loss
from training.sartm.prototypes import Prototypes, pool

E = math.e


def logits(*pixels: tuple[float, ...]) -> Tensor:
    """One picture of one row, with these distributions as softmax: [1, c, 1, pixels]."""
    return torch.tensor(pixels).T[None, :, None].log().clone().requires_grad_()


def vectors(*rows: tuple[float, ...], known: tuple[bool, ...] | None = None) -> Prototypes:
    mean = torch.tensor(rows, requires_grad=True)
    return Prototypes(mean, torch.tensor(known or (True,) * len(rows)))


def gradient(prototypes: Prototypes) -> Tensor:
    assert prototypes.mean.grad is not None
    return prototypes.mean.grad


def test_segmentation_loss_by_hand() -> None:
    # Of four pixels one has no label: it adds nothing, and is not counted.
    given = logits((0.5, 0.5), (0.25, 0.75), (0.1, 0.9), (0.5, 0.5))
    loss = segmentation_loss(given, torch.tensor([[[0, 0, 255, 1]]]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4) + math.log(2)) / 3, rel=1e-6)
    loss.backward()
    assert given.grad is not None
    assert given.grad[0, :, 0, 2].tolist() == [0, 0]
    assert given.grad[0, :, 0, 1].tolist() == pytest.approx([-0.75 / 3, 0.75 / 3])


def test_segmentation_loss_is_a_mean_by_the_weights_of_classes() -> None:
    given = logits((0.5, 0.5), (0.25, 0.75), (0.1, 0.9), (0.5, 0.5))
    loss = segmentation_loss(given, torch.tensor([[[0, 0, 255, 1]]]), torch.tensor([1.0, 3.0]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4) + 3 * math.log(2)) / 5, rel=1e-6)


def test_segmentation_loss_upsamples_without_aligned_corners() -> None:
    # Differences of the two logits, 0 and 4, become 0, 1, 3, 4.
    given = torch.tensor([[[[0.0, 4.0]], [[0.0, 0.0]]]])
    loss = segmentation_loss(given, torch.zeros(1, 1, 4, dtype=torch.long))
    expected = sum(math.log(1 + math.exp(-difference)) for difference in (0, 1, 3, 4)) / 4
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_segmentation_loss_without_labels_and_in_half_precision() -> None:
    given = torch.zeros(1, 3, 64, 64, dtype=torch.bfloat16, requires_grad=True)
    nothing = segmentation_loss(given, torch.full((1, 256, 256), 255))
    nothing.backward()
    assert nothing.item() == 0 and given.grad is not None and given.grad.abs().sum() == 0
    whole = segmentation_loss(given, torch.zeros(1, 256, 256, dtype=torch.long))
    assert whole.item() == pytest.approx(math.log(3), rel=1e-5)


def test_language_loss_by_hand() -> None:
    # Names at a right angle, features parallel: rows of S_t are e : 1, those of S_v 1 : 1.
    text, fused = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]), vectors((1.0, 1.0), (3.0, 3.0))
    p, q = E / (E + 1), 1 / (E + 1)
    loss = language_loss(fused, text)
    # The mean is over all four elements, not over two rows.
    assert loss.item() == pytest.approx((p * math.log(2 * p) + q * math.log(2 * q)) / 2, rel=1e-5)


def test_language_loss_is_zero_where_classes_are_as_alike_as_names() -> None:
    # Lengths do not count, nor whether the angles are in two dimensions or in three.
    text = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    fused = vectors((0.0, 5.0), (0.1, 0.1), (7.0, 0.0))
    loss = language_loss(fused, text)
    assert loss.item() == pytest.approx(0, abs=1e-7)
    swapped = language_loss(fused, text[[1, 0, 2]])
    assert swapped.item() > 1e-3  # the order of the names does count


def test_language_loss_turns_features_towards_the_angles_of_names() -> None:
    text = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    fused = vectors((1.0, 0.2), (1.0, 0.0))
    language_loss(fused, text).backward()
    first, second = fused.mean.detach() - 0.1 * gradient(fused)
    cosine = torch.nn.functional.cosine_similarity(first, second, dim=0)
    assert cosine.item() < 1 / math.sqrt(1.04)


def test_language_loss_is_of_the_classes_in_the_batch() -> None:
    text = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    known = (True, False, True)
    fused = vectors((1.0, 1.0), (0.0, 0.0), (1.0, 0.0), known=known)
    loss = language_loss(fused, text)
    alone = language_loss(vectors((1.0, 1.0), (1.0, 0.0)), text[[0, 2]])
    assert loss.item() == pytest.approx(alone.item()) and loss.item() > 1e-3
    loss.backward()
    assert gradient(fused)[1].tolist() == [0, 0] and gradient(fused)[0].abs().sum() > 0


@pytest.mark.parametrize("known", [(False, False), (True, False)])
def test_language_loss_of_one_class_or_none(known: tuple[bool, ...]) -> None:
    fused = vectors((1.0, 2.0), (0.0, 0.0), known=known)
    loss = language_loss(fused, torch.randn(2, 4, requires_grad=True))
    loss.backward()
    assert loss.item() == 0 and gradient(fused).abs().sum() == 0


def test_language_loss_is_not_rounded_by_autocast() -> None:
    torch.manual_seed(0)
    text, fused = torch.randn(5, 64), Prototypes(torch.randn(5, 32), torch.ones(5, dtype=torch.bool))
    whole = language_loss(fused, text)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(language_loss(fused, text), whole)


def test_prototype_loss_by_hand() -> None:
    # softmax(G) is (1/4, 3/4) for class 0. RGB shows it as (1/2, 1/2), thermal as it is; class 1 is nowhere.
    third = math.log(3)
    shared = vectors((0.0, third), (5.0, 0.0))
    rgb = vectors((2.0, 2.0), (0.0, 0.0), known=(True, False))
    thermal = vectors((1.0, 1.0 + third), (0.0, 0.0), known=(True, False))
    divergence = math.log(2) / 4 * -1 + 0.75 * math.log(1.5)
    # Two pairs of a modality and a class, of two channels each.
    loss = prototype_loss([rgb, thermal], shared)
    assert loss.item() == pytest.approx(divergence / 4, rel=1e-5)
    loss.backward()
    assert gradient(rgb).tolist() == [pytest.approx([0.25 / 4, -0.25 / 4]), [0, 0]]
    assert gradient(thermal).abs().max() < 1e-7 and shared.mean.grad is None


def test_prototype_loss_of_a_missing_stream_is_that_of_the_others() -> None:
    torch.manual_seed(0)
    label, shared = torch.randint(0, 3, (2, 4, 4)), Prototypes(torch.randn(3, 5), torch.ones(3).bool())
    rgb, thermal = torch.randn(2, 5, 4, 4), torch.randn(2, 5, 4, 4, requires_grad=True)
    of_rgb = pool(rgb, label, 3)
    missing = pool(thermal, label, 3, torch.zeros(2))
    loss = prototype_loss([of_rgb, missing], shared)
    loss.backward()
    assert loss.item() == pytest.approx(prototype_loss([of_rgb], shared).item())
    assert thermal.grad is not None and thermal.grad.abs().sum() == 0


def test_prototype_loss_reaches_thermal() -> None:
    torch.manual_seed(0)
    label, shared = torch.randint(0, 3, (2, 4, 4)), Prototypes(torch.randn(3, 5), torch.ones(3).bool())
    features = [torch.randn(2, 5, 4, 4, requires_grad=True) for _ in range(3)]
    # In the second picture there is no thermal.
    present = [None, torch.tensor([1.0, 0.0]), None]
    pooled = [pool(one, label, 3, there) for one, there in zip(features, present, strict=True)]
    prototype_loss(pooled, shared).backward()
    assert all(one.grad is not None and one.grad[0].abs().sum() > 0 for one in features)
    assert features[1].grad is not None and features[1].grad[1].abs().sum() == 0


@pytest.mark.parametrize(("known", "seen"), [((False,), (True,)), ((True,), (False,))])
def test_prototype_loss_needs_a_class_both_here_and_before(
    known: tuple[bool, ...], seen: tuple[bool, ...]
) -> None:
    given = vectors((1.0, 2.0), known=known)
    loss = prototype_loss([given, given], vectors((3.0, 0.0), known=seen))
    loss.backward()
    assert loss.item() == 0 and gradient(given).abs().sum() == 0
