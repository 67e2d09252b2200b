# SPDX-License-Identifier: Apache-2.0
"""Triangle shapes: quads, boxes, polygons and lofts, with normals and texture coordinates in metres."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

# Shapes hold float32; single numbers on the way may be wider.
Reals = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Shape:
    """Loose triangles.

    tri: (M, 3, 3) float32 corners in metres.  normal: (M, 3, 3) float32 unit normal of each corner.
    uv: (M, 3, 2) float32 surface coordinates of each corner, metres unless the maker says otherwise.
    """

    tri: Reals
    normal: Reals
    uv: Reals

    def placed(
        self,
        x: float = 0,
        y: float = 0,
        z: float = 0,
        yaw: float = 0,
        scale: float | tuple[float, float, float] = 1.0,
    ) -> Shape:
        """A copy scaled, then turned by yaw (radians, counter-clockwise), then moved (metres)."""
        s = np.broadcast_to(np.asarray(scale, np.float32), (3,))
        c, n = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
        turn = np.array([[c, n, 0], [-n, c, 0], [0, 0, 1]], np.float32)
        normal = self.normal
        if not (s[0] == s[1] == s[2]):
            normal = normal / s
            normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
        return Shape((self.tri * s) @ turn + np.array([x, y, z], np.float32), normal @ turn, self.uv)


def joined(shapes: Iterable[Shape]) -> Shape:
    """All triangles of several shapes as one shape."""
    parts = list(shapes)
    return Shape(
        np.concatenate([s.tri for s in parts]),
        np.concatenate([s.normal for s in parts]),
        np.concatenate([s.uv for s in parts]),
    )


def cross(a: Reals, b: Reals) -> Reals:
    """Cross product of the last axis; several times quicker than numpy's for small arrays."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape), a.dtype)
    out[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    out[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    out[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return out


def unit(v: Reals) -> Reals:
    """Vectors of the last axis scaled to length one."""
    return v / (np.sqrt((v * v).sum(-1, keepdims=True)) + 1e-12)


def flat(tri: npt.ArrayLike, uv: npt.ArrayLike) -> Shape:
    """Triangles (M, 3, 3) with face normals and given uv (M, 3, 2)."""
    corners = np.asarray(tri, np.float32)
    normal = np.empty_like(corners)
    normal[:] = unit(cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))[:, None]
    return Shape(corners, normal, np.asarray(uv, np.float32))


_QUAD = np.array([(0, 0), (1, 0), (1, 1), (0, 0), (1, 1), (0, 1)], np.float32)


def quad(origin: Sequence[float], along: Sequence[float], up: Sequence[float], steps: int = 1) -> Shape:
    """A parallelogram from origin by two edges, cut into steps pieces along the first; uv in metres."""
    a, b = np.array(along, np.float32), np.array(up, np.float32)
    grid = (
        _QUAD
        if steps == 1
        else ((np.arange(steps, dtype=np.float32)[:, None, None] * (1, 0) + _QUAD) / (steps, 1)).reshape(
            -1, 2
        )
    )
    grid = grid.astype(np.float32)
    tri = (grid[:, :1] * a + grid[:, 1:] * b + np.array(origin, np.float32)).reshape(-1, 3, 3)
    normal = np.empty_like(tri)
    normal[:] = unit(cross(a, b))
    size = np.sqrt(np.array([a @ a, b @ b], np.float32))
    return Shape(tri, normal, (grid * size).reshape(-1, 3, 2))


def rectangles(x0: npt.ArrayLike, x1: npt.ArrayLike, y0: npt.ArrayLike, y1: npt.ArrayLike, z: float) -> Shape:
    """Level rectangles facing up; bounds are scalars or (N,); uv in metres."""
    low = np.stack(np.broadcast_arrays(np.atleast_1d(x0), y0), -1).astype(np.float32)
    high = np.stack(np.broadcast_arrays(np.atleast_1d(x1), y1), -1).astype(np.float32)
    size = high - low
    uv = (_QUAD * size[:, None]).reshape(-1, 3, 2)
    tri = np.full((len(uv), 3, 3), z, np.float32)
    tri[..., :2] = uv + np.repeat(low, 2, 0)[:, None]
    normal = np.zeros_like(tri)
    normal[..., 2] = 1
    return Shape(tri, normal, uv)


def ground(x0: float, x1: float, y0: float, y1: float, z: float, step: float = 6.0) -> Shape:
    """A level rectangle, facing up, cut every step metres along x so that a bent street stays smooth."""
    cuts = np.linspace(x0, x1, max(1, int(np.ceil((x1 - x0) / step))) + 1)
    return rectangles(cuts[:-1], cuts[1:], y0, y1, z)


def _unit_box() -> tuple[Reals, Reals, npt.NDArray[np.intp]]:
    """Triangles (12, 3, 3) of the unit box, bottom last, their normals, and which two axes make each one's
    uv.
    """
    sides = [
        ((0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 1)),
        ((0, 0, 0), (1, 0, 0), (0, 0, 1), (0, 2)),
        ((1, 1, 0), (-1, 0, 0), (0, 0, 1), (0, 2)),
        ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2)),
        ((0, 1, 0), (0, -1, 0), (0, 0, 1), (1, 2)),
        ((0, 1, 0), (1, 0, 0), (0, -1, 0), (0, 1)),
    ]
    shapes = [quad(o, a, u) for o, a, u, _ in sides]
    axes = np.repeat(np.array([s[3] for s in sides]), 2, axis=0)
    return np.concatenate([s.tri for s in shapes]), np.concatenate([s.normal for s in shapes]), axes


