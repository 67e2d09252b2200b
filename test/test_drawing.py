# SPDX-License-Identifier: Apache-2.0
import numpy as np

from samseg_ros import drawing
from samseg_ros.labels import STREET11


def test_colours_are_the_palettes_in_bgr() -> None:
    mask = np.array([[0, 8], [10, 255]], np.uint8)
    expected = STREET11.palette()[mask][..., ::-1]
    np.testing.assert_array_equal(drawing.colorize(mask, drawing.bgr_table(STREET11)), expected)


def test_overlay_mixes_by_alpha() -> None:
    picture = np.full((2, 2, 3), 100, np.uint8)
    color = np.full((2, 2, 3), 200, np.uint8)
    assert (drawing.overlay(picture, color, 0.25) == 125).all()
    assert (drawing.overlay(picture, color, 0.0) == 100).all()
    assert (drawing.overlay(picture, color, 1.0) == 200).all()
