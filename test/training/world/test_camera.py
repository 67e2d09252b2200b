# SPDX-License-Identifier: Apache-2.0
"""Rays of both camera models, checked by hand and against a box that is cast at."""

from __future__ import annotations

import numpy as np
import pytest

from training.world.camera import Camera, erp_directions, erp_pixels, image_rays, pose_matrix, project


def test_erp_landmarks() -> None:
    columns, rows = np.array([512.0, 256.0, 768.0, 0.0, 512.0]), np.array([256.0, 256.0, 256.0, 256.0, 0.0])
    ahead_left_right_back_up = [(1, 0, 0), (0, 1, 0), (0, -1, 0), (-1, 0, 0), (0, 0, 1)]
    np.testing.assert_allclose(erp_directions(columns, rows, 512, 1024), ahead_left_right_back_up, atol=1e-12)


def test_erp_there_and_back() -> None:
    columns, rows = np.meshgrid(np.arange(64) + 0.5, np.arange(32) + 0.5)
    again = erp_pixels(erp_directions(columns, rows, 32, 64), 32, 64)
    np.testing.assert_allclose(again, (columns, rows), atol=1e-9)


def test_pinhole_corner() -> None:
    camera = Camera("pinhole", 100, 200, 90.0)
    ray = image_rays(camera)[0, 0]
    assert ray[1] / ray[0] == pytest.approx(0.995)  # left edge at tan 45 degrees, half a pixel inwards
    assert ray[2] / ray[0] == pytest.approx(0.495)


def test_project_is_the_inverse_of_rays() -> None:
    pose = pose_matrix((3, -2, 1.5), 0.4, 0.1, -0.05)
    for camera in (Camera("erp", 32, 64, 360, pose), Camera("pinhole", 32, 64, 70, pose)):
        columns, rows = project(camera, camera.pose[:3, 3] + 7 * image_rays(camera))
        np.testing.assert_allclose(columns[5], np.arange(64) + 0.5, atol=1e-6)
        np.testing.assert_allclose(rows[:, 5], np.arange(32) + 0.5, atol=1e-6)


def test_pinhole_does_not_see_behind() -> None:
    columns, _ = project(Camera("pinhole", 32, 64, 70), np.array([[-5.0, 0, 0]]))
    assert np.isnan(columns[0])


def test_pitch_looks_down_and_yaw_left() -> None:
    ahead = pose_matrix((0, 0, 0), np.pi / 2, 0.3, 0.0)[:3, 0]
    np.testing.assert_allclose(ahead, (0, np.cos(0.3), -np.sin(0.3)), atol=1e-12)


@pytest.mark.parametrize("model", ["erp", "pinhole"])
def test_known_box(model: str) -> None:
    """A box of 2 m whose near face is 4 m ahead, 1 m to 3 m left, at eye height."""
    pytest.importorskip("embreex")
    from training.world.classes import Street11
    from training.world.part import Assembly, Material, Part
    from training.world.shape import box
    from training.world.trace import Solid, Tracer

    scene = Assembly()
    scene.add(box(4, 6, 1, 3, -1, 1, bottom=True), Part(Street11.CAR, Material.PLAIN, (0.5, 0.5, 0.5)))
    camera = Camera(model, 120, 240, 360.0 if model == "erp" else 100.0)
    rays = image_rays(camera).reshape(-1, 3).astype(np.float32)
    hits = Tracer([Solid(scene.finish())]).hits(np.zeros(3), rays)
    seen = np.zeros(120 * 240, bool)
    seen[hits.ray] = True
    near_column, near_row = project(camera, np.array([4.0, 2.0, 0.0]))
    assert seen.reshape(120, 240)[int(near_row), int(near_column)]
    at = np.flatnonzero(hits.ray == int(near_row) * 240 + int(near_column))[0]
    assert hits.distance[at] == pytest.approx(np.sqrt(20), abs=0.1)
    np.testing.assert_allclose(hits.flat[at], (-1, 0, 0), atol=1e-5)
    left = np.flatnonzero(seen.reshape(120, 240).any(axis=0))
    expected = project(camera, np.array([[4.0, 3.0, 0.0], [6.0, 1.0, 0.0]]))[0]
    assert abs(left[0] + 0.5 - expected[0]) <= 1
    assert abs(left[-1] + 0.5 - expected[1]) <= 1


def test_camera_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        Camera("fisheye", 10, 20)
    with pytest.raises(ValueError, match="hfov"):
        Camera("pinhole", 10, 20, 180.0)
