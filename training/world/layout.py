# SPDX-License-Identifier: Apache-2.0
"""The plan of a street in cross-section and along its length, drawn before anything is built."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bend import Bend

REACH = 95.0  # metres from the street's axis to where the built-up ground ends
KINDS = ("town", "boulevard", "suburb", "park", "edge")


@dataclass(frozen=True)
class Side:
    """One side of the street, metres outwards from the carriageway edge.

    parking: width of the parked-car lane (0 none), angled: cars stand square to the kerb.  verge: grass
    strip; walk: sidewalk; garden: between sidewalk and houses.  built: houses stand here, else trees.
    """

    parking: float
    angled: bool
    verge: float
    walk: float
    garden: float
    built: bool


@dataclass(frozen=True)
class Layout:
    """A street: x runs along it.

    half: half width of the carriageway.  crossings: x of each cross street's axis; cross_half: its half
    width.  start, end: extent along x, metres.  left, right: what lies beside it.
    """

    kind: str
    lane: float
    lanes: int
    half: float
    median: float
    kerb: float
    left: Side
    right: Side
    crossings: tuple[float, ...]
    cross_half: float
    start: float
    end: float
    bend: Bend
    cycle_lane: bool
    cobbled: bool

    def side(self, sign: int) -> Side:
        """The left (+1) or right (-1) side."""
        return self.left if sign > 0 else self.right

    def blocks(self) -> list[tuple[float, float]]:
        """Intervals of x between cross streets, the carriageways of those left out."""
        cuts = [self.start]
        for x in self.crossings:
            cuts += [x - self.cross_half, x + self.cross_half]
        cuts.append(self.end)
        return [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=True) if b - a > 3]


def _side(rng: np.random.Generator, kind: str) -> Side:
    parking = rng.uniform() < (0.75 if kind in ("town", "suburb") else 0.5)
    angled = bool(parking and rng.uniform() < 0.15)
    verge = (
        float(rng.uniform(0.8, 2.5))
        if rng.uniform() < {"town": 0.12, "boulevard": 0.5, "suburb": 0.5}.get(kind, 0.6)
        else 0.0
    )
    walk = float(
        {"town": rng.uniform(1.4, 4.5), "boulevard": rng.uniform(2.5, 6)}.get(kind, rng.uniform(1.2, 2.8))
    )
    built = not (kind == "park" and rng.uniform() < 0.7) and not (kind == "edge" and rng.uniform() < 0.4)
    garden = {"town": 0.0 if rng.uniform() < 0.8 else 2.0, "suburb": rng.uniform(2.5, 8)}.get(
        kind, rng.uniform(0, 5) if rng.uniform() < 0.6 else 0.0
    )
    return Side(
        (rng.uniform(4.6, 5.2) if angled else rng.uniform(2.0, 2.4)) if parking else 0.0,
        angled,
        verge,
        walk,
        float(garden),
        built,
    )


def random_layout(rng: np.random.Generator, travel: float) -> Layout:
    """A random street long enough for a camera that starts near x = 0 and drives `travel` metres."""
    kind = str(rng.choice(KINDS, p=[0.4, 0.15, 0.25, 0.1, 0.1]))
    lane = float(rng.uniform(2.7, 3.7))
    lanes = (
        int(rng.choice([1, 2, 3, 4], p=[0.14, 0.6, 0.11, 0.15]))
        if kind != "boulevard"
        else int(rng.choice([2, 4, 6]))
    )
    median = float(rng.uniform(1.5, 4)) if kind == "boulevard" and lanes >= 4 and rng.uniform() < 0.6 else 0.0
    start, end = -100.0, 140.0 + travel
    crossings: list[float] = []
    x = float(rng.uniform(-60, 45))
    while x < end - 20:
        crossings.append(x)
        x += float(rng.uniform(45, 130))
    if rng.uniform() < 0.2:
        crossings = []
    bend = Bend(
        float(rng.uniform(-1, 1) / 260) if rng.uniform() < 0.45 else 0.0,
        float(rng.normal() * 0.012),
        float(rng.uniform(0, 0.8)) if rng.uniform() < 0.4 else 0.0,
    )
    return Layout(
        kind,
        lane,
        lanes,
        lane * lanes / 2 + median / 2 + float(rng.uniform(0, 0.5)),
        median,
        float(rng.uniform(0.06, 0.17)),
        _side(rng, kind),
        _side(rng, kind),
        tuple(crossings),
        float(rng.uniform(2.8, 6)),
        start,
        end,
        bend,
        bool(rng.uniform() < 0.18),
        bool(rng.uniform() < 0.1),
    )
