# SPDX-License-Identifier: Apache-2.0
"""A stock of models that scenes share: each is built once in a process, from its number alone.

Scenes pick by number and repaint, so a picture depends on its seed and not on which process drew it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from . import tree as trees
from .car import car
from .classes import Street11
from .lorry import lorry
from .part import RGB, Material, Part, Piece
from .person import Look, bicycle, cyclist, person, random_look
from .shape import Shape, joined

CARS, LORRIES, BICYCLES, CYCLISTS, TREES, LOOKS, STRIDES = 48, 10, 10, 24, 12, 60, 12
Vehicle = tuple[tuple[Piece, ...], float, float]


def merged(pieces: list[Piece]) -> tuple[Piece, ...]:
    """The same pieces with those of one part joined."""
    groups: dict[Part, list[Shape]] = {}
    for piece in pieces:
        groups.setdefault(piece.part, []).append(piece.shape)
    return tuple(Piece(joined(shapes), part) for part, shapes in groups.items())


@lru_cache(maxsize=256)
def stock_car(number: int, moving: bool, lit: bool) -> Vehicle:
    """Car `number` of CARS with its length and width."""
    pieces, length, width = car(np.random.default_rng([1, number]), moving, lit)
    return merged(pieces), length, width


@lru_cache(maxsize=64)
def stock_lorry(number: int, moving: bool, lit: bool) -> Vehicle:
    """Bus or truck `number` of LORRIES with its length and width."""
    pieces, length, width = lorry(np.random.default_rng([2, number]), moving, lit)
    return merged(pieces), length, width


@lru_cache(maxsize=64)
def stock_bicycle(number: int) -> tuple[Piece, ...]:
    """Bicycle `number` of BICYCLES."""
    return merged(bicycle(np.random.default_rng([3, number])))


@lru_cache(maxsize=512)
def stock_cyclist(number: int, pedal: int, warm: bool) -> tuple[Piece, ...]:
    """Cyclist `number` of CYCLISTS at one of 12 pedal positions."""
    return merged(cyclist(np.random.default_rng([4, number]), pedal * np.pi / 6, warm))


@lru_cache(maxsize=256)
def stock_look(number: int, warm: bool) -> Look:
    """Person `number` of LOOKS."""
    return random_look(np.random.default_rng([5, number]), warm)


@lru_cache(maxsize=4096)
def stock_person(number: int, stride: int, walking: bool, warm: bool) -> tuple[Piece, ...]:
    """Person `number` at one of STRIDES phases of the gait."""
    return merged(person(stock_look(number, warm), stride * 2 * np.pi / STRIDES, 1.0 if walking else 0.08))


@lru_cache(maxsize=256)
def stock_tree(kind: str, number: int, detail: float) -> tuple[Piece, ...]:
    """Tree `number` of TREES of a kind, 10 m high."""
    return merged(
        trees.tree(
            np.random.default_rng([6, number, trees.KINDS.index(kind)]), kind, 10.0, (0.1, 0.1, 0.1), detail
        )
    )


def recolored(pieces: tuple[Piece, ...], material: Material, color: RGB) -> list[Piece]:
    """The pieces with every part of one material in another colour."""
    return [
        replace(p, part=replace(p.part, color=color)) if p.part.material == material else p for p in pieces
    ]


def dyed(rng: np.random.Generator, pieces: tuple[Piece, ...]) -> list[Piece]:
    """The pieces with each cloth colour changed at random, the same colour to the same new one."""
    new: dict[RGB, RGB] = {}
    out = []
    for piece in pieces:
        part = piece.part
        if part.material == Material.CLOTH and part.label in (Street11.PERSON, Street11.BICYCLE):
            if part.color not in new:
                k = np.exp(rng.normal() * 0.6) * np.exp(rng.normal(size=3) * 0.35)
                r, g, b = (float(np.clip(c * f, 0.008, 0.8)) for c, f in zip(part.color, k, strict=True))
                new[part.color] = (r, g, b)
            part = replace(part, color=new[part.color])
        out.append(replace(piece, part=part))
    return out
