# SPDX-License-Identifier: Apache-2.0
"""What stands along a street: lamp posts, poles, bollards and fences.  Local frame: fences run along +x."""

from __future__ import annotations

import numpy as np

from .classes import Street11
from .part import RGB, Material, Part, Piece
from .shape import Shape, box, joined, loft, quad, repeated

FENCES = ("bars", "picket", "planks", "mesh", "rail", "panel", "chain")


def lamp_post(
    rng: np.random.Generator, instance: int, lit: bool, tone: RGB, old: bool
) -> tuple[list[Piece], tuple[float, float, float]]:
    """A street lamp whose arm reaches to +y; also returns where the light is, in local metres."""
    metal = Part(Street11.POLE, Material.METAL, tone, instance=instance)
    glow = Part(
        Street11.POLE,
        Material.LAMP if lit else Material.PLAIN,
        (60.0, 40.0, 18.0) if lit else (0.5, 0.5, 0.5),
        heat=25.0 if lit else 0.0,
        instance=instance,
    )
    if old:
        h = float(rng.uniform(3.6, 5.0))
        pieces = [
            Piece(
                loft([(0, 0, 0), (0, 0, 0.6), (0, 0, 0.7), (0, 0, h)], [0.11, 0.1, 0.055, 0.045], sides=8),
                metal,
            ),
            Piece(loft([(0, 0, h), (0, 0, h + 0.45)], [0.1, 0.2], sides=6), glow),
            Piece(loft([(0, 0, h + 0.45), (0, 0, h + 0.65)], [0.25, 0.03], sides=6), metal),
        ]
        return pieces, (0.0, 0.0, h + 0.2)
    h, reach = float(rng.uniform(6, 9.5)), float(rng.uniform(0.6, 2.2))
    pieces = [
        Piece(
            loft(
                [(0, 0, 0), (0, 0, h * 0.9), (0, reach * 0.3, h), (0, reach, h + 0.15)],
                [0.1, 0.06, 0.05, 0.04],
                sides=8,
            ),
            metal,
        ),
        Piece(box(-0.13, 0.13, reach - 0.1, reach + 0.55, h + 0.12, h + 0.24, True), metal),
        Piece(box(-0.1, 0.1, reach - 0.05, reach + 0.5, h + 0.07, h + 0.118, True), glow),
    ]
    return pieces, (0.0, reach + 0.2, h)


def bollard(rng: np.random.Generator, instance: int) -> list[Piece]:
    """A bollard 0.8 to 1.1 m high."""
    h = float(rng.uniform(0.8, 1.1))
    tone: RGB = ((0.02, 0.02, 0.02), (0.35, 0.34, 0.32), (0.4, 0.03, 0.02))[int(rng.integers(3))]
    part = Part(Street11.POLE, Material.METAL, tone, instance=instance)
    pieces = [Piece(loft([(0, 0, 0), (0, 0, h * 0.9), (0, 0, h)], [0.06, 0.055, 0.03], sides=8), part)]
    if rng.uniform() < 0.6:
        pieces.append(
            Piece(
                loft([(0, 0, h * 0.72), (0, 0, h * 0.84)], 0.062, sides=8, caps=False),
                Part(Street11.POLE, Material.PLAIN, (0.7, 0.7, 0.7), instance=instance),
            )
        )
    return pieces


def utility_pole(rng: np.random.Generator, instance: int) -> list[Piece]:
    """A wooden or concrete pole with a cross-arm."""
    h = float(rng.uniform(7, 10))
    wood = rng.uniform() < 0.6
    part = Part(
        Street11.POLE,
        Material.PLANK if wood else Material.PLAIN,
        (0.13, 0.09, 0.06) if wood else (0.35, 0.34, 0.32),
        instance=instance,
    )
    pieces = [Piece(loft([(0, 0, 0), (0, 0, h)], [0.15, 0.1], sides=8), part)]
    for z in (h - 0.4, h - 1.1)[: int(rng.integers(1, 3))]:
        pieces.append(Piece(box(-0.05, 0.05, -0.9, 0.9, z, z + 0.12, True), part))
    return pieces


def _upright(xs: np.ndarray, z0: float, z1: float, wide: float, y: float = 0.0) -> Shape:
    """Vertical strips standing in the plane y, one at each of xs."""
    n = len(xs)
    a = np.stack([xs - wide / 2, np.full(n, y), np.full(n, z0)], -1)
    b, c, d = a + np.array([wide, 0, 0]), a + np.array([wide, 0, z1 - z0]), a + np.array([0, 0, z1 - z0])
    tri = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.float32)
    normal = np.zeros_like(tri)
    normal[..., 1] = -1
    return Shape(tri, normal, tri[..., [0, 2]].copy())


