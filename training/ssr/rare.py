# SPDX-License-Identifier: Apache-2.0
"""Rare-class sampling of DAFormer: source pictures that show rare classes come up more often."""

from __future__ import annotations

import numpy as np


def class_probabilities(
    counts: np.ndarray, temperature: float, among: np.ndarray | None = None
) -> np.ndarray:
    """How often each class is asked for, float64 [classes], sum 1.

        f_c = pixels of class c / labelled pixels
        P(c) = exp((1 - f_c) / T) / sum over c' of exp((1 - f_c') / T)

    over the classes that occur; P of the others is 0.

    Args:
        counts: [classes], pixels of each class in all source pictures.
        temperature: T > 0; small prefers rare classes more, large makes all alike.
        among: bool [classes]; only those of the classes that occur, f_c unchanged. None is all.

    Raises:
        ValueError: none is left.
    """
    chosen = counts > 0 if among is None else (counts > 0) & among
    if not chosen.any():
        raise ValueError("No class is left to sample: the source pictures have no labelled pixels of any.")
    logits = np.where(chosen, (1.0 - counts / counts.sum()) / temperature, -np.inf)
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum(), np.float64)


class RareClasses:
    """Picks a class, and a picture that shows it.

    A class is picked by `class_probabilities`, then evenly one of the pictures that hold at least
    `min_pixels` of it. A class that no picture holds that often is left out, and the others share its
    probability in proportion to theirs.

    Args:
        counts: int [pictures, classes], pixels of each class in each picture.
        temperature: as `class_probabilities`.
        min_pixels: of a class, that make a picture show it.

    Attributes:
        probabilities: float64 [classes], sum 1.
        shown: for each class the indices of the pictures that show it, int64 [n].

    Raises:
        ValueError: no picture holds so many pixels of any class.
    """

    def __init__(self, counts: np.ndarray, temperature: float, min_pixels: int) -> None:
        enough: np.ndarray = counts >= min_pixels
        if not enough.any():
            raise ValueError(
                f"No source picture has rare_classes.min_pixels={min_pixels} pixels of any class: lower it."
            )
        self.probabilities = class_probabilities(
            counts.sum(axis=0), temperature, among=np.any(enough, axis=0)
        )
        self.shown = [np.flatnonzero(of_class) for of_class in enough.T]

    def pick(self, random: np.random.Generator) -> tuple[int, int]:
        """A class and the index of a picture."""
        chosen = int(random.choice(len(self.probabilities), p=self.probabilities))
        return chosen, int(random.choice(self.shown[chosen]))
