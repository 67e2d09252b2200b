# SPDX-License-Identifier: Apache-2.0
"""Places what stands still beside a street: lamps, signs, signals, fences, bollards, parked cars and
bicycles.
"""

from __future__ import annotations

import numpy as np

from . import furniture
from .layout import Layout
from .light import Light
from .part import Assembly, Piece
from .sign import signpost, traffic_light
from .stock import BICYCLES, CARS, LORRIES, stock_bicycle, stock_car, stock_lorry
from .vehicle import repainted


def place_furniture(
    a: Assembly, rng: np.random.Generator, plan: Layout, light: Light
) -> list[tuple[float, float, float]]:
    """Lamps, poles, bollards, signs, traffic lights, fences and parked bicycles; returns lamp positions."""
    lamps: list[tuple[float, float, float]] = []
    v = float(rng.uniform(0.02, 0.4))
    tone = (v, v * float(rng.uniform(0.95, 1.1)), v)
    old, spacing = bool(rng.uniform() < 0.25), float(rng.uniform(18, 38))
    signals = rng.uniform() < 0.55
    wires = rng.uniform() < 0.25
    for sign in (-1, 1):
        side = plan.side(sign)
        inner = plan.half + side.parking + 0.45
        back = plan.half + side.parking + side.verge + side.walk
        kind = str(rng.choice(furniture.FENCES))
        fenced = (side.garden > 1.5 or not side.built) and rng.uniform() < 0.75
        railing = rng.uniform() < 0.15
        posts = rng.uniform() < 0.25
        for x0, x1 in plan.blocks():
            turn = -np.pi if sign > 0 else 0.0
            for x in np.arange(x0 + 5 + (spacing / 2 if sign > 0 else 0), x1 - 3, spacing):
                pieces, bulb = furniture.lamp_post(rng, a.new_instance(), light.lamps, tone, old)
                a.place(pieces, x, sign * inner, plan.kerb, turn)
                lamps.append((x, sign * (inner - bulb[1]), bulb[2] + plan.kerb))
            if wires and sign > 0:
                for x in np.arange(x0 + 9, x1 - 5, 32):
                    a.place(furniture.utility_pole(rng, a.new_instance()), x, inner + 0.2, plan.kerb)
            for _ in range(int(rng.poisson((x1 - x0) / 16))):
                x = float(rng.uniform(x0 + 2, x1 - 2))
                ids = (a.new_instance(), a.new_instance(), a.new_instance())
                facing = (0.0 if sign < 0 else np.pi) + float(rng.normal() * 0.12)
                a.place(signpost(rng, ids), x, sign * (inner + rng.uniform(-0.1, 0.3)), plan.kerb, facing)
            if posts:
                for x in np.arange(x0 + 3, x1 - 3, 2.2):
                    if -30 < x < 70:
                        a.place(furniture.bollard(rng, a.new_instance()), x, sign * (inner - 0.1), plan.kerb)
            for f0, y, on, what in (
                (x0 + 1.5, back + 0.15, fenced, kind),
                (x0 + 4, inner - 0.2, railing and not posts, "bars"),
            ):
                x = f0
                while on and x < min(x1 - 4, 90):
                    length = float(min(rng.uniform(6, 16), x1 - 2 - x))
                    if x > -45 and rng.uniform() < 0.85:
                        a.place(furniture.fence(rng, what, length), x, sign * y, plan.kerb)
                    x += length + float(rng.uniform(0.0, 2.5))
            for _ in range(int(rng.poisson(0.8))):
                x = float(rng.uniform(x0 + 3, x1 - 6))
                y = sign * (back - 0.5) if rng.uniform() < 0.5 else sign * (inner + 0.2)
                for i in range(int(rng.integers(1, 6))):
                    a.place(
                        stock_bicycle(int(rng.integers(BICYCLES))),
                        x + 0.7 * i,
                        y,
                        plan.kerb,
                        float(rng.normal() * 0.1 + (np.pi / 2 if side.walk > 2.4 else 0.3)),
                        instance=a.new_instance(),
                    )
    if signals:
        for xc in plan.crossings:
            state = int(rng.integers(3))
            for x, y, yaw, arm in (
                (xc - plan.cross_half - 0.7, -1, 0.0, 0.0),
                (xc + plan.cross_half + 0.7, -1, 0.0, float(rng.uniform(2.5, 5))),
                (xc + plan.cross_half + 0.7, 1, np.pi, 0.0),
                (xc - plan.cross_half - 0.7, 1, np.pi, 0.0),
            ):
                ids = (a.new_instance(), a.new_instance(), a.new_instance())
                a.place(
                    traffic_light(rng, ids, arm if rng.uniform() < 0.6 else 0.0, state),
                    x,
                    y * (plan.half + plan.side(y).parking + 0.5),
                    plan.kerb,
                    yaw,
                )
    return lamps


def park_vehicles(a: Assembly, rng: np.random.Generator, plan: Layout) -> None:
    """Cars in the parking lanes and in the side streets."""
    share = float(rng.uniform(0.25, 0.98))

    def vehicle(big: bool) -> tuple[list[Piece], float, float]:
        model = (
            stock_lorry(int(rng.integers(LORRIES)), False, False)
            if big
            else stock_car(int(rng.integers(CARS)), False, False)
        )
        return repainted(rng, model[0]), model[1], model[2]

    for sign in (-1, 1):
        side = plan.side(sign)
        for x0, x1 in plan.blocks():
            if side.parking <= 0:
                continue
            x = x0 + float(rng.uniform(4, 7))
            while x < x1 - 9:
                pieces, length, width = vehicle(rng.uniform() < 0.03 and not side.angled)
                if side.angled:
                    if rng.uniform() < share:
                        y = sign * (plan.half + side.parking - length / 2 - float(rng.uniform(0.1, 0.6)))
                        a.place(
                            pieces,
                            x + 1.3,
                            y,
                            0,
                            np.pi / 2 * (1 if rng.uniform() < 0.5 else -1) + rng.normal() * 0.03,
                            instance=a.new_instance(),
                        )
                    x += 2.6
                else:
                    if rng.uniform() < share:
                        y = sign * (plan.half + side.parking - width / 2 - float(rng.uniform(0.12, 0.35)))
                        a.place(
                            pieces,
                            x + length / 2,
                            y,
                            0,
                            (0 if sign < 0 else np.pi)
                            + rng.normal() * 0.02
                            + (np.pi if rng.uniform() < 0.1 else 0),
                            instance=a.new_instance(),
                        )
                    x += length + float(rng.uniform(0.5, 1.6))
    for xc in plan.crossings:
        for sign in (-1, 1):
            y = plan.half + plan.side(sign).parking + 9.0
            while y < 55:
                pieces, length, width = vehicle(False)
                if rng.uniform() < share * 0.6:
                    a.place(
                        pieces,
                        xc + plan.cross_half - width / 2 - 0.25,
                        sign * (y + length / 2),
                        0,
                        np.pi / 2,
                        instance=a.new_instance(),
                    )
                y += length + 1.0
