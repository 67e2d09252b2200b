# SPDX-License-Identifier: Apache-2.0
"""Pseudo-labels, the mix of classes, and the change of colours."""

import pytest
import torch
from torch import Tensor

from training.ssr.classmix import class_mask, mix, photometric
from training.ssr.pseudo import Pseudo, pseudo_labels


def logits(*rows: list[float]) -> Tensor:
    """Two classes, one picture, the first one's probability as given."""
    first = torch.tensor(rows)
    return torch.stack([first, 1 - first])[None].log()


def test_pseudo_labels_by_hand() -> None:
    # Surest class: 0.9, 0.6 / 0.8, 0.5 / 0.55, 0.99. From 0.7 on there are 3 of 6, in ignored rows too.
    pseudo = pseudo_labels(logits([0.9, 0.4], [0.2, 0.5], [0.55, 0.99]), (3, 2), 0.7, 1, 1)
    assert pseudo.label.dtype == torch.int64 and pseudo.weight.dtype == torch.float32
    assert pseudo.label[0].tolist() == [[0, 1], [1, 0], [0, 0]]
    assert pseudo.weight[0].tolist() == [[0, 0], [0.5, 0.5], [0, 0]]


def test_a_probability_at_the_threshold_is_sure() -> None:
    certain = torch.tensor([[[[0.0]], [[-1000.0]]], [[[0.0]], [[0.0]]]])  # probabilities of exactly 1 and 1/2
    assert pseudo_labels(certain, (1, 1), 0.5, 0, 0).weight.flatten().tolist() == [1, 1]
    assert pseudo_labels(certain, (1, 1), 1.0, 0, 0).weight.flatten().tolist() == [0.5, 0.5]


def test_pseudo_labels_are_of_upsampled_logits_and_carry_no_gradient() -> None:
    coarse = logits([0.9, 0.1]).requires_grad_()
    pseudo = pseudo_labels(coarse, (2, 8), 0.8, 0, 0)
    assert pseudo.label[0].tolist() == [[0, 0, 0, 0, 1, 1, 1, 1]] * 2
    # Logits differ by ln 9 times 1, 1, 3/4, 1/4, −1/4 …; probabilities of 0.8 begin at ln 4, 0.63 of ln 9.
    assert pseudo.weight[0].tolist() == [[0.75] * 8] * 2
    assert not pseudo.weight.requires_grad


@pytest.mark.parametrize(("top", "bottom", "left"), [(0, 0, [0, 1, 2]), (0, 2, [0]), (2, 2, []), (9, 9, [])])
def test_ignored_rows(top: int, bottom: int, left: list[int]) -> None:
    weight = pseudo_labels(logits(*[[0.9]] * 3), (3, 1), 0.5, top, bottom).weight
    assert weight[0, :, 0].nonzero().flatten().tolist() == left


def test_half_of_the_classes_rounded_up_and_never_unlabelled() -> None:
    label = torch.tensor([[[0, 3], [7, 255]], [[2, 2], [2, 255]], [[255, 255], [255, 255]], [[1, 2], [3, 4]]])
    seen = set()
    for seed in range(20):
        torch.manual_seed(seed)
        mask = class_mask(label)
        assert mask.dtype == torch.bool and not mask[label == 255].any()
        assert mask.sum((1, 2)).tolist() == [2, 3, 0, 2]
        seen.add(tuple(mask[0].flatten().tolist()))
    assert len(seen) == 3  # every pair of three classes
    torch.manual_seed(3)
    first = class_mask(label)
    torch.manual_seed(3)
    assert torch.equal(first, class_mask(label))


def test_all_pixels_of_a_class_go_together_and_pictures_draw_for_themselves() -> None:
    torch.manual_seed(0)
    label = torch.randint(0, 6, (1, 16, 16)).expand(8, 16, 16)
    masks = class_mask(label)
    for one in masks:
        assert len(label[0][one].unique()) == 3 and not set(label[0][one].tolist()) & set(
            label[0][~one].tolist()
        )
    assert len({tuple(one.flatten().tolist()) for one in masks}) > 1


def test_mix_by_hand() -> None:
    source, target = torch.full((1, 1, 3, 3), 10, dtype=torch.uint8), torch.full((1, 1, 3, 3), 20).byte()
    pseudo = Pseudo(torch.tensor([[[5, 6, 7]]]), torch.tensor([[[0.25, 0.25, 0.0]]]))
    mask = torch.tensor([[[True, False, False]]])
    mixed = mix(mask, source, torch.tensor([[[1, 255, 255]]]), target, pseudo)
    assert mixed.image.dtype == torch.uint8 and mixed.image[0, 0].tolist() == [[10] * 3, [20] * 3, [20] * 3]
    assert mixed.label.tolist() == [[[1, 6, 7]]] and mixed.weight.tolist() == [[[1.0, 0.25, 0.0]]]
    assert mixed.weight.dtype == torch.float32


def pictures(count: int = 1) -> Tensor:
    torch.manual_seed(0)
    return torch.randint(0, 256, (count, 24, 32, 3), dtype=torch.uint8)


def test_photometric_can_do_nothing() -> None:
    image = pictures(2)
    assert torch.equal(photometric(image, 0.2, 0.0, 0.0), image)
    assert torch.equal(photometric(image, 0.0, 1.0, 0.0), image)


def test_photometric_changes_pictures_one_by_one() -> None:
    image = pictures().expand(6, -1, -1, -1)
    changed = photometric(image, 0.2, 0.5, 0.0)
    assert changed.dtype == torch.uint8 and changed.shape == image.shape
    same = [torch.equal(one, image[0]) for one in changed]
    assert any(same) and not all(same)
    assert len({tuple(one.flatten().tolist()) for one in changed}) == 1 + same.count(False)


def test_jitter_keeps_bgr() -> None:
    # Red, last of BGR, stays the largest whatever happens within a fifth, hue of ± 1/20 included.
    red = torch.tensor([30, 30, 200], dtype=torch.uint8).expand(20, 8, 8, 3).contiguous()
    changed = photometric(red, 0.05, 1.0, 0.0).float().mean((1, 2))
    assert (changed.argmax(1) == 2).all() and changed.std(0).max() > 1
    assert (changed[:, 2] - 200).abs().max() < 30


def test_blur_smooths_and_keeps_the_mean() -> None:
    image = pictures(4)
    torch.manual_seed(1)
    blurred = photometric(image, 0.2, 0.0, 1.0)
    assert blurred.float().var() < image.float().var()
    # Channels stay apart.
    assert (blurred.float() - image.float()).mean((0, 1, 2)).abs().max() < 3
