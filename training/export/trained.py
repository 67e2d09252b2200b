# SPDX-License-Identifier: Apache-2.0
"""What an export needs of a finished run, whichever method trained it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import nn

from samseg_ros.labels import LabelSet
from training.data.sample import Projection

Picture = tuple[Path, Path | None]  # a colour picture, and the thermal one that goes with it


@dataclass(frozen=True)
class Trained:
    """A network and what is to be said of it.

    Attributes:
        network: in evaluation mode. architecture: its name and size, for people.
        labels: its classes. task: what it is for. projection: of the pictures it takes.
        size: (height, width) to export at, unless another is asked for; multiples of 32.
        pad: columns of wrap-around on each side.
        channels: of its input, 3 or 4.
        pictures: some to compare the graph with the network on.
        told: how it was trained, for bundle.yaml; no folder of the machine it was trained on.
        scores: validation set to its scores.
        method: paragraphs of the card about how it learned.
        presence: the network also takes which streams are present.
        fold: rewrites the network, in place, for pictures of one (height, width): the same function with less
            work. None where there is nothing to do.
    """

    network: nn.Module
    architecture: str
    labels: LabelSet
    task: Literal["camera", "panorama", "rgbt"]
    projection: Projection
    size: tuple[int, int]
    pad: int
    channels: int
    pictures: tuple[Picture, ...]
    told: dict[str, Any]
    scores: Mapping[str, Mapping[str, Any]]
    method: tuple[str, ...] = ()
    presence: bool = False
    fold: Callable[[tuple[int, int]], None] | None = None


def spread(pictures: list[Picture], count: int = 6) -> tuple[Picture, ...]:
    """Up to `count` of `pictures`, evenly spaced."""
    chosen = np.unique(np.linspace(0, len(pictures) - 1, count).round().astype(int))
    return tuple(pictures[int(index)] for index in chosen)
