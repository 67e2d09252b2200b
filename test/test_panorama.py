# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from samseg_ros import panorama


def test_directions_of_known_pixels() -> None:
    rays = panorama.directions(180, 360)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=-1), 1.0, atol=1e-6)
    half = np.radians(0.5)
    ahead = rays[90, 180]  # half a degree right of and below straight ahead
    np.testing.assert_allclose(
        ahead, [np.cos(half) ** 2, -np.sin(half) * np.cos(half), -np.sin(half)], atol=1e-6
    )
    assert rays[90, 90, 1] == pytest.approx(1.0, abs=1e-3)  # a quarter turn to the left of it: left
    assert rays[90, 270, 1] == pytest.approx(-1.0, abs=1e-3)
    assert rays[0, 0, 2] == pytest.approx(1.0, abs=1e-3)  # first row: zenith
    assert rays[90, 0, 0] == pytest.approx(-1.0, abs=1e-3)  # left edge: behind


@pytest.mark.parametrize(
    ("angles", "direction"),
    [
        ((90, 0, 0), (0, 1, 0)),
        ((0, 90, 0), (0, 0, 1)),
        ((90, 45, 0), (0, 0.7071, 0.7071)),
        ((0, 0, 30), (1, 0, 0)),
    ],
)
def test_rotation_turns_forward(angles: tuple, direction: tuple) -> None:
    np.testing.assert_allclose(panorama.rotation(*angles) @ [1, 0, 0], direction, atol=1e-4)


def test_positive_roll_tilts_the_camera_to_its_right() -> None:
    left = panorama.rotation(0, 0, 30) @ [0, 1, 0]
    assert left[2] == pytest.approx(0.5)  # the left side goes up


@pytest.mark.parametrize(
    ("strip", "fov", "rows"),
    [((1024, 2048), None, (0, 512)), ((400, 2048), None, (156, 200)), ((692, 2048), 70.0, (156, 199)),
     ((100, 2048), 180.0, (0, 512))],
)  # fmt: skip
def test_where_a_strip_lies(strip: tuple, fov: float | None, rows: tuple) -> None:
    band = panorama.band((512, 1024), strip, fov)
    assert (band.top, band.height) == rows


@pytest.mark.parametrize("fov", [0.0, -10.0, 181.0])
def test_fields_of_view_beyond_the_sphere_are_refused(fov: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 180 degrees"):
        panorama.band((512, 1024), (400, 2048), fov)


def test_a_strip_keeps_its_shape_on_the_sphere() -> None:
    strip = np.zeros((400, 2048, 3), np.uint8)
    cv2.circle(strip, (1024, 200), 100, (255, 255, 255), -1)
    sphere = panorama.place(strip, (512, 1024), fill=7)
    assert sphere.shape == (512, 1024, 3)
    assert (sphere[:156] == 7).all()
    assert (sphere[356:] == 7).all()
    bright = sphere[..., 0] > 128
    bright[:156] = bright[356:] = False
    rows, columns = np.nonzero(bright)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)
    assert rows.mean() == pytest.approx(255.5, abs=1)
