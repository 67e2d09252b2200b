# SPDX-License-Identifier: Apache-2.0
"""Views of panoramas whose every direction is known."""

import numpy as np
import pytest

from samseg_ros import panorama
from samseg_ros.labels import UNLABELED
from samseg_ros.views import Pinhole, View, locate

SIZE = (256, 512)  # of the panoramas; a pixel is 0.7 degrees
VIEWS = [
    View(width=160, height=120),
    View(yaw=180, width=160, height=120),
    View(yaw=-135, pitch=30, roll=25, hfov=110, width=121, height=99),
    View(pitch=90, width=100, height=100),
    View(yaw=40, pitch=-90, width=101, height=101),
]


def tiles(rays: np.ndarray) -> np.ndarray:
    """A label for each direction [..., 3]: tiles of 20° by 20°, numbered."""
    yaw, pitch = yaw_and_pitch(rays)
    return ((yaw + 180.0) // 20.0 % 18 + 18 * ((pitch + 90.0) // 20.0)).astype(np.uint8)


def yaw_and_pitch(rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y, z = np.moveaxis(rays, -1, 0)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def inside_a_tile(rays: np.ndarray, margin: float) -> np.ndarray:
    """Where a direction is further than `margin` degrees of yaw and of pitch from any edge of a tile."""
    yaw, pitch = yaw_and_pitch(rays)
    return (abs((yaw + 190.0) % 20.0 - 10.0) > margin) & (abs((pitch + 100.0) % 20.0 - 10.0) > margin)


@pytest.mark.parametrize("view", VIEWS)
def test_each_pixel_of_a_mask_has_the_label_of_its_direction(view: View) -> None:
    rays = view.rays()
    seen = Pinhole(view).mask(tiles(panorama.directions(*SIZE)))
    sure = inside_a_tile(rays, margin=180.0 / SIZE[0] / 2.0 + 0.01)  # half a pixel of the panorama
    assert seen.shape == (view.height, view.width)
    assert sure.mean() > 0.8
    np.testing.assert_array_equal(seen[sure], tiles(rays)[sure])


@pytest.mark.parametrize("view", VIEWS)
def test_each_pixel_of_a_picture_has_the_colour_of_its_direction(view: View) -> None:
    """Also across the seam, where a picture that did not wrap would show a line."""

    def colors(rays: np.ndarray) -> np.ndarray:
        return 127.0 + 120.0 * rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    seen = Pinhole(view).image(colors(panorama.directions(*SIZE)).round().astype(np.uint8))
    # At the poles half a pixel of latitude is without a neighbour.
    np.testing.assert_allclose(seen, colors(view.rays()), atol=2.5)


@pytest.mark.parametrize("size", [SIZE, (100, 512), (33, 128)])
def test_locating_is_the_inverse_of_directions(size: tuple[int, int]) -> None:
    width = size[1]
    rows = panorama.band((width // 2, width), size).rows
    rays = panorama.directions(width // 2, width)[rows]
    found = locate(rays, rays.shape[0], width, 360.0 * rays.shape[0] / width)
    offset = (width / 2 - rows.start - rows.stop) / 2  # where a strip cannot be in the very middle
    np.testing.assert_allclose(found[0], np.arange(rays.shape[0])[:, None] - offset + 0 * found[0], atol=1e-3)
    np.testing.assert_allclose(found[1], np.arange(width)[None, :] + 0 * found[1], atol=1e-3)


def test_a_direction_projects_to_the_pixel_that_shows_it() -> None:
    """With K and the rotation, as a consumer would do it with camera_info and the transform."""
    view = View(yaw=170, pitch=-20, roll=15, hfov=80, width=320, height=240)
    sphere = np.zeros((1024, 2048), np.uint8)
    row, column = 620, 30  # seen from behind, a little left of the seam
    sphere[row - 2 : row + 3, column - 2 : column + 3] = 1
    direction = panorama.directions(*sphere.shape)[row, column]
    projected = view.matrix() @ view.rotation().T @ direction
    u, v = projected[:2] / projected[2]
    rows, columns = np.nonzero(Pinhole(view).mask(sphere))
    assert (columns.mean(), rows.mean()) == pytest.approx((u, v), abs=0.5)


def test_the_edges_of_the_picture_are_hfov_apart() -> None:
    view = View(hfov=70, width=641, height=31)
    left, right = (
        np.linalg.inv(view.matrix()) @ [u, 15, 1.0]
        for u in (-0.5, 640.5)  # pixel centres are whole numbers
    )
    angle = np.degrees(np.arccos(left @ right / np.linalg.norm(left) / np.linalg.norm(right)))
    assert angle == pytest.approx(70)


def test_positive_angles_turn_left_look_up_and_tilt_right() -> None:
    ahead, right = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])  # in the optical frame
    np.testing.assert_allclose(View().rotation() @ ahead, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(View().rotation() @ right, [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(View(yaw=90).rotation() @ ahead, [0, 1, 0], atol=1e-12)
    assert (View(pitch=10).rotation() @ ahead)[2] > 0
    assert (View(roll=10).rotation() @ right)[2] < 0


@pytest.mark.parametrize("view", [View(), *VIEWS, View(yaw=90, pitch=0, roll=180), View(yaw=270, pitch=-90)])
def test_the_quaternion_is_the_rotation(view: View) -> None:
    x, y, z, w = view.quaternion()
    vector = np.array([0.3, -0.5, 0.8])
    # v' = v + 2 q × (q × v + w v)
    axis = np.array([x, y, z])
    turned = vector + 2.0 * np.cross(axis, np.cross(axis, vector) + w * vector)
    assert np.linalg.norm([x, y, z, w]) == pytest.approx(1.0)
    np.testing.assert_allclose(turned, view.rotation() @ vector, atol=1e-7)


def test_what_a_strip_does_not_reach_is_black_and_unlabelled() -> None:
    """The strip's 60 degrees fill two thirds of the 90 that the view sees from top to bottom."""
    strip = np.full((100, 600), 3, np.uint8)  # 60 of 180 degrees
    pinhole = Pinhole(View(hfov=90, width=90, height=90))
    mask = pinhole.mask(strip)
    image = pinhole.image(np.dstack([strip] * 3))
    middle = mask[:, 45]
    half = round(45 * np.tan(np.radians(30)))
    assert abs(np.count_nonzero(middle == 3) - 2 * half) <= 1
    assert set(np.unique(mask)) == {3, UNLABELED}
    np.testing.assert_array_equal(image, np.where(mask == UNLABELED, 0, mask)[..., None].repeat(3, axis=-1))


def test_a_strip_of_known_height_and_a_smaller_mask_of_it() -> None:
    """The same view of a picture and of a mask at another size; `vertical_fov` says what both span."""
    pinhole = Pinhole(View(yaw=180, hfov=60, width=64, height=64), vertical_fov=120.0)
    rays = panorama.directions(300, 400)[50:250]  # 120 of 180 degrees in 200 rows
    for height in (200, 40):
        strip = tiles(rays)[:: 200 // height, :: 200 // height]
        seen = pinhole.mask(np.ascontiguousarray(strip))
        sure = inside_a_tile(pinhole.view.rays(), margin=5.0)
        np.testing.assert_array_equal(seen[sure], tiles(pinhole.view.rays())[sure])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"hfov": 180.0}, "hfov is 180; it must be above 0 and below 180"),
        ({"hfov": float("nan")}, "hfov is nan"),
        ({"width": 0}, "the view is 0x480 pixels"),
    ],
)
def test_impossible_views_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        View(**wrong)
