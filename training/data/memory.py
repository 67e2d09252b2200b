# SPDX-License-Identifier: Apache-2.0
"""Decoded pictures kept in memory, for sets small enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data import thermal
from training.data.augment import Picture, resize
from training.data.sample import Sample, read

Pair = tuple[Picture, Picture]


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
        self.budget = budget
        self.with_thermal = with_thermal
        self._kept: dict[tuple[Path, Path], Pair] = {}
        self._used = 0

    def read(self, sample: Sample) -> Pair:
        """image uint8 [h, w, 3] BGR, or [h, w, 4] with thermal, and label uint8 [h, w]; both read-only.

        Raises:
            ValueError: as `training.data.sample.read`, or a thermal picture of another size than the image.
        """
        key = (sample.image, sample.label)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        image, label = read(sample)
        if self.with_thermal:
            image = np.dstack([image, _thermal(sample, label.shape)])
        if self.tallest is not None and label.shape[0] > self.tallest:
            width = round(label.shape[1] * self.tallest / label.shape[0])
            image, label = resize(image, label, (self.tallest, width))
        size = image.nbytes + label.nbytes
        if self._used + size <= self.budget:
            self._kept[key] = (image, label)
            self._used += size
        return image, label


def _thermal(sample: Sample, size: tuple[int, ...]) -> Picture:
    """The thermal picture of a sample, uint8 [*size]; zeros where it has none."""
    if sample.thermal is None:
        return np.zeros(size, np.uint8)
    picture = thermal.read(sample.thermal)
    if picture.shape != size:
        raise ValueError(
            f"{sample.thermal} is {picture.shape[1]}x{picture.shape[0]} but {sample.image} is "
            f"{size[1]}x{size[0]}: thermal must be registered onto its picture."
        )
    return picture
