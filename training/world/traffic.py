# SPDX-License-Identifier: Apache-2.0
"""What moves: cars, pedestrians, cyclists, and the camera; each a function of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .layout import Layout
from .light import Light
from .part import Assembly, Geometry, Piece
from .stock import (
    CARS,
    CYCLISTS,
    LOOKS,
    LORRIES,
    STRIDES,
    dyed,
    stock_car,
    stock_cyclist,
    stock_lorry,
    stock_person,
)
from .vehicle import repainted


@dataclass(frozen=True)
class Actor:
    """Something that moves straight: pieces as a function of metres gone, start (x, y, z), heading, speed in
    m/s.
    """

    pieces: Callable[[float], list[Piece]]
    x: float
    y: float
    z: float
    heading: float
    speed: float
    instance: int


@dataclass(frozen=True)
class Drive:
    """The camera's way in straight-street coordinates: start (x, y), height, speed, angles in radians."""

    x: float
    y: float
    height: float
    speed: float
    yaw: float
    pitch: float
    roll: float


def _still(pieces: list[Piece]) -> Callable[[float], list[Piece]]:
    return lambda gone: pieces


def random_drive(rng: np.random.Generator, plan: Layout, model: str, speed: float) -> Drive:
    """A camera on the right-hand lane, or on a sidewalk now and then; a pinhole camera looks ahead, at times
    aside.
    """
    if rng.uniform() < 0.22:
        sign = 1 if rng.uniform() < 0.5 else -1
        side = plan.side(sign)
        y = sign * (plan.half + side.parking + side.verge + min(side.walk * 0.55, side.walk - 0.5))
        height = float(rng.uniform(1.2, 1.8)) + plan.kerb
    else:
        lane = int(rng.integers(0, max(1, plan.lanes // 2)))
        y = 0.0 if plan.lanes == 1 else -(plan.median / 2 + (lane + 0.5) * plan.lane)
        y += float(rng.normal() * 0.25)
        height = float(rng.uniform(1.2, 2.5))
    if model == "pinhole":
        aside = rng.uniform()
        yaw = (
            float(rng.normal() * 0.1)
            if aside < 0.75
            else float(rng.normal() * 0.45)
            if aside < 0.9
            else float(rng.uniform(-np.pi, np.pi))
        )
        pitch = float(rng.normal() * 0.035 + 0.02)
    else:
        yaw = float(rng.normal() * 0.15) if rng.uniform() < 0.6 else float(rng.uniform(-np.pi, np.pi))
        pitch = float(rng.normal() * 0.02)
    return Drive(float(rng.uniform(-12, 12)), y, height, speed, yaw, pitch, float(rng.normal() * 0.02))


def random_actors(
    rng: np.random.Generator, plan: Layout, drive: Drive, light: Light, first_instance: int
) -> list[Actor]:
    """Traffic around the camera; nothing stands closer than a few metres to it."""
    actors: list[Actor] = []
    number = first_instance

    def put(
        make: Callable[[float], list[Piece]], x: float, y: float, z: float, heading: float, speed: float
    ) -> None:
        nonlocal number
        actors.append(Actor(make, x, y, z, heading, speed, number))
        number += 1

    density = float(rng.uniform(0.1, 1.0))
    for lane in range(plan.lanes):
        offset = (lane + 0.5 - plan.lanes / 2) * plan.lane
        y = offset + np.sign(offset) * plan.median / 2
        forward = y < 0.01
        mine = abs(y - drive.y) < plan.lane * 0.75
        if plan.lanes == 1 and rng.uniform() < 0.5:
            continue
        x = plan.start + float(rng.uniform(0, 20))
        pace = drive.speed if mine else float(rng.uniform(4, 13))
        while x < plan.end:
            big = rng.uniform() < 0.06
            model = (
                stock_lorry(int(rng.integers(LORRIES)), True, light.lamps)
                if big
                else stock_car(int(rng.integers(CARS)), True, light.lamps)
            )
            pieces, length = repainted(rng, model[0]), model[1]
            clear = abs(x - drive.x) > (length / 2 + (7.0 if mine else 2.0))
            if clear and rng.uniform() < density:
                put(_still(pieces), x, float(y + rng.normal() * 0.12), 0.0, 0.0 if forward else np.pi, pace)
            x += length + float(rng.uniform(3, 22))
    for xc in plan.crossings:
        if rng.uniform() < 0.5 and abs(xc - drive.x) > 9:
            model = stock_car(int(rng.integers(CARS)), True, light.lamps)
            pieces, length = repainted(rng, model[0]), model[1]
            sign = 1 if rng.uniform() < 0.5 else -1
            put(
                _still(pieces),
                xc + sign * plan.cross_half * 0.45,
                -sign * (plan.half + 4 + length / 2 + rng.uniform(0, 10)),
                0.0,
                sign * np.pi / 2,
                0.0,
            )
    crowd = float(rng.uniform(0.15, 1.0)) * (0.5 if light.name == "night" else 1.0)
    for _ in range(int(46 * crowd)):
        sign = 1 if rng.uniform() < 0.5 else -1
        side = plan.side(sign)
        inner = plan.half + side.parking
        phase = float(rng.uniform(0, 6.28))
        spot = rng.uniform()
        x, z = float(rng.normal() * 20 + drive.x + 9), plan.kerb
        heading, pace = float(rng.choice([0, np.pi]) + rng.normal() * 0.12), float(rng.uniform(0.8, 1.7))
        y = sign * (inner + side.verge + float(rng.uniform(0.35, max(0.4, side.walk - 0.3))))
        if spot < 0.12:
            y, z, heading = (
                float(rng.uniform(-plan.half, plan.half)),
                0.0,
                float(rng.choice([-1, 1]) * np.pi / 2),
            )
        elif spot < 0.3:
            heading, pace = float(rng.uniform(-np.pi, np.pi)), 0.0
        if np.hypot(x - drive.x, y - drive.y) < 1.8:
            continue
        for twin in range(2 if rng.uniform() < 0.25 else 1):
            who, dye = int(rng.integers(LOOKS)), int(rng.integers(1 << 31))

            def walk(
                gone: float, who: int = who, dye: int = dye, start: float = phase + twin, go: bool = pace > 0
            ) -> list[Piece]:
                stride = int(np.floor((start + gone * 4.3) / (2 * np.pi) * STRIDES)) % STRIDES
                return dyed(np.random.default_rng(dye), stock_person(who, stride, go, light.warm))

            put(walk, x + 0.15 * twin, y + sign * 0.6 * twin, z, heading, pace)
    for _ in range(int(rng.poisson(4.0))):
        x = float(drive.x + (rng.uniform(3, 32) if rng.uniform() < 0.7 else -rng.uniform(4, 30)))
        sign = 1 if rng.uniform() < 0.4 else -1
        who, dye, turn = int(rng.integers(CYCLISTS)), int(rng.integers(1 << 31)), int(rng.integers(12))

        def ride(gone: float, who: int = who, dye: int = dye, turn: int = turn) -> list[Piece]:
            return dyed(
                np.random.default_rng(dye), stock_cyclist(who, (turn + int(gone * 2.3)) % 12, light.warm)
            )

        heading = (0.0 if sign < 0 else np.pi) if rng.uniform() < 0.8 else float(rng.uniform(-np.pi, np.pi))
        y = sign * (plan.half - float(rng.uniform(0.4, 1.3)))
        if np.hypot(x - drive.x, y - drive.y) > 2.0:
            put(ride, x, y, 0.0, heading, float(rng.uniform(3, 6.5)))
    return actors


def moved(actors: list[Actor], seconds: float) -> Geometry:
    """Where the actors are after some time, still in straight-street coordinates."""
    assembly = Assembly()
    for actor in actors:
        gone = actor.speed * seconds
        assembly.place(
            actor.pieces(gone),
            actor.x + gone * np.cos(actor.heading),
            actor.y + gone * np.sin(actor.heading),
            actor.z,
            actor.heading,
            instance=actor.instance,
        )
    return assembly.finish()
