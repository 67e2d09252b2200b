# SPDX-License-Identifier: Apache-2.0
"""The ground of a street: carriageways, kerbs, sidewalks, grass, and what is painted on the road."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import palette
from .classes import Street11
from .layout import REACH, Layout
from .part import Assembly, Material, Part
from .shape import box, ground, rectangles


def _dashes(
    a: Assembly, part: Part, x0: float, x1: float, y: float, on: float, off: float, wide: float, z: float
) -> None:
    start = np.arange(x0, x1 - 0.2, on + off)
    if len(start):
        a.add(rectangles(start, np.minimum(start + on, x1), y - wide / 2, y + wide / 2, z), part)


def _strip(a: Assembly, x: tuple[float, float], y: tuple[float, float], z: float, part: Part) -> None:
    """A level strip; the two bounds of y come in any order."""
    low, high = sorted(y)
    a.add(ground(x[0], x[1], low, high, z), part)


def lay_surfaces(a: Assembly, rng: np.random.Generator, plan: Layout, style: str) -> None:
    """Carriageways, kerbs, sidewalks, verges and the ground behind."""
    road = Part(
        Street11.ROAD,
        Material.PAVING if plan.cobbled else Material.ASPHALT,
        palette.road_color(rng, style),
        (0.16, 0.16, 0.5, 0) if plan.cobbled else (float(rng.uniform(0, 1)), 0, 0, 0),
    )
    grass = Part(Street11.VEGETATION, Material.GRASS, palette.grass_color(rng, style))
    size = float(rng.choice([0.1, 0.2, 0.3, 0.4, 0.6, 1.5]))
    slab = Part(
        Street11.SIDEWALK,
        Material.PAVING if rng.uniform() < 0.75 else Material.ASPHALT,
        palette.pavement_color(rng, style),
        (size, size * float(rng.choice([0.5, 1.0, 1.5])), float(rng.uniform() < 0.6), 0),
    )
    v = float(rng.uniform(0.18, 0.45))
    kerb = Part(Street11.SIDEWALK, Material.PAVING, (v, v, v * 0.97), (1.0, 5.0, 0, 0))
    a.add(
        ground(
            plan.start,
            plan.end,
            -plan.half - plan.right.parking - 0.02,
            plan.half + plan.left.parking + 0.02,
            0.0,
        ),
        road,
    )
    a.add(ground(plan.start - 150, plan.end + 150, -260, 260, -0.35, 20), grass)
    for x in plan.crossings:
        for sign in (-1, 1):
            y0, y1 = sorted((sign * (plan.half + plan.side(sign).parking), sign * REACH))
            a.add(ground(x - plan.cross_half, x + plan.cross_half, y0, y1, 0.002), road)
    top = plan.kerb
    if plan.median > 0:
        for x0, x1 in plan.blocks():
            a.add(box(x0 + 4, x1 - 4, -plan.median / 2, plan.median / 2, -0.05, top, step=6), kerb)
            a.add(
                ground(x0 + 4.2, x1 - 4.2, -plan.median / 2 + 0.2, plan.median / 2 - 0.2, top + 0.01), grass
            )
    for sign in (-1, 1):
        side = plan.side(sign)
        inner = plan.half + side.parking
        for x0, x1 in plan.blocks():
            lo, hi = sorted((sign * inner, sign * REACH))
            a.add(box(x0, x1, lo, hi, -0.1, top, step=6), kerb)
            corner = min(2.0, (x1 - x0) / 4)
            _strip(a, (x0 + 0.15, x1 - 0.15), (sign * (inner + 0.15), sign * (REACH)), top + 0.004, slab)
            if side.verge > 0:
                _strip(
                    a,
                    (x0 + corner, x1 - corner),
                    (sign * (inner + 0.2), sign * (inner + 0.2 + side.verge)),
                    top + 0.02,
                    grass,
                )
            back = inner + side.verge + side.walk
            if side.garden > 0 or not side.built:
                soft = rng.uniform() < 0.8 or not side.built
                if soft:
                    _strip(a, (x0 + corner, x1 - corner), (sign * (back), sign * (REACH)), top + 0.02, grass)
            if side.angled or (side.parking > 0 and rng.uniform() < 0.4):
                paint = Part(
                    Street11.ROAD,
                    Material.ROAD_PAINT,
                    (0.6, 0.6, 0.58),
                    (float(rng.uniform(0.2, 0.8)), 0, 0, 0),
                )
                step = 2.6 if side.angled else 5.6
                lines = np.arange(x0 + 6, x1 - 6, step)
                lo, hi = sorted((sign * (plan.half + 0.1), sign * inner))
                if len(lines):
                    a.add(
                        rectangles(lines, lines + 0.1, lo, hi, 0.012),
                        paint,
                    )


def paint_markings(a: Assembly, rng: np.random.Generator, plan: Layout) -> None:
    """Lane lines, stop lines, zebra crossings, manhole covers and repaired patches."""
    wear = float(rng.uniform(0.0, 0.85))
    tone = float(rng.uniform(0.5, 0.8))
    paint = Part(Street11.ROAD, Material.ROAD_PAINT, (tone, tone, tone * 0.95), (wear, 0, 0, 0))
    centre = replace(paint, color=(0.55, 0.38, 0.04)) if rng.uniform() < 0.2 else paint
    marked = not plan.cobbled and (plan.lanes > 1 and rng.uniform() < 0.85)
    on, off = float(rng.uniform(1.5, 6)), float(rng.uniform(1.5, 8))
    zebra = rng.uniform() < 0.55
    z = 0.013
    width = plan.half - 0.3
    for x0, x1 in plan.blocks():
        if marked:
            for i in range(1, plan.lanes):
                y = (i - plan.lanes / 2) * plan.lane
                if plan.median > 0:
                    if i == plan.lanes // 2:
                        continue
                    y += np.sign(y) * plan.median / 2
                if i == plan.lanes // 2 and rng.uniform() < 0.4:
                    a.add(ground(x0 + 5, x1 - 5, y - 0.07, y + 0.07, z), centre)
                else:
                    _dashes(a, centre if i == plan.lanes // 2 else paint, x0 + 5, x1 - 5, y, on, off, 0.13, z)
            if rng.uniform() < 0.5:
                for s in (-1, 1):
                    _dashes(
                        a,
                        paint,
                        x0 + 3,
                        x1 - 3,
                        s * (plan.half - 0.2),
                        *((6.0, 0.0) if rng.uniform() < 0.6 else (1.0, 0.8)),
                        0.12,
                        z,
                    )
            if plan.cycle_lane:
                for s in (-1, 1):
                    _dashes(a, paint, x0 + 3, x1 - 3, s * (plan.half - 1.6), 1.0, 1.0, 0.14, z + 0.001)
                    if tone > 0.65:
                        lo, hi = sorted((s * (plan.half - 1.5), s * (plan.half - 0.05)))
                        a.add(
                            ground(x0, x1, lo, hi, 0.006),
                            Part(Street11.ROAD, Material.ASPHALT, (0.22, 0.06, 0.045)),
                        )
        for edge, inward in ((x0, 1), (x1, -1)):
            if edge in (plan.start, plan.end):
                continue
            if zebra and rng.uniform() < 0.8:
                bars = np.arange(-width, width - 0.4, 1.0)
                near, far = sorted((edge + inward * 0.8, edge + inward * 3.8))
                a.add(
                    rectangles(np.full(len(bars), near), far, bars, bars + 0.5, z + 0.002),
                    replace(paint, extra=(wear * 0.7, 0, 0, 0)),
                )
            if rng.uniform() < 0.7:
                y0, y1 = (-width, -0.1) if inward < 0 else (0.1, width)
                near, far = sorted((edge + inward * 4.6, edge + inward * 5.0))
                a.add(ground(near, far, y0, y1, z + 0.002), paint)
    for _ in range(int(rng.integers(0, 8))):
        x, y = rng.uniform(-30, 50), rng.uniform(-width, width)
        if rng.uniform() < 0.5:
            v = float(rng.uniform(0.03, 0.12))
            dark = Part(Street11.ROAD, Material.ASPHALT, (v, v, v))
            a.add(ground(x, x + rng.uniform(1, 8), y, min(width, y + rng.uniform(0.6, 2.5)), 0.005), dark)
        else:
            a.add(
                ground(x, x + 0.62, y, y + 0.62, 0.008),
                Part(Street11.ROAD, Material.PAVING, (0.06, 0.06, 0.06), (0.09, 0.09, 0, 0)),
            )
