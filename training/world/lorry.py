# SPDX-License-Identifier: Apache-2.0
"""Buses and box trucks.  Local frame: x forward, origin on the ground below the middle."""

from __future__ import annotations

import numpy as np

from .part import RGB, Material, Part, Piece
from .shape import box, loft
from .vehicle import BLACK, CAR, lamps, paint, wheels


def lorry(rng: np.random.Generator, moving: bool, lit: bool) -> tuple[list[Piece], float, float]:
    """A bus or a box truck: pieces, length and width in metres."""
    bus = rng.uniform() < 0.5
    color = paint(rng) if rng.uniform() < 0.5 else tuple(float(c) for c in rng.uniform(0.03, 0.6, 3))
    engine = float(rng.uniform(8, 20)) if moving else 0.0
    width = 2.45
    half = width / 2
    pieces: list[Piece] = []
    if bus:
        length, height, belt = float(rng.uniform(8, 12)), float(rng.uniform(2.8, 3.2)), 1.25
        coat = Part(CAR, Material.CAR_PAINT, (color[0], color[1], color[2]), (length, engine, 0.5, half))
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
        coat = Part(CAR, Material.CAR_PAINT, (color[0], color[1], color[2]), (length, engine, 0.5, half))
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
    pieces += lamps(length / 2, -length / 2, half, 0.75, lit, (0.7, 0.7, 0.68))
    pieces += wheels(length, width, 0.46, engine * 0.6, (-length / 2 + length * 0.22, length / 2 - 1.1))
    return pieces, length, width
