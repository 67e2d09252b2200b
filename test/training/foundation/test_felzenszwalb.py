# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from training.foundation.settings import FelzenszwalbMasks
from training.foundation.view import View

pytest.importorskip("skimage", reason="scikit-image is not installed")
from training.foundation.felzenszwalb import FelzenszwalbGenerator


def test_colours_are_told_apart() -> None:
    image = np.full((48, 64, 3), (200, 150, 100), np.uint8)
    image[24:] = (80, 80, 80)
    image[10:20, 40:50] = (20, 20, 220)
    masks = FelzenszwalbGenerator(FelzenszwalbMasks(sigma=0))(View(image))
    assert masks.shape == (48, 64) and masks.dtype == np.uint16
    assert len({int(masks[0, 0]), int(masks[15, 45]), int(masks[40, 30])}) == 3
    assert sorted(np.unique(masks)) == [1, 2, 3]
    assert (masks[10:20, 40:50] == masks[15, 45]).all() and (masks[24:] == masks[40, 30]).all()


def test_min_size_swallows_what_is_smaller() -> None:
    image = np.full((32, 32, 3), 60, np.uint8)
    image[10:14, 10:14] = 250
    count = [
        int(FelzenszwalbGenerator(FelzenszwalbMasks(sigma=0, min_size=size))(View(image)).max())
        for size in (5, 50)
    ]
    assert count == [2, 1]


def test_the_identity_is_json_and_tells_parameters_apart() -> None:
    first = FelzenszwalbGenerator(FelzenszwalbMasks()).identity()
    assert json.loads(json.dumps(first)) == first
    assert FelzenszwalbGenerator(FelzenszwalbMasks(scale=99)).identity() != first
