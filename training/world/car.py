# SPDX-License-Identifier: Apache-2.0
"""Cars and vans.  Local frame: x forward, origin on the ground below the middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .part import Material, Part, Piece
from .shape import box, loft
from .vehicle import CAR, lamps, paint, wheels


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


def car(rng: np.random.Generator, moving: bool, lit: bool) -> tuple[list[Piece], float, float]:
    """A random car with length and width (m).  moving: engine and tyres are warm.  lit: lamps on."""
    which = int(rng.choice(len(BODIES), p=[w for w, _ in BODIES]))
    b = BODIES[which][1]
    k = rng.uniform(0.95, 1.06, 3)
    length, width, height = b.length * k[0], b.width * k[1], b.height * k[2]
    belt, hood = b.belt * k[2], b.hood * k[2]
    color = paint(rng)
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
    coat = Part(CAR, Material.CAR_PAINT, color, (length, engine, float(rng.uniform()), half))
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
            Part(CAR, Material.GREENHOUSE, color, (reach, height - belt, windows, float(rng.uniform()))),
        )
    )
    yellow = bool(rng.uniform() < 0.2)
    pieces += lamps(front, rear, half, hood - 0.2, lit, (0.6, 0.45, 0.05) if yellow else (0.7, 0.7, 0.68))
    pieces += wheels(length, width, b.wheel, engine * 0.6, (rear + length * 0.2, front - length * 0.19))
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
