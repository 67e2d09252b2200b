# SPDX-License-Identifier: Apache-2.0
"""Thermal values to 8 bits: what each mode makes of which camera, how the picture stays calm, and holes."""

import numpy as np
import pytest

from samseg_ros.thermal import SMOOTHING, Scaling, ThermalError, ThermalScale

CELSIUS = np.array([[-5.0, 0.0, 10.0, 30.0, 40.0, 99.0]], np.float32)
FROM_0_TO_40 = [[0, 0, 64, 191, 255, 255]]  # 10 of 40 degrees are 63.75 of 255 levels


def scaled(thermal, *arguments, **settings):
    return ThermalScale(Scaling(*arguments, **settings)).to_uint8(thermal)


def scene(offset=0.0, size=(96, 128)):
    """Centikelvin from 10 to 30 °C, warmer from left to right."""
    row = np.linspace(28315, 30315, size[1]) + offset
    return np.tile(row, (size[0], 1)).astype(np.uint16)


@pytest.mark.parametrize(
    ("thermal", "settings"),
    [
        (CELSIUS, {"unit": "celsius", "low": 0, "high": 40}),
        (CELSIUS + np.float32(273.15), {"unit": "celsius", "low": 0, "high": 40}),
        (CELSIUS, {"unit": "kelvin", "low": 273.15, "high": 313.15}),
        (CELSIUS + np.float32(273.15), {"unit": "kelvin", "low": 273.15, "high": 313.15}),
        (((CELSIUS + 273.15) * 100).round().astype(np.uint16), {"unit": "celsius", "low": 0, "high": 40}),
        (
            ((CELSIUS + 273.15) * 10).round().astype(np.uint16),
            {"unit": "kelvin", "low": 273.2, "high": 313.2, "counts_per_kelvin": 10},
        ),
        ((CELSIUS + 100).astype(np.uint16), {"unit": "raw", "low": 100, "high": 140}),
        ((CELSIUS + 100).astype(np.uint8), {"unit": "raw", "low": 100, "high": 140}),
    ],
)
def test_a_range_is_fixed_whatever_the_camera_sends(thermal, settings):
    np.testing.assert_array_equal(scaled(thermal, "range", **settings), FROM_0_TO_40)


def test_raw8_is_the_frame_itself():
    frame = np.array([[0, 7, 255]], np.uint8)
    assert scaled(frame, "raw8") is frame


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_percentiles_of_the_first_frame_are_exact(dtype):
    # Every 4th pixel both ways is looked at: of these 0.4 % are at 1, 0.4 % at 250, the others at 50 or 150.
    frame = np.full((64, 64), 50, dtype)
    frame[:, 32:] = 150
    frame[0, 0], frame[4, 4] = 1, 250
    picture = scaled(frame * (100 if dtype == np.uint16 else 1))
    assert (picture[10, 10], picture[10, 40], picture[0, 0], picture[4, 4]) == (0, 255, 0, 255)


def test_a_flat_scene_does_not_become_noise():
    random = np.random.default_rng(0)
    noise = random.normal(30000, 5, (96, 128)).round().astype(np.uint16)  # 0.05 K, as cameras have it
    assert scaled(noise).std() < 10
    assert scaled((noise / 100).astype(np.float32)).std() < 10
    assert scaled(random.integers(100, 103, (96, 128)).astype(np.uint8)).std() < 20


def test_a_hot_thing_that_enters_changes_the_rest_of_the_picture_little():
    scale = ThermalScale(Scaling())
    before = scale.to_uint8(scene())
    hot = scene()
    hot[:8, :] += 20000
    at_once = scaled(hot)[50].astype(int)
    after = scale.to_uint8(hot)[50].astype(int)
    assert np.abs(at_once - before[50]).max() > 200
    # The range grows from 2000 to some 20000 by a share of that: 255 becomes 255 / (1 + 9 × 0.15).
    assert after.max() == pytest.approx(255 / (1 + 9 * SMOOTHING), rel=0.1)
    assert after.max() > 2 * at_once.max()


def test_a_small_step_is_nine_tenths_done_after_14_frames():
    scale = ThermalScale(Scaling())
    base = scale.to_uint8(scene()).astype(int)[0, 64]
    first = scale.to_uint8(scene(500)).astype(int)[0, 64]
    for _ in range(13):
        last = scale.to_uint8(scene(500)).astype(int)[0, 64]
    # 500 of some 1930 counts between the percentiles are 66 levels.
    assert first - base == pytest.approx(66 * (1 - SMOOTHING), abs=2)
    assert last - base == pytest.approx(66 * 0.1, abs=2)


@pytest.mark.parametrize("offset", [3000, -3000])
def test_a_shutter_event_is_over_at_once(offset):
    scale = ThermalScale(Scaling())
    before = scale.to_uint8(scene())
    np.testing.assert_allclose(scale.to_uint8(scene(offset)).astype(int), before, atol=1)


