# SPDX-License-Identifier: Apache-2.0
"""Where thermal pixels come to lie, computed by hand; and what calibration files may say."""

import numpy as np
import pytest
import yaml

from samseg_ros import registration
from samseg_ros.lens import CalibrationError, Camera
from samseg_ros.registration import NONE, Homography, Registration, Rig

SIZE = (24, 32)
UNIT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
THERMAL = np.random.default_rng(0).integers(0, 256, SIZE, np.uint8)


def moved(x, y, scale=1.0):
    return (scale, 0.0, x, 0.0, scale, y, 0.0, 0.0, 1.0)


def by_homography(matrix, thermal=SIZE, rgb=SIZE):
    return Registration(Homography(matrix, thermal, rgb))


def rig(translation=(0.0, 0.0, 0.0), rotation=UNIT, depth=10.0):
    camera = Camera(SIZE, (100.0, 0.0, 15.5, 0.0, 100.0, 11.5, 0.0, 0.0, 1.0))
    return Registration(Rig(camera, camera, rotation, translation, depth))


def test_without_calibration_only_sizes_change():
    assert NONE.apply(THERMAL, SIZE) is THERMAL
    assert NONE.apply(THERMAL, (48, 64)).shape == (48, 64)
    shrunk = NONE.apply(THERMAL, (12, 16))
    assert shrunk[3, 5] == pytest.approx(THERMAL[6:8, 10:12].mean(), abs=1)
    assert NONE.coverage(SIZE, (5, 7)).all()


@pytest.mark.parametrize("size", [SIZE, (48, 64)])
@pytest.mark.parametrize("registered", [by_homography(UNIT), rig()])
def test_cameras_that_see_the_same_give_the_same_as_none(registered, size):
    np.testing.assert_allclose(
        registered.apply(THERMAL, size).astype(int), NONE.apply(THERMAL, size), atol=4
    )  # tables hold 1/32 pixel
    assert registered.coverage(SIZE, size).all()


def test_a_homography_takes_thermal_pixels_to_rgb_pixels():
    registered = by_homography(moved(3, 2))
    picture = registered.apply(THERMAL, SIZE)
    np.testing.assert_array_equal(picture[2:, 3:], THERMAL[:-2, :-3])
    assert (picture[:2] == round(THERMAL.mean())).all() and (picture[:, :3] == round(THERMAL.mean())).all()
    coverage = registered.coverage(SIZE, SIZE)
    assert (coverage[2:, 3:] == 255).all() and not coverage[:2].any() and not coverage[:, :3].any()


def test_streams_of_another_size_than_the_calibrated_are_scaled():
    # Calibrated at twice the size of both streams: a shift of 6 and 4 is one of 3 and 2.
    picture = by_homography(moved(6, 4), (48, 64), (48, 64)).apply(THERMAL, SIZE)
    np.testing.assert_array_equal(picture[2:, 3:], THERMAL[:-2, :-3])
    # Each size by its own factor: thermal pixels as calibrated, RGB at half the size.
    picture = by_homography(moved(0.5, 0.5, 2.0), SIZE, (48, 64)).apply(THERMAL, SIZE)
    np.testing.assert_array_equal(picture, THERMAL)


def test_perspective_puts_nothing_from_behind_the_plane_into_the_picture():
    # Right of x = 20 the thermal picture's plane lies behind the camera, and would come back mirrored.
    matrix = tuple(np.linalg.inv(np.array([[1.0, 0, 0], [0, 1, 0], [-0.05, 0, 1]])).ravel())
    coverage = by_homography(matrix).coverage(SIZE, SIZE)
    assert coverage[0, :10].all()
    assert not coverage[:, 21:].any()


def test_a_rig_shifts_by_its_baseline_at_the_assumed_depth():
    # 100 pixels × 0.3 m / 10 m: what RGB sees at a pixel, thermal sees 3 to the right.
    picture = rig((0.3, 0.0, 0.0)).apply(THERMAL, SIZE)
    np.testing.assert_array_equal(picture[:, :-3], THERMAL[:, 3:])
    picture = rig((0.3, 0.0, 0.0), depth=30.0).apply(THERMAL, SIZE)
    np.testing.assert_array_equal(picture[:, :-1], THERMAL[:, 1:])