_BOX_TRI, _BOX_NORMAL, _BOX_AXES = _unit_box()


def boxes(bounds: npt.ArrayLike, bottom: bool = False) -> Shape:
    """Axis-aligned boxes (N, 6) given as x0, x1, y0, y1, z0, z1; uv in metres on each side."""
    b = np.asarray(bounds, np.float32).reshape(-1, 6)
    n = 12 if bottom else 10
    size = (b[:, 1::2] - b[:, ::2])[:, None, None]
    local = _BOX_TRI[None, :n] * size
    tri = local + b[:, ::2][:, None, None]
    uv = local[:, np.arange(n)[:, None, None], np.arange(3)[:, None], _BOX_AXES[:n, None]]
    normal = np.empty_like(tri)
    normal[:] = _BOX_NORMAL[:n]
    return Shape(tri.reshape(-1, 3, 3), normal.reshape(-1, 3, 3), uv.reshape(-1, 3, 2))


def box(
    x0: float, x1: float, y0: float, y1: float, z0: float, z1: float, bottom: bool = False, step: float = 1e9
) -> Shape:
    """An axis-aligned box, cut every step metres along x; without its bottom unless asked for."""
    if x1 - x0 <= step:
        return boxes([x0, x1, y0, y1, z0, z1], bottom)
    cuts = np.linspace(x0, x1, int(np.ceil((x1 - x0) / step)) + 1)
    rest = np.broadcast_to(np.array([y0, y1, z0, z1]), (len(cuts) - 1, 4))
    return boxes(np.column_stack([cuts[:-1], cuts[1:], rest]), bottom)


def repeated(shape: Shape, offsets: npt.ArrayLike) -> Shape:
    """Copies of a shape moved by each of offsets (N, 3)."""
    o = np.asarray(offsets, np.float32).reshape(-1, 1, 1, 1, 3)[:, 0]
    n = len(o)
    tri = (shape.tri[None] + o).reshape(-1, 3, 3)
    return Shape(tri, np.tile(shape.normal, (n, 1, 1)), np.tile(shape.uv, (n, 1, 1)))


def polygon(points: npt.ArrayLike, uv: npt.ArrayLike | None = None) -> Shape:
    """A convex polygon (N, 3) as a fan; uv (N, 2), or the first two coordinates when none is given."""
    p = np.asarray(points, np.float32)
    t = p[:, :2] if uv is None else np.asarray(uv, np.float32)
    i = np.arange(1, len(p) - 1)
    fan = np.stack([np.zeros_like(i), i, i + 1], -1)
    return flat(p[fan], t[fan])


