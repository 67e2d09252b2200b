# SPDX-License-Identifier: Apache-2.0
"""The label set street11: eleven street classes under their Cityscapes names."""

from __future__ import annotations

from enum import IntEnum


class Street11(IntEnum):
    """Class ids as they stand in the label images (uint8).

    Grass and hedges are vegetation, kerbs are sidewalk, traffic lights are traffic sign, vans, buses and
    trucks are car, bollards and lamp posts are pole, a cyclist belongs to the bicycle.
    """

    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    FENCE = 3
    POLE = 4
    TRAFFIC_SIGN = 5
    VEGETATION = 6
    SKY = 7
    PERSON = 8
    CAR = 9
    BICYCLE = 10


CLASSES: tuple[str, ...] = tuple(c.name.lower().replace("_", " ") for c in Street11)
