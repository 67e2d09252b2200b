# SPDX-License-Identifier: Apache-2.0
"""Shapes and the bend: areas, normals, lengths that are known."""

from __future__ import annotations

import numpy as np
import pytest

from training.world.bend import Bend
from training.world.classes import Street11
from training.world.part import Assembly, Material, Part
from training.world.shape import Shape, ball, box, ground, loft, quad, repeated


def area(shape: Shape) -> float:
    t = shape.tri.astype(float)
    return float(np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum() / 2)


def outwards(shape: Shape, centre: tuple[float, float, float]) -> float:
    """Smallest cosine between a corner's normal and its direction from the centre."""
    away = shape.tri - np.array(centre)
    away /= np.linalg.norm(away, axis=-1, keepdims=True)
    return float((away * shape.normal).sum(-1).min())


def test_areas() -> None:
    assert area(box(0, 2, 0, 3, 0, 4, bottom=True)) == pytest.approx(52)
    assert area(box(0, 2, 0, 3, 0, 4)) == pytest.approx(46)
    assert area(quad((0, 0, 0), (3, 0, 0), (0, 0, 2), steps=5)) == pytest.approx(6)
    assert area(ground(0, 20, -1, 1, 0)) == pytest.approx(40)
    assert area(loft([(0, 0, 0), (0, 0, 2)], 1.0, sides=200, caps=False)) == pytest.approx(
        4 * np.pi, rel=1e-3
    )


def test_normals_point_out() -> None:
    assert outwards(ball((1, 2, 3), (1, 1, 1), 24, 16), (1, 2, 3)) > 0.97
    assert outwards(box(-1, 1, -1, 1, -1, 1, bottom=True), (0, 0, 0)) > 0.5


def test_uv_is_in_metres() -> None:
    shape = box(0, 2, 0, 3, 0, 4)
    assert shape.uv.reshape(-1, 2).max(0) == pytest.approx((3, 4))


def test_placed_turns_left() -> None:
    moved = quad((0, 0, 0), (1, 0, 0), (0, 0, 1)).placed(5, 0, 0, np.pi / 2)
    assert moved.tri[..., 1].max() == pytest.approx(1, abs=1e-6)
    assert np.allclose(moved.tri[..., 0], 5, atol=1e-6)


def test_repeated() -> None:
    three = repeated(box(0, 1, 0, 1, 0, 1), [(0, 0, 0), (5, 0, 0), (10, 0, 0)])
    assert area(three) == pytest.approx(15) and three.tri[..., 0].max() == 11


def test_bend_keeps_lengths_along_the_middle_and_turns_left() -> None:
    bend = Bend(curvature=1 / 200, slope=0.0)
    line = bend.point(np.stack([np.linspace(0, 100, 1001), np.zeros(1001), np.zeros(1001)], -1))
    assert np.linalg.norm(np.diff(line, axis=0), axis=1).sum() == pytest.approx(100, rel=1e-5)
    assert line[-1, 1] == pytest.approx(200 * (1 - np.cos(0.5)))
    assert bend.heading(100) == pytest.approx(0.5)


def test_assembly_numbers_parts_once() -> None:
    a = Assembly()
    red = Part(Street11.CAR, Material.PLAIN, (0.5, 0, 0))
    a.add(box(0, 1, 0, 1, 0, 1), red)
    a.add(box(3, 4, 0, 1, 0, 1), red)
    a.add(box(6, 7, 0, 1, 0, 1), Part(Street11.ROAD, Material.PLAIN, (0.5, 0, 0)))
    geometry = a.finish()
    assert len(geometry.parts) == 2
    assert np.bincount(geometry.face_part).tolist() == [20, 10]
    both = geometry.appended(geometry)
    assert np.bincount(both.face_part).tolist() == [20, 10, 20, 10]
