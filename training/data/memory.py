# SPDX-License-Identifier: Apache-2.0
"""Decoded pictures kept in memory, for sets small enough."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

from training.data import thermal
from training.data.augment import Picture, resize
from training.data.sample import Sample, read

Pair = tuple[Picture, Picture]
Pictures = TypeVar("Pictures", bound=tuple[Picture, ...])


class Kept(Generic[Pictures]):
    """What was once made is kept up to a number of bytes; the rest is made again each time.

    Args:
        budget: bytes to keep at most.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._kept: dict[Hashable, Pictures] = {}
        self._used = 0
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Pictures]) -> Pictures:
        """The pictures called `key`, from memory or from `make`; not to be written to. Any thread may ask."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        made = make()
        size = sum(one.nbytes for one in made)
        with self._lock:
            if key not in self._kept and self._used + size <= self.budget:
                self._kept[key] = made
                self._used += size
        return made


class Memory:
    """Reads samples and keeps them decoded up to a number of bytes; the rest is read again each time.

    Args:
        tallest: pictures higher than this many pixels are shrunk to it when read; None keeps them whole.
        budget: bytes to keep at most.
        with_thermal: pictures have thermal as a fourth channel, zero where a sample has none.
    """

    def __init__(
        self, tallest: int | None = None, budget: int = 2**31, *, with_thermal: bool = False
    ) -> None:
        self.tallest = tallest
        self.with_thermal = with_thermal
        self._kept: Kept[Pair] = Kept(budget)

    def read(self, sample: Sample) -> Pair:
        """image uint8 [h, w, 3] BGR, or [h, w, 4] with thermal, and label uint8 [h, w]; both read-only.

        Raises:
            ValueError: as `training.data.sample.read`, or a thermal picture of another size than the image.
        """
        return self._kept.get((sample.image, sample.label, sample.thermal), lambda: self._read(sample))

    def _read(self, sample: Sample) -> Pair:
        image, label = read(sample)
        if self.with_thermal:
            image = np.dstack([image, _thermal(sample, label.shape)])
        if self.tallest is not None and label.shape[0] > self.tallest:
            width = round(label.shape[1] * self.tallest / label.shape[0])
            image, label = resize(image, label, (self.tallest, width))
        return image, label


def _thermal(sample: Sample, size: tuple[int, ...]) -> Picture:
    """The thermal picture of a sample, uint8 [*size]; zeros where it has none."""
    if sample.thermal is None:
        return np.zeros(size, np.uint8)
    picture = thermal.read(sample.thermal, sample.thermal_coding)
    if picture.shape != size:
        raise ValueError(
            f"{sample.thermal} is {picture.shape[1]}x{picture.shape[0]} but {sample.image} is "
            f"{size[1]}x{size[0]}: thermal must be registered onto its picture."
        )
    return picture
