# SPDX-License-Identifier: Apache-2.0
"""Bends a street that was laid out straight: a curve in plan and a slope, applied to finished geometry."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .part import Geometry
from .shape import Reals


@dataclass(frozen=True)
class Bend:
    """curvature: 1/m, left positive.  slope: rise per metre.  wave: amplitude in metres of a 160 m long
    undulation.
    """

    curvature: float = 0.0
    slope: float = 0.0
    wave: float = 0.0

    def heading(self, x: float) -> float:
        """Direction of the street at x metres along it, radians."""
        return self.curvature * x

    def point(self, points: Reals) -> Reals:
        """World positions (..., 3) of straight-street positions (..., 3), in their precision."""
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        turn = self.curvature * x
        if abs(self.curvature) > 1e-7:
            # 1 - cos by the half angle, which does not cancel in single precision.
            px: Reals = np.sin(turn) / self.curvature
            py: Reals = 2 * np.sin(turn / 2) ** 2 / self.curvature
        else:
            px, py = x, 0 * x
        rise = self.slope * x + self.wave * np.sin(2 * np.pi * x / 160)
        return np.stack([px - y * np.sin(turn), py + y * np.cos(turn), z + rise], -1)

    def apply(self, geometry: Geometry) -> Geometry:
        """The geometry bent."""
        if geometry.tri.size == 0 or (self.curvature == 0 and self.slope == 0 and self.wave == 0):
            return geometry
        turn = self.curvature * geometry.tri[..., 0]
        c, s = np.cos(turn), np.sin(turn)
        n = geometry.normal
        normal = np.stack([n[..., 0] * c - n[..., 1] * s, n[..., 0] * s + n[..., 1] * c, n[..., 2]], -1)
        return replace(geometry, tri=self.point(geometry.tri), normal=normal)
