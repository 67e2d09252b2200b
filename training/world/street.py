# SPDX-License-Identifier: Apache-2.0
"""Builds everything that does not move: ground, houses, trees, furniture and parked vehicles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import palette
from .building import Facade, building, facade_table
from .layout import REACH, Layout
from .light import Light
from .part import Assembly, Geometry, Piece
from .pavement import lay_surfaces, paint_markings
from .planting import plant_trees
from .roadside import park_vehicles, place_furniture


@dataclass(frozen=True)
class Street:
    """A built street, still straight: geometry, facade table (N, 30), lamp positions (L, 3), next free
    instance id.
    """

    geometry: Geometry
    facades: npt.NDArray[np.float32]
    lamps: npt.NDArray[np.float64]
    next_instance: int


def _row_of_houses(
    a: Assembly,
    rng: np.random.Generator,
    table: list[Facade],
    plan: Layout,
    style: str,
    x0: float,
    x1: float,
    y: float,
    sign: int,
    turned: float | None = None,
) -> None:
    """Houses along x0..x1 with their fronts at distance y on one side (or, turned, along a cross street at x
    = turned).
    """
    lone = plan.kind in ("suburb", "edge") and rng.uniform() < 0.8
    levels = {"town": (2, 6), "boulevard": (3, 9), "suburb": (1, 4), "park": (2, 6), "edge": (1, 5)}[
        plan.kind
    ]
    base = int(rng.integers(*levels))
    x = x0
    while x < x1 - 4:
        width = min(float(rng.uniform(7, 14) if lone else rng.uniform(6, 26)), x1 - x)
        if x1 - x - width < 5:
            width = x1 - x
        floors = max(1, base + int(rng.integers(-1, 2)))
        if style == "b" and rng.uniform() < 0.15:
            floors += int(rng.integers(2, 9))
        depth = float(rng.uniform(9, 14))
        shop = bool(rng.uniform() < {"town": 0.5, "boulevard": 0.5}.get(plan.kind, 0.08))
        pieces = building(
            rng,
            table,
            style,
            palette.wall_color(rng, style),
            palette.roof_color(rng, style),
            width,
            depth,
            floors,
            shop,
            bool(rng.uniform() < (0.8 if style == "a" else 0.25)),
        )
        back = float(rng.uniform(0, 0.25)) + (float(rng.uniform(0, 1.5)) if lone else 0.0)
        if turned is None:
            a.place(
                pieces, x if sign > 0 else x + width, sign * (y + back), plan.kerb, 0.0 if sign > 0 else np.pi
            )
        else:
            a.place(
                pieces,
                turned,
                *((x, plan.kerb, np.pi / 2) if sign > 0 else (x + width, plan.kerb, -np.pi / 2)),
            )
        x += width + (
            float(rng.uniform(2, 9)) if lone else float(rng.uniform(3, 12)) if rng.uniform() < 0.12 else 0.01
        )


def build_street(
    rng: np.random.Generator, plan: Layout, style: str, light: Light, near: tuple[float, float]
) -> Street:
    """Everything that stands still on a street with the given plan; trees are detailed where x lies within
    `near`.
    """
    a = Assembly()
    table: list[Facade] = []
    lay_surfaces(a, rng, plan, style)
    paint_markings(a, rng, plan)
    for sign in (-1, 1):
        side = plan.side(sign)
        back = plan.half + side.parking + side.verge + side.walk + side.garden
        if side.built:
            for x0, x1 in plan.blocks():
                inset = float(rng.uniform(1.5, 3))
                if x1 - x0 > 12:
                    _row_of_houses(a, rng, table, plan, style, x0 + inset, x1 - inset, back, sign)
        for xc in plan.crossings:
            for way in (-1, 1):
                if rng.uniform() < 0.85:
                    lo, hi = sorted((sign * (back + 15), sign * (REACH - 8)))
                    _row_of_houses(
                        a, rng, table, plan, style, lo, hi, 0.0, way, xc + (2.2 + plan.cross_half) * -way
                    )
    for x, yaw in ((plan.end + 25, -np.pi / 2), (plan.start - 25, np.pi / 2)):
        if rng.uniform() < 0.6:
            for y in np.arange(-60, 60, 21.0):
                pieces: list[Piece] = building(
                    rng,
                    table,
                    style,
                    palette.wall_color(rng, style),
                    palette.roof_color(rng, style),
                    20.0,
                    12.0,
                    int(rng.integers(2, 7)),
                    False,
                    style == "a",
                )
                a.place(pieces, x, float(y + (20 if yaw < 0 else 0)), -0.3, yaw)
    plant_trees(a, rng, plan, style, near)
    lamps = place_furniture(a, rng, plan, light)
    park_vehicles(a, rng, plan)
    return Street(
        a.finish(), facade_table(table), np.array(lamps, np.float64).reshape(-1, 3), a.next_instance
    )
