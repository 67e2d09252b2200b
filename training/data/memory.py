# SPDX-License-Identifier: Apache-2.0
"""Decoded pictures kept in memory, for sets small enough."""

from __future__ import annotations

from pathlib import Path

from training.data.augment import Picture, resize
from training.data.sample import Sample, read

Pair = tuple[Picture, Picture]


class Memory:
    """Reads samples and keeps them decoded up to a number of bytes; the rest is read again each time.

    Args:
        tallest: pictures higher than this many pixels are shrunk to it when read; None keeps them whole.
        budget: bytes to keep at most.
    """

    def __init__(self, tallest: int | None = None, budget: int = 2**31) -> None:
        self.tallest = tallest
        self.budget = budget
        self._kept: dict[tuple[Path, Path], Pair] = {}
        self._used = 0

    def read(self, sample: Sample) -> Pair:
        """image uint8 [h, w, 3] BGR and label uint8 [h, w]; treat both as read-only."""
        key = (sample.image, sample.label)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        image, label = read(sample)
        if self.tallest is not None and label.shape[0] > self.tallest:
            width = round(label.shape[1] * self.tallest / label.shape[0])
            image, label = resize(image, label, (self.tallest, width))
        size = image.nbytes + label.nbytes
        if self._used + size <= self.budget:
            self._kept[key] = (image, label)
            self._used += size
        return image, label
