# SPDX-License-Identifier: Apache-2.0
"""Weighted mixing of data sets as a pure function of the draw's number, so that a run resumes anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from training.data.sample import Sample


@dataclass(frozen=True)
class Mixture:
    """Data sets with the share of draws that each gets.

    Attributes:
        sets: non-empty data sets.
        weights: positive, one a set; their sum does not matter.
        seed: draws with the same seed and number are the same draw.
    """

    sets: tuple[tuple[Sample, ...], ...]
    weights: tuple[float, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.sets or len(self.sets) != len(self.weights):
            raise ValueError(
                f"{len(self.sets)} data sets with {len(self.weights)} weights: give one weight for each."
            )
        if any(not one for one in self.sets) or any(weight <= 0 for weight in self.weights):
            raise ValueError("A data set is empty or its weight is not positive: remove it from the mixture.")

    def generator(self, draw: int) -> np.random.Generator:
        """The random numbers that belong to draw number `draw`."""
        return np.random.default_rng((self.seed, draw))

    def pick(self, draw: int, random: np.random.Generator) -> tuple[int, int]:
        """(set, index in the set) of draw number `draw`.

        A set is walked in shuffled order, so that one drawn alone shows each sample once an epoch.
        """
        share = np.cumsum(self.weights) / np.sum(self.weights)
        chosen = int(np.searchsorted(share, random.random(), side="right"))
        chosen = min(chosen, len(self.sets) - 1)
        size = len(self.sets[chosen])
        return chosen, shuffled(draw, size, (self.seed, chosen))


def shuffled(draw: int, size: int, seed: tuple[int, ...]) -> int:
    """Which of `size` things draw number `draw` gets: each once an epoch, in another order each time."""
    return int(_order(seed, draw // size, size)[draw % size])


@lru_cache(maxsize=64)
def _order(seed: tuple[int, ...], epoch: int, size: int) -> np.ndarray:
    return np.random.default_rng((*seed, epoch, size)).permutation(size)


def class_frequencies(labels: Sequence[np.ndarray], num_classes: int) -> np.ndarray:
    """Share of labelled pixels of each class, float64 [num_classes]; sum 1, or 0 when none is labelled."""
    counts = np.zeros(256, np.int64)
    for label in labels:
        counts += np.bincount(label.ravel(), minlength=256)
    known = counts[:num_classes].astype(np.float64)
    return known / max(known.sum(), 1.0)
