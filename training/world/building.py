# SPDX-License-Identifier: Apache-2.0
"""Buildings: walls whose facade is drawn by the shader from a table row, roofs, balconies, cornices,
chimneys.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from .classes import Street11
from .furniture import awning
from .part import RGB, Material, Part, Piece
from .shape import box, boxes, flat, loft, quad

HOUSE = Street11.BUILDING
WALLS = ("plaster", "brick", "panel", "stone", "glass", "siding")


@dataclass(frozen=True)
class Facade:
    """What the facade shader needs, metres and linear RGB; one row of the scene's facade table.

    wall: index into WALLS.  window_w, window_h: fractions of the bay and of the floor.  arch: 0 or 1.
    panes: vertical panes per window.  shutters, shop: 0 or 1.  lit: share of windows lit at night.
    """

    wall: float
    bay: float
    floor: float
    ground: float
    window_w: float
    window_h: float
    sill: float
    frame: float
    panes: float
    arch: float
    shutters: float
    shop: float
    lit: float
    band: float
    height: float
    seed: float
    brick: float
    wall_r: float
    wall_g: float
    wall_b: float
    base_r: float
    base_g: float
    base_b: float
    frame_r: float
    frame_g: float
    frame_b: float
    shop_r: float
    shop_g: float
    shop_b: float
    width: float


_values = attrgetter(*(f.name for f in fields(Facade)))


def facade_table(rows: list[Facade]) -> npt.NDArray[np.float32]:
    """Rows as (N, 30) float32, columns in the order of Facade's fields."""
    return np.array([_values(r) for r in rows], np.float32).reshape(-1, 30)


def random_facade(
    rng: np.random.Generator,
    style: str,
    wall_color: RGB,
    height: float,
    floor: float,
    width: float,
    shop: bool,
) -> Facade:
    """A facade of style a (brick, plaster, stone, upright windows) or b (panels, glass, ribbon windows)."""
    a = style == "a"
    wall = int(
        rng.choice(6, p=[0.42, 0.32, 0.04, 0.15, 0.02, 0.05] if a else [0.2, 0.06, 0.38, 0.06, 0.2, 0.1])
    )
    bay = float(rng.uniform(1.7, 3.2) if a else rng.uniform(2.4, 5.0))
    bay = width / max(1, round(width / bay))
    if wall == 4:
        window_w, window_h, sill = 0.94, 0.86, 0.07
    elif not a and rng.uniform() < 0.4:
        window_w, window_h, sill = 1.0, float(rng.uniform(0.4, 0.6)), 0.3
    else:
        window_w, window_h, sill = (
            float(rng.uniform(0.35, 0.62)),
            float(rng.uniform(0.45, 0.68)),
            float(rng.uniform(0.15, 0.3)),
        )
    v = float(rng.uniform(0.03, 0.8))
    frame: RGB = (0.75, 0.75, 0.73) if rng.uniform() < 0.55 else (v * 0.6, v * 0.5, v * 0.4)
    shade = float(rng.uniform(0.45, 1.1))
    ink = rng.uniform(0.015, 0.5, 3) ** 1.3
    sr, sg, sb = (float(c) for c in ink + (ink.mean() - ink) * rng.uniform(0.0, 0.8))
    return Facade(
        wall=wall,
        bay=bay,
        floor=floor,
        ground=float(rng.uniform(3.2, 4.4)) if shop else floor,
        window_w=window_w,
        window_h=window_h,
        sill=sill,
        frame=float(rng.uniform(0.05, 0.12)),
        panes=float(rng.integers(1, 4)),
        arch=float(a and rng.uniform() < 0.18),
        shutters=float(a and rng.uniform() < 0.2),
        shop=float(shop),
        lit=float(rng.uniform(0.1, 0.6)),
        band=float(rng.uniform() < (0.5 if a else 0.3)),
        height=height,
        seed=float(rng.uniform(0, 1000)),
        brick=float(rng.uniform(0.85, 1.2)),
        wall_r=wall_color[0],
        wall_g=wall_color[1],
        wall_b=wall_color[2],
        base_r=wall_color[0] * shade,
        base_g=wall_color[1] * shade,
        base_b=wall_color[2] * shade,
        frame_r=frame[0],
        frame_g=frame[1],
        frame_b=frame[2],
        shop_r=sr,
        shop_g=sg,
        shop_b=sb,
        width=width,
    )


