# SPDX-License-Identifier: Apache-2.0
"""What cars, vans, buses and trucks have in common: paint, wheels, lamps and plates.  All are of class car.

Local frame: x forward, origin on the ground below the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .classes import Street11
from .part import RGB, Material, Part, Piece
from .shape import box, loft, polygon, quad

CAR = Street11.CAR
BLACK: RGB = (0.012, 0.012, 0.013)


def paint(rng: np.random.Generator) -> RGB:
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


def wheels(length: float, width: float, radius: float, heat: float, axles: tuple[float, ...]) -> list[Piece]:
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


def lamps(front: float, rear: float, half: float, z: float, lit: bool, plate: RGB) -> list[Piece]:
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


def repainted(rng: np.random.Generator, pieces: Sequence[Piece]) -> list[Piece]:
    """The same vehicle in another colour."""
    color = paint(rng)
    coats = (Material.CAR_PAINT, Material.GREENHOUSE)
    return [replace(p, part=replace(p.part, color=color)) if p.part.material in coats else p for p in pieces]
