# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from samseg_ros.labels import LabelSet
from samseg_ros.metrics import Confusion

THREE = LabelSet("three", ("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))


def test_iou_of_a_hand_computed_picture() -> None:
    confusion = Confusion(3)
    truth = np.array([[0, 0, 1], [1, 1, 255]], np.uint8)
    prediction = np.array([[0, 1, 1], [1, 255, 0]], np.uint8)
    confusion.update(prediction, truth)
    # a: 1 hit of 2 true, 1 predicted; b: 2 hits of 3 true (one of them predicted as nothing) and 3 predicted.
    np.testing.assert_allclose(confusion.iou(), [1 / 2, 2 / 4, np.nan])
    assert confusion.miou() == pytest.approx(0.5)
    assert confusion.pixel_accuracy() == pytest.approx(3 / 5)


def test_pictures_add_up() -> None:
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 3, (2, 8, 8)).astype(np.uint8)
    whole, halves = Confusion(3), Confusion(3)
    whole.update(prediction, truth)
    halves.update(prediction[:4], truth[:4])
    halves.update(prediction[4:], truth[4:])
    np.testing.assert_array_equal(whole.counts, halves.counts)


def test_nothing_counted_is_no_score() -> None:
    assert math.isnan(Confusion(3).miou())
    assert Confusion(3).report(THREE) == {
        "miou": None,
        "iou": {"a": None, "b": None, "c": None},
        "pixel_accuracy": None,
    }


def test_truth_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="truth holds id 3, but ids go from 0 to 2"):
        Confusion(3).update(np.zeros((1, 1), np.uint8), np.full((1, 1), 3, np.uint8))


def test_shapes_must_match() -> None:
    with pytest.raises(ValueError, match="both must have one shape"):
        Confusion(3).update(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))