@pytest.mark.parametrize("frames", [1, 15])
def test_a_view_that_opens_up_is_right_at_once(frames):
    """Of a shutter, or a wall in front of the camera, as warm as the middle of the scene."""
    closed = np.random.default_rng(0).normal(scene().mean(), 5, scene().shape).astype(np.uint16)
    scale = ThermalScale(Scaling())
    for _ in range(frames):
        scale.to_uint8(closed)
    np.testing.assert_allclose(scale.to_uint8(scene()).astype(int), scaled(scene()), atol=1)


@pytest.mark.parametrize("mode", [Scaling(), Scaling("range", 0, 40)])
def test_a_value_that_marks_saturation_is_white(mode):
    kelvin = (scene() / 100).astype(np.float32)
    kelvin[:2, :2] = np.finfo(np.float32).max
    assert (ThermalScale(mode).to_uint8(kelvin)[:2, :2] == 255).all()


def test_reset_and_a_change_of_mode_forget_the_frames_so_far():
    fresh = scaled(scene(500))
    scale = ThermalScale(Scaling())
    scale.to_uint8(scene())
    scale.reset()
    np.testing.assert_array_equal(scale.to_uint8(scene(500)), fresh)
    scale.scaling = Scaling("range", 0, 40)
    scale.to_uint8(scene())
    scale.scaling = Scaling()
    np.testing.assert_array_equal(scale.to_uint8(scene(500)), fresh)


def test_another_kind_of_frame_starts_anew():
    scale = ThermalScale(Scaling())
    scale.to_uint8(scene())
    kelvin = (scene() / 100).astype(np.float32)
    np.testing.assert_array_equal(scale.to_uint8(kelvin), scaled(kelvin))


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 0])
def test_dead_pixels_take_the_value_around_them(hole):
    whole = scene()
    if hole != 0:
        whole = (whole / 100).astype(np.float32)
    broken = whole.copy()
    broken[10, 10] = broken[0, 0] = broken[-1, -1] = broken[40:43, 60:64] = hole
    np.testing.assert_allclose(scaled(broken).astype(int), scaled(whole), atol=4)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_picture_that_is_mostly_holes_stays_usable(share):
    whole = scene()
    broken = np.where(np.random.default_rng(1).random(whole.shape) < share, 0, whole).astype(np.uint16)
    np.testing.assert_allclose(scaled(broken).astype(int), scaled(whole), atol=12)


def test_a_hole_of_half_the_picture_goes_on_from_its_edge():
    whole = scene()
    broken = whole.copy()
    broken[:, 64:] = 0
    picture = scaled(broken)
    # The warmest that is left is at the edge; from there it goes to the mean.
    assert picture[40, 64] > 200
    assert picture[:, 64:].min() > 120


def test_one_valid_pixel_is_enough_and_none_is_black():
    frame = np.zeros((40, 50), np.uint16)
    assert not scaled(frame).any()
    frame[3, 5] = 30000
    assert (scaled(frame) == 128).all()
    assert not scaled(np.full((40, 50), np.nan, np.float32)).any()


def test_cold_zeros_of_8_bit_pictures_stay_and_spots_are_filled():
    frame = np.full((96, 128), 100, np.uint8)
    frame[::2, ::3] = 140
    frame[:30] = 0  # a clear sky
    frame[60:63, 50:56] = 0
    frame[80, 100] = 0
    picture = scaled(frame, "range", 0, 255, "raw")
    assert not picture[:30].any()
    assert (picture[30:] >= 100).all()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"mode": "best"}, "mode is 'best'; choose one of: percentile, range, raw8"),
        ({"unit": "fahrenheit"}, "unit is 'fahrenheit'; choose one of: celsius, kelvin, raw"),
        ({"mode": "range", "low": 40, "high": 40}, "from 40 to 40; the low end must be lower"),
        ({"mode": "range", "low": float("nan")}, "the low end must be lower"),
        ({"counts_per_kelvin": 0}, "counts_per_kelvin is 0; it must be above 0"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, sentence):
    with pytest.raises(ThermalError, match=sentence):
        Scaling(**settings)


@pytest.mark.parametrize(
    ("frame", "scaling", "sentence"),
    [
        (np.ones((2, 2), np.uint16), Scaling("raw8"), "raw8 takes 8-bit values, but the camera sends uint16"),
        (
            np.ones((2, 2), np.uint8),
            Scaling("range"),
            "8-bit values have no temperature; give it in unit raw",
        ),
        (np.ones((2, 2), np.int32), Scaling(), r"is int32 \[2, 2\]; expected"),
        (np.ones((2, 2, 3), np.uint8), Scaling("raw8"), r"is uint8 \[2, 2, 3\]; expected"),
    ],
)
def test_frames_that_do_not_fit_are_named(frame, scaling, sentence):
    with pytest.raises(ThermalError, match=sentence):
        ThermalScale(scaling).to_uint8(frame)
