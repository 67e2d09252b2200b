# SPDX-License-Identifier: Apache-2.0
"""Pedestrians, cyclists and bicycles.  Local frame: x forward, origin on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .classes import Street11
from .part import RGB, Material, Part, Piece
from .shape import ball, box, loft


@dataclass(frozen=True)
class Look:
    """Size in metres, build factor, clothes and skin as linear RGB, and what is worn or carried."""

    height: float
    build: float
    top: RGB
    legs: RGB
    shoes: RGB
    skin: RGB
    hair: RGB
    coat: bool
    skirt: bool
    bare_arms: bool
    bag: int


def _cloth(rng: np.random.Generator, dark: float) -> RGB:
    base = rng.uniform(0.06, 0.75) ** 1.3 if rng.uniform() > dark else rng.uniform(0.012, 0.07)
    spread = rng.uniform(0.0, 0.7) if rng.uniform() < 0.5 else 0.1
    r, g, b = (float(np.clip(base * (1 + spread * rng.normal()), 0.008, 0.8)) for _ in range(3))
    return r, g, b


def random_look(rng: np.random.Generator, warm: bool) -> Look:
    """A random person, one in ten a child; warm weather bares arms."""
    child = rng.uniform() < 0.1
    height = float(rng.uniform(1.05, 1.4) if child else np.clip(rng.normal(1.71, 0.09), 1.5, 1.95))
    tone = rng.uniform(0.06, 0.55)
    skin = (float(tone), float(tone * 0.68), float(tone * 0.52))
    hair = ((0.015, 0.012, 0.01), (0.06, 0.035, 0.02), (0.25, 0.17, 0.08), (0.35, 0.34, 0.33))[
        rng.integers(4)
    ]
    jeans: RGB = (0.03, 0.05, 0.12)
    return Look(
        height,
        float(rng.uniform(0.88, 1.25)),
        _cloth(rng, 0.35),
        jeans if rng.uniform() < 0.35 else _cloth(rng, 0.6),
        _cloth(rng, 0.6),
        skin,
        hair,
        bool(rng.uniform() < (0.1 if warm else 0.4)),
        bool(rng.uniform() < 0.15),
        bool(warm and rng.uniform() < 0.6),
        int(rng.integers(0, 5)),
    )


def person(
    look: Look,
    stride: float,
    swing: float = 1.0,
    label: Street11 = Street11.PERSON,
    seat: tuple[float, float, float] | None = None,
) -> list[Piece]:
    """An articulated figure.

    stride: phase of the gait in radians.  swing: 0 stands still, 1 walks.  seat: (hip height, lean in
    radians, pedal phase) puts the figure on a bicycle instead.
    """
    h, w = look.height, look.build
    cloth = Part(label, Material.CLOTH, look.top, heat=5.0)
    trousers = Part(label, Material.CLOTH, look.legs, heat=4.5)
    skin = Part(label, Material.SKIN, look.skin, heat=10.5)
    shoe = Part(label, Material.CLOTH, look.shoes, heat=2.0)
    hip = seat[0] if seat else 0.51 * h + 0.012 * h * abs(np.cos(stride)) * swing
    lean = seat[1] if seat else 0.05 * swing

    def spine(up: float, side: float = 0.0, ahead: float = 0.0) -> tuple[float, float, float]:
        return (
            ahead * np.cos(lean) + up * h * np.sin(lean),
            side,
            hip + up * h * np.cos(lean) - ahead * np.sin(lean),
        )

    low = -0.12 if look.coat and not seat else -0.01
    ups = np.array([low, 0.06, 0.15, 0.24, 0.295, 0.325])
    wide = np.array([0.105 if look.coat else 0.095, 0.09, 0.098, 0.112, 0.085, 0.035]) * h * w
    deep = np.array([0.075, 0.062, 0.07, 0.07, 0.05, 0.032]) * h * w
    pieces = [
        Piece(loft([spine(u) for u in ups], wide, deep, 8), cloth),
        Piece(loft([spine(0.31), spine(0.36)], 0.03 * h, sides=6, caps=False), skin),
    ]
    head = spine(0.415, 0, 0.012 * h)
    pieces.append(Piece(ball(head, (0.058 * h, 0.046 * h, 0.068 * h), 8, 5), skin))
    pieces.append(
        Piece(
            ball((head[0] - 0.018 * h, head[1], head[2] + 0.02 * h), (0.056 * h, 0.051 * h, 0.058 * h), 8, 4),
            Part(label, Material.CLOTH, look.hair, heat=5.0),
        )
    )
    for side in (-1, 1):
        phase = stride + (0 if side > 0 else np.pi)
        y = side * 0.052 * h
        if seat:
            turn = seat[2] + (0 if side > 0 else np.pi)
            foot = np.array([0.12 + 0.17 * np.cos(turn), side * 0.11, 0.3 + 0.17 * np.sin(turn)])
            top = np.array([0.0, y, hip])
            gap = foot + np.array([0, 0, 0.06]) - top
            bend = np.sqrt(max(0.02, (0.27 * h) ** 2 - (gap @ gap) / 4))
            knee = top + gap / 2 + np.array([0.9, side * 0.05, 0.45]) * bend
            ankle = foot + np.array([0, 0, 0.06])
        else:
            thigh = 0.42 * np.sin(phase) * swing
            shin = thigh - (0.35 + 0.35 * np.cos(phase + 0.6)) * swing * 0.8
            top = np.array([0.0, y, hip])
            knee = top + 0.245 * h * np.array([np.sin(thigh), 0, -np.cos(thigh)])
            ankle = knee + 0.235 * h * np.array([np.sin(shin), 0, -np.cos(shin)])
            foot = ankle - (0, 0, 0.035 * h)
        bare = Part(label, Material.SKIN, look.skin, heat=9.0)
        pieces.append(
            Piece(
                loft(
                    [top, (top + knee) / 2, knee, (knee * 0.6 + ankle * 0.4), ankle],
                    np.array([0.058, 0.052, 0.038, 0.036, 0.026]) * h * w,
                    sides=6,
                ),
                bare if look.skirt and not look.coat else trousers,
            )
        )
        fx, fy, fz = foot
        pieces.append(
            Piece(
                box(
                    fx - 0.04 * h,
                    fx + 0.11 * h,
                    fy - 0.027 * h,
                    fy + 0.027 * h,
                    fz - 0.0,
                    fz + 0.05 * h,
                    True,
                ),
                shoe,
            )
        )
        shoulder = np.array(spine(0.29, side * 0.105 * h * w))
        if seat:
            hand = np.array([0.52, side * 0.24, 1.02])
            elbow = (shoulder + hand) / 2 + np.array([-0.05, side * 0.07, -0.08])
        else:
            arm = -0.4 * np.sin(phase) * swing
            elbow = shoulder + 0.16 * h * np.array([np.sin(arm), side * 0.12, -np.cos(arm)])
            fore = arm + 0.35 * swing
            hand = elbow + 0.15 * h * np.array([np.sin(fore), 0, -np.cos(fore)])
        sleeve = skin if look.bare_arms else cloth
        pieces.append(
            Piece(loft([shoulder, elbow, hand], np.array([0.034, 0.028, 0.02]) * h * w, sides=5), sleeve)
        )
        pieces.append(Piece(ball((hand[0], hand[1], hand[2]), (0.02 * h, 0.018 * h, 0.03 * h), 5, 3), skin))
    if look.skirt and not look.coat and not seat:
        pieces.append(
            Piece(
                loft(
                    [(0, 0, hip + 0.06 * h), (0, 0, hip - 0.19 * h)],
                    np.array([0.09, 0.13]) * h,
                    np.array([0.07, 0.12]) * h,
                    9,
                ),
                trousers,
            )
        )
    carried = Part(label, Material.CLOTH, look.shoes, heat=0.5)
    if look.bag == 1:
        pieces.append(
            Piece(
                loft(
                    [spine(0.08, 0, -0.1 * h), spine(0.28, 0, -0.1 * h)], 0.085 * h, 0.05 * h, 8, square=0.6
                ),
                carried,
            )
        )
    elif look.bag == 2 and not seat:
        pieces.append(Piece(box(-0.12, 0.14, 0.15 * h, 0.21 * h, 0.27 * h, 0.42 * h, True), carried))
    return pieces


def bicycle(rng: np.random.Generator) -> list[Piece]:
    """A bicycle, 1.75 m long; wheels are thin rings."""
    label = Street11.BICYCLE
    r, g, b = (float(c) for c in rng.uniform(0.01, 0.4, 3) ** 1.4)
    frame = Part(label, Material.METAL, (r, g, b))
    tyre = Part(label, Material.PLAIN, (0.02, 0.02, 0.02), heat=0.5)
    metal = Part(label, Material.METAL, (0.25, 0.25, 0.26))
    pieces = []
    for x in (-0.52, 0.52):
        a = np.linspace(0, 2 * np.pi, 17)
        pieces.append(
            Piece(
                loft(
                    np.stack([x + 0.33 * np.cos(a), 0 * a, 0.345 + 0.33 * np.sin(a)], -1),
                    0.022,
                    sides=4,
                    caps=False,
                    up=(0, 1, 0),
                ),
                tyre,
            )
        )
        for s in np.linspace(0, np.pi, 6)[:-1]:
            d = 0.32 * np.array([np.cos(s), 0, np.sin(s)])
            c = np.array([x, 0, 0.345])
            pieces.append(Piece(loft([c - d, c + d], 0.004, sides=3, caps=False), metal))
    tubes = (
        ((-0.52, 0, 0.345), (-0.16, 0, 0.85)),
        ((-0.52, 0, 0.345), (-0.05, 0, 0.32)),
        ((-0.05, 0, 0.32), (-0.2, 0, 0.95)),
        ((-0.05, 0, 0.32), (0.36, 0, 0.8)),
        ((-0.16, 0, 0.83), (0.36, 0, 0.85)),
        ((0.52, 0, 0.345), (0.34, 0, 0.98)),
    )
    pieces += [Piece(loft(t, 0.021, sides=5), frame) for t in tubes]
    pieces.append(
        Piece(loft([(0.36, -0.28, 1.02), (0.4, 0, 1.0), (0.36, 0.28, 1.02)], 0.016, sides=5), metal)
    )
    pieces.append(Piece(box(-0.33, -0.06, -0.07, 0.07, 0.94, 1.0, True), tyre))
    pieces.append(Piece(loft([(-0.05, -0.1, 0.32), (-0.05, 0.1, 0.32)], 0.07, sides=8), metal))
    if rng.uniform() < 0.5:
        pieces.append(Piece(box(-0.8, -0.35, -0.07, 0.07, 0.72, 0.75, True), frame))
    if rng.uniform() < 0.3:
        pieces.append(
            Piece(
                box(0.46, 0.76, -0.17, 0.17, 0.78, 1.0, True), Part(label, Material.PLANK, (0.25, 0.17, 0.08))
            )
        )
    return pieces


def cyclist(rng: np.random.Generator, pedal: float, warm: bool) -> list[Piece]:
    """A bicycle with its rider, both of class bicycle."""
    bike = bicycle(rng)
    look = random_look(rng, warm)
    rider = person(look, 0.0, 0.0, Street11.BICYCLE, (0.98, float(rng.uniform(0.15, 0.55)), pedal))
    moved = [Piece(p.shape.placed(-0.18), p.part) for p in rider]
    if rng.uniform() < 0.4:
        bright: RGB = (
            float(rng.uniform(0.1, 0.7)),
            float(rng.uniform(0.1, 0.6)),
            float(rng.uniform(0.1, 0.6)),
        )
        lean = next(p for p in moved if p.part.material == Material.SKIN and len(p.shape.tri) > 60)
        c = lean.shape.tri.reshape(-1, 3).mean(0)
        moved.append(
            Piece(
                ball((c[0] - 0.02, c[1], c[2] + 0.05), (0.13, 0.1, 0.1), 8, 4),
                Part(Street11.BICYCLE, Material.PLAIN, bright, heat=3.0),
            )
        )
    return bike + moved