def building(
    rng: np.random.Generator,
    table: list[Facade],
    style: str,
    wall_color: RGB,
    roof_color: RGB,
    width: float,
    depth: float,
    floors: int,
    shop: bool,
    pitched: bool,
) -> list[Piece]:
    """One building: front wall in the plane y = 0 facing -y, x from 0 to width, y from 0 to depth, metres."""
    floor = float(rng.uniform(2.7, 3.4))
    front = random_facade(rng, style, wall_color, 0.0, floor, width, shop)
    height = front.ground + floor * (floors - 1) + float(rng.uniform(0.2, 0.8))
    front = replace(front, height=height)
    blind = rng.uniform() < 0.4 and width < 30
    side = replace(
        front,
        shop=0.0,
        ground=front.ground,
        bay=depth / max(1, round(depth / (front.bay * 1.7))),
        width=depth,
        window_w=0.0 if blind else front.window_w * 0.7 if front.window_w < 0.9 else front.window_w,
    )
    first = len(table)
    table += [front, side]
    face = Part(HOUSE, Material.FACADE, wall_color, (float(first), 0, 0, 0), heat=0.0)
    flank = replace(face, extra=(float(first + 1), 0.0, 0.0, 0.0))
    pieces = [
        Piece(quad((0, 0, 0), (width, 0, 0), (0, 0, height)), face),
        Piece(quad((width, 0, 0), (0, depth, 0), (0, 0, height)), flank),
        Piece(quad((0, depth, 0), (0, -depth, 0), (0, 0, height)), flank),
        Piece(quad((width, depth, 0), (-width, 0, 0), (0, 0, height)), replace(flank)),
    ]
    tiles = Part(HOUSE, Material.ROOF, roof_color, (0.28, 0, 0, 0))
    trim_v = float(rng.uniform(0.5, 1.2))
    trim: RGB = (
        min(0.8, wall_color[0] * trim_v),
        min(0.8, wall_color[1] * trim_v),
        min(0.8, wall_color[2] * trim_v),
    )
    stone = Part(HOUSE, Material.PLAIN, trim)
    over = 0.35
    if pitched:
        rise = depth / 2 * float(rng.uniform(0.5, 1.0))
        gable = rng.uniform() < 0.2
        if gable:
            rise = width / 2 * float(rng.uniform(0.7, 1.1))
            m = width / 2
            pieces.append(
                Piece(
                    flat(
                        np.array(
                            [
                                [(0, 0, height), (width, 0, height), (m, 0, height + rise)],
                                [(width, depth, height), (0, depth, height), (m, depth, height + rise)],
                            ]
                        ),
                        [[(0, height), (width, height), (m, height + rise)]] * 2,
                    ),
                    stone,
                )
            )
            pieces += [
                Piece(
                    quad((-over, depth, height - 0.2), (0, -depth - over, 0), (m + over, 0, rise + 0.2)),
                    tiles,
                ),
                Piece(
                    quad(
                        (width + over, -over, height - 0.2), (0, depth + over, 0), (-m - over, 0, rise + 0.2)
                    ),
                    tiles,
                ),
            ]
        else:
            m = depth / 2
            pieces += [
                Piece(
                    quad((-0.1, -over, height - 0.15), (width + 0.2, 0, 0), (0, m + over, rise + 0.15)), tiles
                ),
                Piece(
                    quad(
                        (width + 0.1, depth + over, height - 0.15),
                        (-width - 0.2, 0, 0),
                        (0, -m - over, rise + 0.15),
                    ),
                    tiles,
                ),
            ]
            ends = [
                [(0, depth, height), (0, 0, height), (0, m, height + rise)],
                [(width, 0, height), (width, depth, height), (width, m, height + rise)],
            ]
            pieces.append(
                Piece(
                    flat(np.array(ends), np.array([[(depth, height), (0, height), (m, height + rise)]] * 2)),
                    Part(HOUSE, Material.PLAIN, wall_color),
                )
            )
            for _ in range(int(rng.integers(0, 4))):
                x = float(rng.uniform(1, max(1.1, width - 2.5)))
                pieces.append(
                    Piece(
                        box(x, x + 1.4, m * 0.3, m * 0.9, height + rise * 0.25, height + rise * 0.75), stone
                    )
                )
                pieces.append(
                    Piece(
                        quad(
                            (x + 0.2, m * 0.3 - 0.01, height + rise * 0.35), (1.0, 0, 0), (0, 0, rise * 0.33)
                        ),
                        Part(HOUSE, Material.GLASS, (0.03, 0.035, 0.04)),
                    )
                )
        for _ in range(int(rng.integers(0, 3))):
            x = float(rng.uniform(0.3, width - 1))
            pieces.append(
                Piece(box(x, x + 0.7, depth * 0.4, depth * 0.55, height, height + rise + 0.9), stone)
            )
    else:
        pieces.append(
            Piece(
                quad((0, 0, height), (width, 0, 0), (0, depth, 0)),
                Part(HOUSE, Material.PLAIN, (0.2, 0.2, 0.2)),
            )
        )
        pieces.append(Piece(box(-0.12, width + 0.12, -0.12, 0.15, height - 0.25, height + 0.45, True), stone))
        if rng.uniform() < 0.5:
            x = float(rng.uniform(0, width * 0.6))
            pieces.append(
                Piece(box(x, x + width * 0.3, depth * 0.3, depth * 0.7, height, height + 2.2), stone)
            )
    if front.band > 0.5:
        for z in [height - 0.3] + ([front.ground - 0.1] if floors > 1 else []):
            pieces.append(Piece(box(0, width, -float(rng.uniform(0.08, 0.3)), 0, z, z + 0.22, True), stone))
    if floors > 1 and front.wall != 4 and rng.uniform() < (0.35 if style == "a" else 0.45):
        rail = Part(HOUSE, Material.METAL, (0.03, 0.03, 0.035)) if rng.uniform() < 0.5 else stone
        reach = float(rng.uniform(0.6, 1.5))
        bays = [i for i in range(round(width / front.bay)) if rng.uniform() < 0.45]
        left = np.tile(np.array(bays) * front.bay + front.bay * 0.08, min(floors, 8) - 1)
        low = np.repeat(front.ground + np.arange(min(floors, 8) - 1) * floor + 0.05, len(bays))
        if len(left):
            right, wall = left + front.bay * 0.84, 0 * left
            slab = np.stack([left, right, wall - reach, wall, low, low + 0.14], -1)
            front_rail = np.stack([left, right, wall - reach, wall - reach + 0.04, low + 0.14, low + 1.0], -1)
            pieces += [Piece(boxes(slab, True), stone), Piece(boxes(front_rail, True), rail)]
    if shop and rng.uniform() < 0.4:
        pieces += awning(
            rng, front.bay * 0.1, width - front.bay * 0.1, front.ground - 0.5, float(rng.uniform(0.8, 1.8))
        )
    if rng.uniform() < 0.3:
        for x in (0.15, width - 0.15):
            pieces.append(
                Piece(
                    loft([(x, -0.07, 0), (x, -0.07, height)], 0.05, sides=6, caps=False),
                    Part(HOUSE, Material.METAL, (0.15, 0.15, 0.15)),
                )
            )
    return pieces