def fence(rng: np.random.Generator, kind: str, length: float) -> list[Piece]:
    """A fence of one of FENCES from x = 0 to length, in the plane y = 0."""
    label = Street11.FENCE
    h = float(rng.uniform(0.9, 1.8))
    xs = np.arange(0, length + 0.01, 0.13)
    posts = np.arange(0, length + 0.01, 2.2)

    def rails(*heights: float, deep: float = 0.02, tall: float = 0.04) -> Shape:
        return joined([box(0, length, -deep, deep, z, z + tall, True, step=5) for z in heights])

    def post(radius: float, top: float) -> Shape:
        return repeated(
            loft([(0, 0, 0), (0, 0, top)], radius, sides=6), np.stack([posts, 0 * posts, 0 * posts], -1)
        )

    if kind == "bars":
        dark: RGB = ((0.02, 0.02, 0.022), (0.03, 0.08, 0.05), (0.3, 0.3, 0.3))[int(rng.integers(3))]
        part = Part(label, Material.METAL, dark)
        pieces = [
            Piece(joined([_upright(xs, 0.3, h, 0.035), rails(0.42, h - 0.12), post(0.04, h + 0.05)]), part)
        ]
        pieces.append(
            Piece(
                box(0, length, -0.14, 0.14, 0, 0.35, step=5),
                Part(label, Material.PAVING, (0.3, 0.28, 0.26), (0.4, 0.2, 1, 0)),
            )
        )
        return pieces
    if kind == "picket":
        tone: RGB = (0.7, 0.7, 0.68) if rng.uniform() < 0.6 else (0.25, 0.16, 0.09)
        return [
            Piece(
                joined([_upright(xs, 0.08, h * 0.75, 0.085, -0.03), rails(0.25, h * 0.6)]),
                Part(label, Material.PLANK, tone),
            )
        ]
    if kind == "planks":
        v = rng.uniform(0.1, 0.3)
        return [
            Piece(
                box(0, length, -0.02, 0.02, 0.05, h + 0.3, step=4),
                Part(label, Material.PLANK, (v, v * 0.68, v * 0.45), (0.14, 0, 0, 0)),
            ),
            Piece(post(0.05, h + 0.35), Part(label, Material.PLANK, (v * 0.8, v * 0.6, v * 0.4))),
        ]
    if kind == "mesh":
        wires = [
            _upright(np.arange(0, length, 0.1), 0.05, h + 0.2, 0.012),
            rails(*np.linspace(0.1, h + 0.15, 8), deep=0.006, tall=0.012),
        ]
        return [
            Piece(
                joined([*wires, post(0.035, h + 0.25)]),
                Part(label, Material.METAL, (0.08, 0.16, 0.1) if rng.uniform() < 0.5 else (0.3, 0.3, 0.3)),
            )
        ]
    if kind == "rail":
        bar = loft([(0, -0.04, 0.62), (length, -0.04, 0.62)], 0.15, 0.03, 8)
        return [
            Piece(
                joined([bar, post(0.05, 0.75).placed(0, 0.04)]), Part(label, Material.METAL, (0.4, 0.4, 0.4))
            )
        ]
    if kind == "panel":
        return [
            Piece(
                box(0, length, -0.05, 0.05, 0, h + 0.4, step=4),
                Part(label, Material.PAVING, (0.4, 0.39, 0.37), (2.2, h, 0, 0)),
            )
        ]
    return [
        Piece(
            joined([rails(0.95, 0.5, deep=0.025, tall=0.05), post(0.03, 1.0)]),
            Part(label, Material.METAL, (0.25, 0.25, 0.26)),
        )
    ]


def awning(rng: np.random.Generator, x0: float, x1: float, z: float, depth: float) -> list[Piece]:
    """A shop awning in front of the wall y = 0, towards -y."""
    r, g, b = (float(c) for c in rng.uniform(0.02, 0.5, 3))
    return [
        Piece(
            quad((x0, 0, z), (x1 - x0, 0, 0), (0, -depth, -0.5)),
            Part(Street11.BUILDING, Material.CLOTH, (r, g, b)),
        )
    ]
