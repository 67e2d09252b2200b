# SPDX-License-Identifier: Apache-2.0
"""Casting rays at geometry with Embree, and what is known about the points they hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from .columns import dot, pick, zeros
from .part import Geometry, Part
from .texture import Reals

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """What M rays found first, before anything is worked out about it.

    face: (M,) triangle number, -1 for nothing.  distance: (M,) metres.  across, along: (M,) barycentric
    coordinates.  flat: (M, 3) face normal, neither turned nor of unit length.
    """

    face: I32
    distance: Reals
    across: Reals
    along: Reals
    flat: Reals


@dataclass(frozen=True)
class Hits:
    """The N rays that hit something, in ray order.

    ray: (N,) which ray.  part: (N,) part number.  face: (N,) triangle number.  distance: (N,) metres.
    point: (N, 3).  view: (N, 3) ray directions.  normal: (N, 3) shading normal and flat: (N, 3) face normal,
    both turned towards the viewer.  uv: (N, 2).
    """

    ray: I64
    part: I32
    face: I32
    distance: Reals
    point: Reals
    view: Reals
    normal: Reals
    flat: Reals
    uv: Reals


class Solid:
    """A geometry with the Embree scene built from it, which is worth keeping while the geometry stays."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.scene = EmbreeScene()
        # The wrapper reads number by number, and those of float64 arrays are Python's own.
        corners = geometry.tri.astype(np.float64)
        self._mesh = TriangleMesh(self.scene, corners) if len(corners) else None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to hit."""
        return self._mesh is None


class Tracer:
    """Casts rays at several solids as at one; triangle and part numbers run on from solid to solid."""

    def __init__(self, solids: Sequence[Solid]) -> None:
        shapes = [s.geometry for s in solids]
        self.parts: list[Part] = [part for g in shapes for part in g.parts]
        faces = np.cumsum([0] + [len(g.tri) for g in shapes])
        parts = np.cumsum([0] + [len(g.parts) for g in shapes])
        self._solids = [(s, int(n)) for s, n in zip(solids, faces, strict=False) if not s.empty]
        self._normal = np.concatenate([g.normal for g in shapes])
        self._uv = np.concatenate([g.uv for g in shapes])
        self.face_part: I32 = np.concatenate(
            [g.face_part + np.int32(n) for g, n in zip(shapes, parts, strict=False)]
        )

    def find(self, origin: Reals, directions: Reals) -> Found:
        """What rays from one origin (3,) along unit directions (M, 3) float32 meet first."""
        start = np.empty_like(directions)
        start[:] = origin
        face = np.full(len(directions), -1, np.int32)
        distance = np.full(len(directions), 1e37, np.float32)
        across, along = np.zeros_like(distance), np.zeros_like(distance)
        flat = np.zeros_like(directions)
        for number, (solid, first) in enumerate(self._solids):
            found = solid.scene.run(start, directions, distance, output=1)
            if number == 0:
                face, across, along, flat = found["primID"], found["u"], found["v"], found["Ng"]
                face[face >= 0] += first
                distance = found["tfar"]
                continue
            nearer = np.flatnonzero(found["primID"] >= 0)
            face[nearer] = found["primID"][nearer] + first
            across[nearer], along[nearer] = found["u"][nearer], found["v"][nearer]
            flat[nearer], distance[nearer] = found["Ng"][nearer], found["tfar"][nearer]
        return Found(face, distance, across, along, flat)

    def hits(self, origin: Reals, directions: Reals, found: Found | None = None) -> Hits:
        """The rays of find() that met something, with all about the points where they did."""
        found = self.find(origin, directions) if found is None else found
        ray = np.flatnonzero(found.face >= 0)
        face, distance, view = found.face[ray], found.distance[ray], pick(directions, ray)
        b, c = found.across[ray], found.along[ray]
        a = 1 - b - c
        normal, corner = zeros(len(ray)), self._normal.take(face, 0)
        for k in range(3):
            normal[:, k] = corner[:, 0, k] * a + corner[:, 1, k] * b + corner[:, 2, k] * c
        flat = pick(found.flat, ray)
        flat *= (-np.sign(dot(flat, view)) / (np.sqrt(dot(flat, flat)) + np.float32(1e-20)))[:, None]
        size = np.sqrt(dot(normal, normal)) + np.float32(1e-9)
        normal *= (np.copysign(np.float32(1), dot(normal, flat)) / size)[:, None]
        uv, t = zeros(len(ray), 2), self._uv.take(face, 0)
        for k in range(2):
            uv[:, k] = t[:, 0, k] * a + t[:, 1, k] * b + t[:, 2, k] * c
        point = view * distance[:, None]
        point += origin.astype(np.float32)
        return Hits(ray, self.face_part[face], face, distance, point, view, normal, flat, uv)

    def blocked(self, points: Reals, directions: Reals, reach: float | Reals) -> npt.NDArray[np.bool_]:
        """Whether something lies between each point (N, 3) and reach metres along its direction (N, 3), or
        (1, 3) for all of them.
        """
        out = np.zeros(len(points), bool)
        if not len(points):
            return out
        points, directions = np.asarray(points, np.float32), np.asarray(directions, np.float32)
        far = np.empty(len(points), np.float32)
        far[:] = reach
        for solid, _ in self._solids:
            out |= solid.scene.run(points, directions, far, query="OCCLUDED") == 0
        return out
