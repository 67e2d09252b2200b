# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.foundation.instances import InstanceGenerator
from training.foundation.masks import flatten, generator, renumber
from training.foundation.settings import FelzenszwalbMasks, InstanceMasks


def rows(*text: str) -> np.ndarray:
    return np.array([[character != "." for character in line] for line in text])


def test_smaller_masks_lie_on_larger_ones() -> None:
    small = rows("....", ".#..", "....")
    large = rows("####", "####", "....")
    middle = rows("....", ".##.", ".##.")
    expected = [[1, 1, 1, 1], [1, 3, 2, 1], [0, 2, 2, 0]]
    for order in ([small, large, middle], [middle, small, large]):
        flat = flatten(order, (3, 4))
        assert flat.dtype == np.uint16 and flat.tolist() == expected


def test_of_equally_large_masks_the_later_is_on_top() -> None:
    first, second = rows("##."), rows(".##")
    assert flatten([first, second], (1, 3)).tolist() == [[1, 2, 2]]
    assert flatten([second, first], (1, 3)).tolist() == [[2, 2, 1]]


def test_hidden_and_empty_masks_take_no_number() -> None:
    below, left, right, empty = rows("##"), rows("#."), rows(".#"), rows("..")
    assert flatten([empty, below, left, right], (1, 2)).tolist() == [[1, 2]]


def test_no_masks_at_all() -> None:
    flat = flatten([], (2, 3))
    assert flat.shape == (2, 3) and flat.dtype == np.uint16 and not flat.any()


def test_renumbering_closes_gaps_and_keeps_zero() -> None:
    ids = np.array([[0, 7, 3], [7, 900000, 0]])
    assert renumber(ids).tolist() == [[0, 2, 1], [2, 3, 0]]
    assert renumber(np.array([[5, 9]])).tolist() == [[1, 2]]


def test_more_masks_than_16_bits_can_number() -> None:
    assert renumber(np.arange(1, 65536)[None]).max() == 65535
    with pytest.raises(ValueError, match="65536 masks, more than the 65535"):
        renumber(np.arange(1, 65537)[None])


def test_the_settings_choose_the_generator() -> None:
    assert isinstance(generator(InstanceMasks()), InstanceGenerator)
    pytest.importorskip("skimage")
    found = generator(FelzenszwalbMasks(scale=50))
    assert found.identity() == {"kind": "felzenszwalb", "scale": 50.0, "sigma": 0.8, "min_size": 50}