def loft(
    path: npt.ArrayLike,
    rx: npt.ArrayLike,
    ry: npt.ArrayLike | None = None,
    sides: int = 8,
    caps: bool = True,
    square: float = 1.0,
    up: Sequence[float] = (0, 0, 1),
    axis: Sequence[float] | None = None,
) -> Shape:
    """A tube around a path: limbs, trunks, poles, wheels, heads, car bodies.

    path: (N, 3) ring centres.  rx, ry: ring radii across and along `up`, scalars or (N,).  square: exponent
    of the superellipse cross-section, 1 for an ellipse, towards 0 for a box.  uv: (metres around, metres
    along).  Rings stand square to the path, or to `axis` where given.
    """
    p = np.asarray(path, np.float64)
    n = len(p)
    ax = np.zeros(n) + np.asarray(rx, np.float64)
    ay = ax if ry is None else np.zeros(n) + np.asarray(ry, np.float64)
    tangent: Reals = np.empty_like(p)
    tangent[1:-1] = p[2:] - p[:-2]
    tangent[0], tangent[-1] = p[1] - p[0], p[-1] - p[-2]
    if axis is not None:
        tangent[:] = axis
    tangent = unit(tangent)
    ref = np.array(up, np.float64)
    mean = tangent.mean(0)
    if abs(mean @ ref) > 0.8 * np.sqrt(mean @ mean):
        ref = np.array([1.0, 0, 0]) if abs(ref[0]) < 0.5 else np.array([0, 0, 1.0])
    across = unit(cross(ref, tangent))
    over = cross(tangent, across)
    angle, c, s, corners = _ring(n, sides, square)
    ring = (
        p[:, None]
        + across[:, None] * (ax[:, None] * c)[..., None]
        + over[:, None] * (ay[:, None] * s)[..., None]
    )
    d_angle = np.empty_like(ring)
    d_angle[:, 1:-1] = ring[:, 2:] - ring[:, :-2]
    d_angle[:, 0] = d_angle[:, -1] = ring[:, 1] - ring[:, -2]
    d_path = np.empty_like(ring)
    d_path[1:-1] = ring[2:] - ring[:-2]
    d_path[0], d_path[-1] = ring[1] - ring[0], ring[-1] - ring[-2]
    normal = unit(cross(d_angle, d_path))
    uv = np.empty((n, sides + 1, 2), np.float32)
    uv[..., 0] = max(ax.max(), ay.max()) * angle
    leg = p[1:] - p[:-1]
    uv[0, :, 1] = 0
    uv[1:, :, 1] = np.cumsum(np.sqrt((leg * leg).sum(-1)))[:, None]
    shape = Shape(
        ring.reshape(-1, 3)[corners].astype(np.float32),
        normal.reshape(-1, 3)[corners].astype(np.float32),
        uv.reshape(-1, 2)[corners],
    )
    if not caps:
        return shape
    ends = [shape]
    if ax[0] > 1e-3:
        ends.append(polygon(ring[0, :sides][::-1], uv[0, :sides][::-1]))
    if ax[-1] > 1e-3:
        ends.append(polygon(ring[-1, :sides], uv[-1, :sides]))
    return joined(ends)


@lru_cache(maxsize=256)
def _ring(
    n: int, sides: int, square: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Angles, cosines and sines of a ring, and the corner numbers (M, 3) of the triangles between n rings."""
    angle = np.linspace(0, 2 * np.pi, sides + 1) + (np.pi / sides if square < 0.9 else 0.0)
    c, s = np.cos(angle), np.sin(angle)
    c, s = np.sign(c) * np.abs(c) ** square, np.sign(s) * np.abs(s) ** square
    i, j = np.meshgrid(np.arange(n - 1), np.arange(sides), indexing="ij")
    k = (i * (sides + 1) + j).ravel()
    below = np.stack([k, k + 1, k + sides + 2], -1)
    above = np.stack([k, k + sides + 2, k + sides + 1], -1)
    return angle, c, s, np.concatenate([below, above])


def ball(centre: Sequence[float], radii: Sequence[float], sides: int = 10, rings: int = 6) -> Shape:
    """An ellipsoid."""
    a = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    path = np.asarray(centre) + np.stack([0 * a, 0 * a, np.sin(a) * radii[2]], -1)
    return loft(
        path,
        np.maximum(np.cos(a), 0.02) * radii[1],
        np.maximum(np.cos(a), 0.02) * radii[0],
        sides,
        caps=False,
    )
