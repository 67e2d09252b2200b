# SPDX-License-Identifier: Apache-2.0
"""Cars, vans, buses and trucks, all of class car.  Local frame: x forward, origin on the ground below the
middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .classes import Street11
from .part import RGB, Material, Part, Piece
from .shape import box, loft, polygon, quad

CAR = Street11.CAR
BLACK: RGB = (0.012, 0.012, 0.013)


@dataclass(frozen=True)
class Body:
    """Proportions in metres; base and roof are the greenhouse's (rear, front) ends as fractions of the
    length.
    """

    length: float
    width: float
    belt: float
    height: float
    base: tuple[float, float]
    roof: tuple[float, float]
    hood: float
    wheel: float
    panel: bool = False


BODIES: tuple[tuple[float, Body], ...] = (
    (0.28, Body(3.85, 1.70, 0.94, 1.49, (-0.485, 0.27), (-0.40, 0.07), 0.90, 0.30)),
    (0.22, Body(4.60, 1.80, 0.93, 1.44, (-0.36, 0.23), (-0.20, 0.06), 0.86, 0.32)),
    (0.17, Body(4.65, 1.80, 0.95, 1.50, (-0.485, 0.24), (-0.43, 0.07), 0.88, 0.32)),
    (0.17, Body(4.45, 1.86, 1.08, 1.70, (-0.485, 0.25), (-0.42, 0.09), 1.02, 0.36)),
    (0.10, Body(5.00, 1.95, 1.18, 2.05, (-0.495, 0.40), (-0.485, 0.25), 1.08, 0.34, True)),
    (0.06, Body(4.30, 1.75, 1.05, 1.75, (-0.49, 0.33), (-0.46, 0.14), 0.98, 0.31)),
)


def _paint(rng: np.random.Generator) -> RGB:
    """A car colour: mostly white, black, silver, grey, some blue and red, few others."""
    kind = rng.choice(8, p=[0.22, 0.18, 0.2, 0.14, 0.1, 0.08, 0.04, 0.04])
    v = rng.uniform(0.8, 1.2)
    table = (
        (0.75, 0.75, 0.73),
        (0.02, 0.02, 0.023),
        (0.42, 0.43, 0.44),
        (0.13, 0.135, 0.14),
        (0.03, 0.08, 0.25),
        (0.4, 0.025, 0.02),
        (0.05, 0.16, 0.08),
        (0.55, 0.35, 0.05),
    )
    r, g, b = (float(np.clip(c * v * rng.uniform(0.9, 1.1), 0, 0.85)) for c in table[kind])
    return r, g, b


def _wheels(length: float, width: float, radius: float, heat: float, axles: tuple[float, ...]) -> list[Piece]:
    """Tyres, with a dark arch behind each."""
    pieces = []
    for x in axles:
        for side in (-1, 1):
            y = side * (width / 2 - 0.09)
            tyre = loft([(x, y - 0.11, radius), (x, y + 0.11, radius)], radius, sides=14, caps=False)
            pieces.append(Piece(tyre, Part(CAR, Material.PLAIN, (0.02, 0.02, 0.02), heat=heat)))
            angle = np.linspace(0, 2 * np.pi, 15)[:-1]
            for r, yy, material in ((1.0, y + side * 0.112, Material.WHEEL),):
                rim = np.stack(
                    [x + np.cos(angle) * radius * r, 0 * angle + yy, radius + np.sin(angle) * radius * r], -1
                )
                uv = np.stack([np.cos(angle), np.sin(angle)], -1)
                pieces.append(
                    Piece(
                        polygon(rim, uv),
                        Part(
                            CAR,
                            material,
                            (0.35, 0.35, 0.36),
                            (float(5 + int(abs(length * 100)) % 4), 0, 0, 0),
                            heat,
                        ),
                    )
                )
            half = angle[angle <= np.pi + 0.01]
            arch = np.stack(
                [
                    x + np.cos(half) * radius * 1.17,
                    0 * half + side * (width / 2 - 0.015),
                    radius * 0.9 + np.sin(half) * radius * 1.17,
                ],
                -1,
            )
            pieces.append(Piece(polygon(arch), Part(CAR, Material.PLAIN, BLACK)))
    return pieces


def _lamps(front: float, rear: float, half: float, z: float, lit: bool, plate: RGB) -> list[Piece]:
    """Headlights, tail lights, plates and a grille."""
    white: RGB = (30.0, 28.0, 23.0) if lit else (0.6, 0.62, 0.65)
    red: RGB = (7.0, 0.15, 0.05) if lit else (0.25, 0.012, 0.01)
    glow = Material.LAMP if lit else Material.GLASS
    pieces = []
    for side in (-1, 1):
        y = side * half * 0.74
        w = half * 0.19
        pieces.append(
            Piece(
                box(front - 0.25, front - 0.015, y - w, y + w, z - 0.08, z + 0.07, True),
                Part(CAR, glow if lit else Material.PLAIN, white, heat=12.0 if lit else 0.0),
            )
        )
        pieces.append(
            Piece(
                box(rear + 0.01, rear + 0.2, y - w, y + w, z - 0.06, z + 0.14, True),
                Part(CAR, Material.LAMP if lit else Material.PLAIN, red, heat=4.0 if lit else 0.0),
            )
        )
    pieces.append(
        Piece(
            box(front - 0.2, front + 0.01, -half * 0.5, half * 0.5, z - 0.22, z - 0.05, True),
            Part(CAR, Material.PLAIN, BLACK),
        )
    )
    for x, sign in ((front + 0.02, 1), (rear - 0.012, -1)):
        pieces.append(
            Piece(
                quad(
                    (x, -0.26 * sign, z - 0.33 if sign > 0 else z - 0.12), (0, 0.52 * sign, 0), (0, 0, 0.11)
                ),
                Part(CAR, Material.PLAIN, plate),
            )
        )
    return pieces


def car(rng: np.random.Generator, moving: bool, lit: bool) -> tuple[list[Piece], float, float]:
    """A random car with length and width (m).  moving: engine and tyres are warm.  lit: lamps on."""
    which = int(rng.choice(len(BODIES), p=[w for w, _ in BODIES]))
    b = BODIES[which][1]
    k = rng.uniform(0.95, 1.06, 3)
    length, width, height = b.length * k[0], b.width * k[1], b.height * k[2]
    belt, hood = b.belt * k[2], b.hood * k[2]
    paint = _paint(rng)
    engine = float(rng.uniform(9, 22)) if moving else float(rng.choice([0.0, 0.0, 0.0, 7.0]))
    rear, front, half = -length / 2, length / 2, width / 2
    x = np.array(
        [
            rear,
            rear + 0.06,
            rear + 0.35,
            b.base[0] * length + 0.3,
            0.0,
            b.base[1] * length,
            front - 0.45,
            front - 0.08,
            front,
        ]
    )
    trunk = belt if b.base[0] < -0.45 else belt - 0.02
    top = np.array(
        [
            trunk - 0.2,
            trunk - 0.07,
            trunk - 0.01,
            belt,
            belt,
            hood + 0.05,
            hood - 0.03,
            hood - 0.17,
            hood - 0.3,
        ]
    )
    low = np.array([0.38, 0.3, 0.24, 0.2, 0.2, 0.2, 0.2, 0.24, 0.3])
    wide = np.array([0.84, 0.93, 0.98, 1.0, 1.0, 1.0, 0.97, 0.88, 0.76]) * half
    order = np.argsort(x)
    x, top, low, wide = x[order], top[order], low[order], wide[order]
    path = np.stack([x, 0 * x, (top + low) / 2], -1)
    coat = Part(CAR, Material.CAR_PAINT, paint, (length, engine, float(rng.uniform()), half))
    pieces = [Piece(loft(path, wide, (top - low) / 2, 16, square=0.34, axis=(1, 0, 0)), coat)]
    z = np.array([belt - 0.04, belt + 0.05, (belt + height) / 2, height - 0.05, height])
    f = np.clip((z - belt) / (height - belt), 0, 1)
    r0 = b.base[0] * length * (1 - f) + b.roof[0] * length * f
    r1 = b.base[1] * length * (1 - f) + b.roof[1] * length * f
    narrow = np.array([0.93, 0.91, 0.84, 0.76, 0.68]) * half
    shrink = np.array([1.0, 1, 1, 1, 0.94])
    glass = loft(
        np.stack([(r0 + r1) / 2, 0 * z, z], -1),
        narrow,
        (r1 - r0) / 2 * shrink,
        20,
        square=0.3,
        axis=(0, 0, 1),
    )
    reach = float(max(narrow.max(), ((r1 - r0) / 2).max()))
    windows = 1.0 if (b.panel and rng.uniform() < 0.6) else 0.0
    pieces.append(
        Piece(
            glass,
            Part(CAR, Material.GREENHOUSE, paint, (reach, height - belt, windows, float(rng.uniform()))),
        )
    )
    yellow = bool(rng.uniform() < 0.2)
    pieces += _lamps(front, rear, half, hood - 0.2, lit, (0.6, 0.45, 0.05) if yellow else (0.7, 0.7, 0.68))
    pieces += _wheels(length, width, b.wheel, engine * 0.6, (rear + length * 0.2, front - length * 0.19))
    for side in (-1, 1):
        pieces.append(
            Piece(
                box(
                    b.base[1] * length - 0.55,
                    b.base[1] * length - 0.43,
                    side * (half + 0.09) - 0.1,
                    side * (half + 0.09) + 0.1,
                    belt,
                    belt + 0.14,
                    True,
                ),
                coat,
            )
        )
    trim = Part(CAR, Material.PLAIN, (0.03, 0.03, 0.032))
    pieces.append(Piece(box(rear + 0.12, front - 0.12, -half * 0.93, half * 0.93, 0.17, 0.32, True), trim))
    if rng.uniform() < 0.15 and not b.panel:
        for side in (-1, 1):
            pieces.append(
                Piece(
                    box(
                        b.roof[0] * length,
                        b.roof[1] * length,
                        side * half * 0.66 - 0.02,
                        side * half * 0.66 + 0.02,
                        height,
                        height + 0.05,
                    ),
                    trim,
                )
            )
    if moving:
        pieces.append(
            Piece(
                loft([(rear - 0.02, half * 0.5, 0.28), (rear + 0.2, half * 0.5, 0.28)], 0.035, sides=6),
                Part(CAR, Material.METAL, (0.1, 0.1, 0.1), heat=35.0),
            )
        )
    return pieces, length, width


def lorry(rng: np.random.Generator, moving: bool, lit: bool) -> tuple[list[Piece], float, float]:
    """A bus or a box truck: pieces, length and width in metres."""
    bus = rng.uniform() < 0.5
    paint = _paint(rng) if rng.uniform() < 0.5 else tuple(float(c) for c in rng.uniform(0.03, 0.6, 3))
    engine = float(rng.uniform(8, 20)) if moving else 0.0
    width = 2.45
    half = width / 2
    pieces: list[Piece] = []
    if bus:
        length, height, belt = float(rng.uniform(8, 12)), float(rng.uniform(2.8, 3.2)), 1.25
        coat = Part(CAR, Material.CAR_PAINT, (paint[0], paint[1], paint[2]), (length, engine, 0.5, half))
        xs = np.array([-length / 2, -length / 2 + 0.1, length / 2 - 0.15, length / 2])
        path = np.stack([xs, 0 * xs, 0 * xs + (0.3 + belt) / 2], -1)
        pieces.append(
            Piece(loft(path, np.array([0.94, 1, 1, 0.92]) * half, (belt - 0.3) / 2, 16, square=0.2), coat)
        )
        z = np.array([belt - 0.02, belt + 0.05, height - 0.4, height])
        pieces.append(
            Piece(
                loft(
                    np.stack([0 * z, 0 * z, z], -1),
                    np.array([1, 1, 0.97, 0.85]) * half,
                    np.array([1, 1, 0.99, 0.95]) * length / 2,
                    28,
                    square=0.16,
                ),
                Part(CAR, Material.GREENHOUSE, coat.color, (length / 2, height - belt, 2.0, 0.3)),
            )
        )
    else:
        length, height = float(rng.uniform(5.5, 9)), float(rng.uniform(2.6, 3.6))
        coat = Part(CAR, Material.CAR_PAINT, (paint[0], paint[1], paint[2]), (length, engine, 0.5, half))
        cab = length / 2 - 1.7
        xs = np.array([cab, cab + 0.1, length / 2 - 0.2, length / 2])
        path = np.stack([xs, 0 * xs, 0 * xs + 0.85], -1)
        pieces.append(
            Piece(loft(path, np.array([1, 1, 0.98, 0.9]) * half * 0.93, 0.5, 16, square=0.25), coat)
        )
        z = np.array([1.33, 1.4, 2.1, 2.3])
        pieces.append(
            Piece(
                loft(
                    np.stack([cab + np.array([0.85, 0.85, 0.75, 0.65]), 0 * z, z], -1),
                    np.array([1, 1, 0.95, 0.85]) * half * 0.9,
                    np.array([0.84, 0.84, 0.74, 0.6]),
                    24,
                    square=0.25,
                    axis=(0, 0, 1),
                ),
                Part(CAR, Material.GREENHOUSE, coat.color, (half * 0.9, 0.97, 0.0, 0.6)),
            )
        )
        cargo: RGB = (0.6, 0.6, 0.58) if rng.uniform() < 0.6 else coat.color
        pieces.append(
            Piece(
                box(-length / 2, cab - 0.1, -half, half, 0.85, height, True),
                Part(CAR, Material.CAR_PAINT, cargo, (0.0, 0.0, 0.2, half)),
            )
        )
        pieces.append(
            Piece(box(-length / 2 + 0.1, cab, -0.6, 0.6, 0.5, 0.86, True), Part(CAR, Material.PLAIN, BLACK))
        )
    pieces += _lamps(length / 2, -length / 2, half, 0.75, lit, (0.7, 0.7, 0.68))
    pieces += _wheels(length, width, 0.46, engine * 0.6, (-length / 2 + length * 0.22, length / 2 - 1.1))
    return pieces, length, width


def repainted(rng: np.random.Generator, pieces: Sequence[Piece]) -> list[Piece]:
    """The same vehicle in another colour."""
    color = _paint(rng)
    coats = (Material.CAR_PAINT, Material.GREENHOUSE)
    return [replace(p, part=replace(p.part, color=color)) if p.part.material in coats else p for p in pieces]
