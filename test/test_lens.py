# SPDX-License-Identifier: Apache-2.0
"""Camera models against values computed by hand."""

import numpy as np
import pytest

from samseg_ros.lens import CalibrationError, Camera

MATRIX = (100.0, 0.0, 159.5, 0.0, 100.0, 119.5, 0.0, 0.0, 1.0)
SIZE = (240, 320)


@pytest.mark.parametrize(
    ("model", "coefficients", "pixel"),
    [
        ("none", (), 159.5 + 50),
        ("plumb_bob", (0.1, 0.0, 0.0, 0.0, 0.0), 159.5 + 51.25),  # × (1 + 0.1 × 0.25)
        ("rational_polynomial", (0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0), 159.5 + 50 / 1.025),
        ("equidistant", (0.0, 0.0, 0.0, 0.0), 159.5 + 100 * np.arctan(0.5)),
    ],
)
def test_models_put_a_point_where_the_formula_does_and_back(model, coefficients, pixel):
    camera = Camera(SIZE, MATRIX, model, coefficients)
    found = camera.pixels(np.array([[1.0, 0.0, 2.0]]))
    np.testing.assert_allclose(found, [[pixel, 119.5]], atol=1e-6)
    np.testing.assert_allclose(camera.rays(found), [[0.5, 0.0]], atol=1e-4)


def test_what_is_behind_the_camera_or_far_outside_its_picture_does_not_appear():
    # At a tangent of 3 this polynomial would be back in the picture: 3 × (1 − 0.1 × 9) = 0.3.
    camera = Camera((240, 240), MATRIX, "plumb_bob", (-0.1, 0.0, 0.0, 0.0, 0.0))
    points = np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 0.0], [3.0, 0.0, 1.0], [1.0, 0.0, 1.0]])
    found = camera.pixels(points)
    assert np.isnan(found[:3]).all()
    np.testing.assert_allclose(found[3], [159.5 + 90, 119.5])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (((0, 320), MATRIX), r"size is \[0, 320\]"),
        ((SIZE, MATRIX[:8]), "expected 9 numbers"),
        ((SIZE, (*MATRIX[:8], 0.0)), "is singular"),
        ((SIZE, (-100.0, *MATRIX[1:])), "focal lengths are -100 and 100"),
        ((SIZE, MATRIX, "fisheye", ()), "'fisheye' is unknown; choose one of: plumb_bob"),
        ((SIZE, MATRIX, "plumb_bob", (0.1,)), "expected 5 numbers"),
        ((SIZE, MATRIX, "plumb_bob", (np.nan,) * 5), "expected 5 numbers"),
    ],
)
def test_impossible_cameras_are_named(arguments, sentence):
    with pytest.raises(CalibrationError, match=sentence):
        Camera(*arguments)
