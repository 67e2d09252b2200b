# SPDX-License-Identifier: Apache-2.0
import numpy as np

from training.foundation.pretrain.draws import prompts
from training.foundation.pretrain.evaluate import evenly, innermost, large


def masks() -> np.ndarray:
    """Mask 1 is small, 2 and 4 are large, 3 does not occur."""
    found = np.zeros((16, 16), np.uint16)
    found[0, 0] = 1
    found[4:8, 2:10] = 2
    found[10:, :] = 4
    return found


def test_points_lie_in_their_masks() -> None:
    point, mask = prompts(masks(), 6, 0.05, np.random.default_rng(0))
    assert point.shape == (6, 2) and mask.shape == (6, 16, 16) and mask.dtype == bool
    kinds = set()
    for (column, row), one in zip(point, mask, strict=True):
        assert one[row, column]
        (kind,) = np.unique(masks()[one])
        assert (one == (masks() == kind)).all()
        kinds.add(int(kind))
    assert kinds == {2, 4}


def test_as_long_as_there_are_enough_each_mask_comes_once() -> None:
    for seed in range(10):
        _, mask = prompts(masks(), 3, 0.001, np.random.default_rng(seed))
        assert not (mask.sum(0) > 1).any()


def test_without_masks_there_are_empty_ones() -> None:
    point, mask = prompts(np.zeros((16, 16), np.uint16), 2, 0.05, np.random.default_rng(0))
    assert not mask.any() and not point.any()


def test_the_innermost_point() -> None:
    mask = np.zeros((20, 20), bool)
    mask[5:10, 3] = True
    mask[12:17, 4:9] = True
    assert innermost(mask) == (6, 14)
    # The picture's edge is a border as any other.
    assert innermost(np.ones((21, 9), bool))[0] == 4


def test_large_masks() -> None:
    assert [int(one.sum()) for one in large(masks(), 0.05)] == [32, 96]
    assert len(large(np.zeros((4, 4), np.uint16), 0.05)) == 0


def test_evenly_spaced() -> None:
    assert evenly(3, 40) == [0, 1, 2] and evenly(101, 3) == [0, 50, 100] and evenly(1, 5) == [0]
