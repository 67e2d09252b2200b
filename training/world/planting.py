# SPDX-License-Identifier: Apache-2.0
"""Plants the trees, bushes and hedges of a street, and the woods around it."""

from __future__ import annotations

import numpy as np

from . import palette, tree
from .layout import REACH, Layout
from .part import Assembly, Material
from .stock import TREES, recolored, stock_tree


def plant_trees(
    a: Assembly, rng: np.random.Generator, plan: Layout, style: str, near: tuple[float, float]
) -> None:
    """Street trees, garden bushes and hedges, parks, and woods at the far ends."""
    stock = []
    for _ in range(3):
        kind, color, number = (
            str(rng.choice(palette.TREES[style])),
            palette.leaf_color(rng, style),
            int(rng.integers(TREES)),
        )
        stock.append(
            tuple(recolored(stock_tree(kind, number, detail), Material.LEAF, color) for detail in (1.0, 0.3))
        )
    far = [
        recolored(
            stock_tree(str(rng.choice(("round", "spreading", "column"))), int(rng.integers(TREES)), 0.12),
            Material.LEAF,
            palette.leaf_color(rng, style),
        )
        for _ in range(3)
    ]
    leaf = palette.leaf_color(rng, style)

    def plant(x: float, y: float, height: float, only: int | None = None) -> None:
        models = stock[int(rng.integers(len(stock))) if only is None else only]
        distant = not near[0] < x < near[1] or abs(y) > 30
        a.place(models[1 if distant else 0], x, y, plan.kerb, float(rng.uniform(0, 6.28)), height / 10.0)

    lined = rng.uniform() < {"town": 0.5, "boulevard": 0.9, "suburb": 0.6}.get(plan.kind, 0.7)
    spacing, only = float(rng.uniform(7, 18)), int(rng.integers(len(stock)))
    for sign in (-1, 1):
        side = plan.side(sign)
        inner = plan.half + side.parking
        back = inner + side.verge + side.walk
        for x0, x1 in plan.blocks():
            if lined or (side.verge > 0 and rng.uniform() < 0.6):
                y = inner + (side.verge / 2 + 0.2 if side.verge > 0 else 0.75)
                tall = float(rng.uniform(5, 13))
                if side.walk > 1.7 or side.verge > 0:
                    for x in np.arange(x0 + 7, x1 - 6, spacing):
                        if rng.uniform() < 0.85:
                            plant(
                                x + rng.normal() * 0.5,
                                sign * y,
                                tall * float(rng.uniform(0.8, 1.15)),
                                only if rng.uniform() < 0.85 else None,
                            )
            if not side.built:
                for _ in range(int((x1 - x0) / 6)):
                    x, y = rng.uniform(x0 + 2, x1 - 2), back + 1.5 + rng.uniform(0, 1) ** 1.5 * 40
                    if rng.uniform() < 0.4 and y < back + 15:
                        plant(x, sign * y, float(rng.uniform(5, 17)))
                    else:
                        a.place(
                            far[int(rng.integers(3))],
                            x,
                            sign * y,
                            0,
                            float(rng.uniform(0, 6)),
                            float(rng.uniform(0.5, 1.6)),
                        )
                    if rng.uniform() < 0.35:
                        a.place(
                            tree.bush(rng, float(rng.uniform(0.5, 1.4)), leaf),
                            rng.uniform(x0 + 2, x1 - 2),
                            sign * (back + rng.uniform(1, 6)),
                            plan.kerb,
                        )
            elif side.garden > 1.5:
                if rng.uniform() < 0.7:
                    x = x0 + 2.0
                    while x < x1 - 5:
                        length = float(min(rng.uniform(4, 14), x1 - 2 - x))
                        if rng.uniform() < 0.6 and -35 < x < 75:
                            a.place(
                                tree.hedge(
                                    rng,
                                    length,
                                    float(rng.uniform(0.6, 2.0)),
                                    float(rng.uniform(0.4, 0.9)),
                                    leaf,
                                ),
                                x,
                                sign * (back + 0.5),
                                plan.kerb,
                            )
                        x += length + float(rng.uniform(1.2, 3.5))
                for _ in range(int((x1 - x0) / 9)):
                    x, y = rng.uniform(x0 + 2, x1 - 2), back + rng.uniform(1.2, max(1.3, side.garden - 0.6))
                    if rng.uniform() < 0.25 and side.garden > 3:
                        plant(x, sign * y, float(rng.uniform(3.5, 8)))
                    else:
                        a.place(tree.bush(rng, float(rng.uniform(0.4, 1.1)), leaf), x, sign * y, plan.kerb)
    if plan.median > 0 and rng.uniform() < 0.7:
        for x0, x1 in plan.blocks():
            for x in np.arange(x0 + 8, x1 - 8, spacing):
                plant(x, 0.0, float(rng.uniform(5, 10)), only)
    for _ in range(26):
        x = float(rng.choice([plan.start - rng.uniform(5, 90), plan.end + rng.uniform(5, 90)]))
        a.place(
            far[int(rng.integers(3))],
            x,
            float(rng.uniform(-90, 90)),
            -0.3,
            float(rng.uniform(0, 6)),
            float(rng.uniform(0.9, 2.2)),
        )
    for _ in range(30):
        y = float(rng.choice([-1, 1])) * float(rng.uniform(REACH, REACH + 60))
        a.place(
            far[int(rng.integers(3))],
            float(rng.uniform(plan.start, plan.end)),
            y,
            -0.3,
            float(rng.uniform(0, 6)),
            float(rng.uniform(0.9, 2.2)),
        )
