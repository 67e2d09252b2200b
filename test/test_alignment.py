# SPDX-License-Identifier: Apache-2.0
"""Rigs whose geometry is known: it is found, or it is said that it cannot be."""

import numpy as np
import pytest
from rigs import SIZE, corners_apart, shoot

from samseg_ros.alignment import AlignmentError, align, field


def turned(degrees, scale=1.0, x=0.0, y=0.0):
    """About the middle of the picture, then shifted."""
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    middle = np.array([(SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2])
    shift = middle + np.array([x, y]) - np.array([[c, -s], [s, c]]) @ middle
    return np.array([[c, -s, shift[0]], [s, c, shift[1]], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("homography", "thermal_size"),
    [
        (turned(3.0, 1.2, 15, -20), SIZE),
        (turned(-2.0, 0.7, 60, 30), SIZE),
        ([[1.1, 0.03, -30], [-0.02, 1.15, 12], [8e-5, -5e-5, 1]], SIZE),
        ([[2.2, 0.0, -20], [0.0, 2.2, -30], [0, 0, 1]], (256, 320)),
    ],
)
def test_the_homography_of_a_rig_is_found_to_about_a_pixel(homography, thermal_size):
    found = align(shoot(4, homography, thermal_size))
    assert corners_apart(found.homography.matrix, homography, thermal_size) < 1.5
    assert (found.homography.thermal, found.homography.rgb) == (thermal_size, SIZE)
    assert found.agreeing == (0, 1, 2, 3)
    assert found.error < 0.5


def test_pairs_that_do_not_belong_do_no_harm_and_are_told_apart():
    homography = turned(2.0, 1.1, -12, 8)
    pairs = shoot(5, homography) + shoot(2, turned(0.0, 1.1, 40, -30), seed=1)
    found = align(pairs)
    assert corners_apart(found.homography.matrix, homography) < 1.5
    assert found.agreeing == (0, 1, 2, 3, 4)
    assert all(not error <= 4.0 for error in found.errors[5:])


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (shoot(2, np.eye(3)), "there are 2 pairs; give 3 at least"),
        (
            [(a, b) for (a, _), (_, b) in zip(shoot(4, np.eye(3)), shoot(4, np.eye(3), seed=1), strict=True)],
            "too little in common",
        ),
        ([(np.full(SIZE, 90, np.uint8), np.full(SIZE, 90, np.uint8))] * 3, "too little in common"),
        (
            [pair for i in range(5) for pair in shoot(1, turned(0.0, 1.0, 22 * i, 9 * i), seed=i)],
            "pairs agree on one homography|too little in common",
        ),
        ([(np.zeros((100, 640), np.uint8), np.zeros(SIZE, np.uint8))] * 3, "wide as high"),
    ],
    ids=["few", "strangers", "blank", "loose", "strip"],
)
def test_what_cannot_be_found_is_said(pairs, sentence):
    with pytest.raises(AlignmentError, match=sentence):
        align(pairs)


def test_a_field_knows_how_edges_run_and_not_which_side_is_bright():
    picture = np.zeros((40, 40), np.uint8)
    picture[:, 20:] = 200
    upright = field(picture)[20, 20]
    assert upright == pytest.approx(1.0, abs=0.05)
    assert field(255 - picture)[20, 20] == pytest.approx(upright, abs=1e-3)
    assert field(picture.T)[20, 20] == pytest.approx(-upright, abs=1e-3)
    assert field(picture)[20, 5] == 0
