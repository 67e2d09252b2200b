# SPDX-License-Identifier: Apache-2.0
"""Parts (one surface with one material) and the geometry that rays are cast against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from .classes import Street11
from .shape import Reals, Shape

RGB = tuple[float, float, float]


class Material(IntEnum):
    """How a surface is shaded; the numbers index the tables in shade.py and thermal.py."""

    PLAIN = 0
    ASPHALT = 1
    ROAD_PAINT = 2
    PAVING = 3
    FACADE = 4
    ROOF = 5
    LEAF = 6
    BARK = 7
    GRASS = 8
    CAR_PAINT = 9
    GREENHOUSE = 10
    WHEEL = 11
    GLASS = 12
    SIGN = 13
    CLOTH = 14
    SKIN = 15
    LAMP = 16
    METAL = 17
    PLANK = 18


@dataclass(frozen=True)
class Part:
    """One surface of one thing.

    label: class.  material: see Material.  color: linear RGB albedo, 0 to 1 (for LAMP: emitted radiance).
    extra: four numbers whose meaning depends on the material (see shade.py).  heat: kelvin above what sun
    and air alone would give (people, engines, tyres).  instance: 0 for stuff, else unique in the scene.
    """

    label: Street11
    material: Material
    color: RGB
    extra: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    heat: float = 0.0
    instance: int = 0


@dataclass(frozen=True)
class Piece:
    """A shape with the part it belongs to."""

    shape: Shape
    part: Part


@dataclass
class Geometry:
    """Everything rays can hit: triangles with corner normals, uv, and the index of their part."""

    tri: Reals
    normal: Reals
    uv: Reals
    face_part: npt.NDArray[np.int32]
    parts: list[Part] = field(default_factory=list)

    def appended(self, other: Geometry) -> Geometry:
        """This geometry with another one behind it; part numbers of the other are shifted."""
        return Geometry(
            np.concatenate([self.tri, other.tri]),
            np.concatenate([self.normal, other.normal]),
            np.concatenate([self.uv, other.uv]),
            np.concatenate([self.face_part, other.face_part + len(self.parts)]),
            self.parts + other.parts,
        )


class Assembly:
    """Collects pieces; hands out instance ids.  Shapes are moved into place all at once when it finishes."""

    def __init__(self, first_instance: int = 1) -> None:
        self.parts: list[Part] = []
        self._index: dict[Part, int] = {}
        self._shapes: list[Shape] = []
        self._numbers: list[int] = []
        self._places: list[tuple[float, float, float, float, float]] = []
        self.next_instance = first_instance

    def new_instance(self) -> int:
        """A fresh instance id."""
        self.next_instance += 1
        return self.next_instance - 1

    def add(
        self,
        shape: Shape,
        part: Part,
        place: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 1.0),
    ) -> None:
        """Adds one shape; place: metres x, y, z, yaw in radians, scale."""
        number = self._index.get(part)
        if number is None:
            number = self._index[part] = len(self.parts)
            self.parts.append(part)
        self._shapes.append(shape)
        self._numbers.append(number)
        self._places.append(place)

    def place(
        self,
        pieces: Iterable[Piece],
        x: float,
        y: float,
        z: float = 0.0,
        yaw: float = 0.0,
        scale: float = 1.0,
        instance: int | None = None,
    ) -> None:
        """Adds pieces scaled, turned and moved into place; with an instance id, all of them get it."""
        for piece in pieces:
            part = piece.part if instance is None else replace(piece.part, instance=instance)
            self.add(piece.shape, part, (x, y, z, yaw, scale))

    def finish(self) -> Geometry:
        """The collected geometry."""
        if not self._shapes:
            return Geometry(
                np.zeros((0, 3, 3), np.float32),
                np.zeros((0, 3, 3), np.float32),
                np.zeros((0, 3, 2), np.float32),
                np.zeros(0, np.int32),
                [],
            )
        counts = [len(s.tri) for s in self._shapes]
        tri = np.concatenate([s.tri for s in self._shapes])
        normal = np.concatenate([s.normal for s in self._shapes])
        x, y, z, yaw, scale = np.array(self._places, np.float64).T
        rows = np.stack([x, y, z, np.cos(yaw), np.sin(yaw), scale], -1).astype(np.float32)
        x, y, z, cos, sin, scale = np.repeat(rows, counts, axis=0).T[..., None]
        tri *= scale[..., None]
        for vectors in (tri, normal):
            ahead, left = vectors[..., 0].copy(), vectors[..., 1].copy()
            vectors[..., 0] = cos * ahead - sin * left
            vectors[..., 1] = sin * ahead + cos * left
        tri[..., 0] += x
        tri[..., 1] += y
        tri[..., 2] += z
        return Geometry(
            tri,
            normal,
            np.concatenate([s.uv for s in self._shapes]),
            np.repeat(np.asarray(self._numbers, np.int32), counts),
            self.parts,
        )