def test_a_rig_whose_cameras_look_away_from_each_other_shares_nothing():
    backwards = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
    registered = rig(rotation=backwards)
    assert not registered.coverage(SIZE, SIZE).any()
    assert (registered.apply(THERMAL, SIZE) == round(THERMAL.mean())).all()


def test_registrations_are_values():
    assert by_homography(UNIT) == by_homography(UNIT) != by_homography(moved(1, 0))
    assert len({rig(), rig(), NONE}) == 2


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: by_homography(UNIT[:4]), "the homography is .*; expected 9 numbers"),
        (lambda: by_homography((0.0,) * 9), "the homography is singular"),
        (lambda: by_homography(UNIT, (24, 1 << 20)), "expected height and width"),
        (lambda: rig(rotation=moved(0, 0, 2.0)), "no rotation matrix"),
        (lambda: rig((1.0, np.nan, 0.0)), "expected 3 numbers, in metres"),
        (lambda: rig(depth=0.0), "depth is 0; it must be above 0"),
    ],
)
def test_impossible_geometry_is_named(make, sentence):
    with pytest.raises(CalibrationError, match=sentence):
        make()


CAMERA = {
    "image_width": 32,
    "image_height": 24,
    "camera_name": "front",
    "camera_matrix": {"rows": 3, "cols": 3, "data": [100, 0, 15.5, 0, 100, 11.5, 0, 0, 1]},
    "distortion_model": "plumb_bob",
    "distortion_coefficients": {"rows": 1, "cols": 5, "data": [0.1, 0, 0, 0, 0]},
}
RIG = {
    "rgb": CAMERA,
    "thermal": {**CAMERA, "distortion_coefficients": {"rows": 1, "cols": 0, "data": []}},
    "extrinsics": {"rotation": {"data": list(UNIT)}, "translation": {"data": [0.3, 0, 0]}},
    "depth": 10,
}


def written(tmp_path, document):
    path = tmp_path / "calibration.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return path


def test_a_file_of_two_cameras_and_their_extrinsics_is_loaded(tmp_path):
    geometry = registration.load(written(tmp_path, RIG)).geometry
    assert isinstance(geometry, Rig)
    assert geometry.rgb_camera.coefficients == (0.1, 0.0, 0.0, 0.0, 0.0)
    assert geometry.thermal_camera.distortion == "none"
    assert (geometry.translation, geometry.depth, geometry.rgb) == ((0.3, 0.0, 0.0), 10.0, SIZE)


def test_a_homography_comes_back_from_its_file_as_it_was(tmp_path):
    homography = Homography((1.01, 1e-7, -3.25, 0.0, 0.99, 7.0, 1e-5, -2e-5, 1.0), (48, 64), SIZE)
    loaded = registration.load(written(tmp_path, registration.text(homography)))
    assert loaded == Registration(homography)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("{", "is no YAML"),
        ("just text", "lacks the field 'thermal'"),
        ({**RIG, "thermal": {"image_height": 24}}, "lacks the field 'distortion_coefficients'"),
        ({**RIG, "depth": "far"}, "'depth' is 'far'; expected a number"),
        ({**RIG, "depth": True}, "'depth' is True; expected a number"),
        ({"rgb": CAMERA, "thermal": CAMERA}, "neither 'homography' nor 'extrinsics'"),
        ({**RIG, "homography": {"data": [1, 2]}}, r"'homography' are \[1, 2\]; expected 9 numbers"),
        ({**RIG, "homography": {"data": ["1"] * 9}}, "expected 9 numbers"),
        ({**RIG, "rgb": {**CAMERA, "image_width": 0}}, r"size is \[24, 0\]"),
        ({**RIG, "rgb": {**CAMERA, "distortion_model": "mei"}}, "'mei' is unknown"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path, document, sentence):
    path = written(tmp_path, document)
    with pytest.raises(CalibrationError, match=sentence) as caught:
        registration.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CalibrationError, match=r"none.yaml cannot be read: No such file"):
        registration.load(tmp_path / "none.yaml")
