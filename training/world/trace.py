# SPDX-License-Identifier: Apache-2.0
"""Casting rays at a geometry with Embree, and what is known about the points they hit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from .part import Geometry
from .texture import Reals

I32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Hits:
    """The N rays that hit something, in ray order.

    ray: (N,) which ray.  part: (N,) part number.  face: (N,) triangle number.  distance: (N,) metres.
    point: (N, 3).  view: (N, 3) ray directions.  normal: (N, 3) shading normal and flat: (N, 3) face normal,
    both turned towards the viewer.  uv: (N, 2).
    """

    ray: npt.NDArray[np.int64]
    part: I32
    face: I32
    distance: Reals
    point: Reals
    view: Reals
    normal: Reals
    flat: Reals
    uv: Reals


class Tracer:
    """Holds an Embree scene built from a geometry."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._scene = EmbreeScene()
        self._mesh = TriangleMesh(self._scene, geometry.tri)

    def hits(self, origin: npt.NDArray[np.float64], directions: Reals) -> Hits:
        """First hits of rays from one origin (3,) along unit directions (M, 3)."""
        start = np.empty_like(directions)
        start[:] = origin
        found = self._scene.run(start, directions, output=1)
        ray = np.flatnonzero(found["primID"] >= 0)
        face = found["primID"][ray]
        distance, b, c = found["tfar"][ray], found["u"][ray][:, None], found["v"][ray][:, None]
        view = directions[ray]
        g = self.geometry
        corner = g.normal[face]
        normal = corner[:, 0] * (1 - b - c) + corner[:, 1] * b + corner[:, 2] * c
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + np.float32(1e-9)
        flat = found["Ng"][ray]
        flat /= np.linalg.norm(flat, axis=1, keepdims=True) + np.float32(1e-20)
        flat *= -np.sign(np.einsum("ij,ij->i", flat, view))[:, None]
        normal = np.where((np.einsum("ij,ij->i", normal, flat) < 0)[:, None], -normal, normal)
        t = g.uv[face]
        uv = t[:, 0] * (1 - b - c) + t[:, 1] * b + t[:, 2] * c
        point = np.asarray(origin, np.float32) + view * distance[:, None]
        return Hits(ray, g.face_part[face], face, distance, point, view, normal, flat, uv)

    def blocked(self, points: Reals, directions: Reals, reach: float | Reals) -> npt.NDArray[np.bool_]:
        """Whether something lies between each point and reach metres along its direction."""
        if not len(points):
            return np.zeros(0, bool)
        far = np.empty(len(points), np.float32)
        far[:] = reach
        found = self._scene.run(
            np.ascontiguousarray(points, np.float32),
            np.ascontiguousarray(directions, np.float32),
            far,
            query="OCCLUDED",
        )
        return np.asarray(found == 0)
