# SPDX-License-Identifier: Apache-2.0
"""Masks from a renderer's truth, degraded on purpose, for worlds where no SAM can be had.

The truth is one mask for each connected piece of equal (label, instance). With `strength` s in 0..1, in this
order and independently of one another:

- merges: with probability s·MERGE a piece joins one of its neighbours, drawn in proportion to the length of
  border that they share; a neighbour may have joined another, so that chains form;
- splits: with probability s·SPLIT a mask falls into two: half of the times along a straight line through its
  centre at a random angle, else into what is brighter and what is darker than its mean, if anything is;
- misses: with probability s·MISS a mask is not found: its pixels are 0;
- jitter: all boundaries are warped by a smooth random displacement, whose standard deviation in each of x and
  y is s·JITTER of the picture's height, at points of a lattice of HEIGHT / LATTICE pixels.

Strength 0 is the truth. What is random depends on the seed and the number of the view alone, and the same
draws serve every strength: a mask that fails at one fails at larger ones too, as far as it is still there.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from samseg_ros.labels import UNLABELED
from training.foundation.masks import renumber
from training.foundation.settings import InstanceMasks
from training.foundation.view import View

MERGE, SPLIT, MISS, JITTER = 0.5, 0.5, 0.3, 0.02
LATTICE = 12
SMOOTH = 1.5  # pixels, of the picture before it is parted by brightness
REVISION = 1  # counts up whenever the same settings would give other masks


class InstanceGenerator:
    """Degraded truth of a `View` that has it."""

    def __init__(self, settings: InstanceMasks) -> None:
        self._settings = settings

    def identity(self) -> dict[str, Any]:
        return {**self._settings.model_dump(mode="json"), "revision": REVISION}

    def __call__(self, view: View) -> np.ndarray:
        """Raises ValueError for a view without labels and instances."""
        if view.label is None or view.instance is None:
            raise ValueError(
                "Masks of kind instances need pictures with labels and instances, as "
                "`python -m training world` renders them: choose sam, sam2 or felzenszwalb for these."
            )
        draws = np.random.default_rng([self._settings.seed, view.number])
        truth = segments(view.label, view.instance)
        truth[(np.bincount(truth.ravel()) < self._settings.min_area)[truth]] = 0
        return renumber(degrade(truth, view.image, self._settings.strength, draws))


def segments(label: np.ndarray, instance: np.ndarray) -> np.ndarray:
    """Connected pieces of equal (label, instance); pixels touch along their sides, not at corners.

    Args:
        label: uint8 [h, w]. instance: uint16 [h, w].

    Returns:
        int32 [h, w]: 1 … n, 0 where the label is 255.
    """
    height, width = label.shape
    key = label.astype(np.int32) << 16 | instance
    known = label != UNLABELED
    # Between each two pixels stands one more that joins them if they are equal: then the components of all
    # keys are those of one binary picture.
    joined = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    joined[::2, ::2] = known
    joined[1::2, ::2] = (key[1:] == key[:-1]) & known[1:]
    joined[::2, 1::2] = (key[:, 1:] == key[:, :-1]) & known[:, 1:]
    _, components = cv2.connectedComponents(joined, connectivity=4, ltype=cv2.CV_32S)
    return np.asarray(components[::2, ::2], np.int32)


def degrade(truth: np.ndarray, image: np.ndarray, strength: float, draws: np.random.Generator) -> np.ndarray:
    """Merge, split, miss and jitter masks.

    Args:
        truth: int32 [h, w], 0 … n as of `segments`. image: uint8 [h, w, 3] BGR.
        strength: 0..1. draws: what is random.

    Returns:
        int32 [h, w], 0 no mask, else ids with gaps.
    """
    count = int(truth.max()) + 1
    joins, which, parts, angle, by_colour = draws.random((5, count))
    misses = draws.random(2 * count)
    masks = merge(truth, joins < strength * MERGE, which)
    second = halves(masks, image, angle * np.pi, by_colour < 0.5) & (parts < strength * SPLIT)[masks]
    masks = masks + count * (second & (masks > 0))
    masks[(misses < strength * MISS)[masks]] = 0
    return warp(masks, strength * JITTER * truth.shape[0], draws)


def merge(masks: np.ndarray, joins: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Join masks with neighbours; the result has the smallest id of all that became one.

    Args:
        masks: int32 [h, w], 0 … n.
        joins: bool [n + 1], whether each one joins a neighbour.
        which: float [n + 1] in 0..1, which one: where along its border with others.

    Returns:
        int32 [h, w].
    """
    count = len(joins)
    sides = ((masks[1:], masks[:-1]), (masks[:, 1:], masks[:, :-1]))
    first = np.concatenate([one.ravel() for one, _ in sides])
    other = np.concatenate([two.ravel() for _, two in sides])
    border = (first != other) & (first > 0) & (other > 0)
    first, other = first[border].astype(np.int64), other[border].astype(np.int64)
    # Each pixel of border counts once for the mask on each side of it.
    meeting, length = np.unique(
        np.concatenate([first * count + other, other * count + first]), return_counts=True
    )
    mask, neighbour = meeting // count, meeting % count
    upto = np.cumsum(length)
    whole = np.bincount(mask, weights=length, minlength=count)
    start = np.cumsum(whole) - whole
    owner = list(range(count))

    def root(index: int) -> int:
        while owner[index] != index:
            index = owner[index]
        return index

    for index in np.flatnonzero(joins & (whole > 0)).tolist():
        chosen = np.searchsorted(upto, start[index] + which[index] * whole[index], side="right")
        low, high = sorted((root(index), root(int(neighbour[chosen]))))
        owner[high] = low
    return np.array([root(index) for index in range(count)], np.int32)[masks]


def halves(masks: np.ndarray, image: np.ndarray, angle: np.ndarray, by_colour: np.ndarray) -> np.ndarray:
    """Part every mask in two.

    Args:
        masks: int32 [h, w], 0 … n. image: uint8 [h, w, 3] BGR.
        angle: float [n + 1], radians, of the normal of the line that parts a mask at its centre of area.
        by_colour: bool [n + 1], part it at its mean brightness instead.

    Returns:
        bool [h, w], true in one of the two.
    """
    count, flat = len(angle), masks.ravel()
    area = np.maximum(np.bincount(flat, minlength=count), 1)

    def beyond_mean(values: np.ndarray) -> np.ndarray:
        mean = np.bincount(flat, weights=values.ravel(), minlength=count) / area
        return values - mean[masks]

    rows, columns = pixels(masks.shape)
    across = beyond_mean(columns) * np.cos(angle)[masks] + beyond_mean(rows) * np.sin(angle)[masks]
    brightness = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), SMOOTH)
    return np.where(by_colour[masks], beyond_mean(brightness), across) > 0


def warp(masks: np.ndarray, deviation: float, draws: np.random.Generator) -> np.ndarray:
    """Displace the boundaries of masks int32 [h, w] smoothly by about `deviation` pixels."""
    height, width = masks.shape
    step = height / LATTICE
    lattice = draws.normal(0.0, deviation, (2, LATTICE + 1, round(width / step) + 1)).astype(np.float32)
    across, down = (cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in lattice)
    rows, columns = pixels(masks.shape)
    moved = cv2.remap(
        # Exact for ids up to 2^24; 16 bits are too few before ids are without gaps.
        masks.astype(np.float32),
        columns + across,
        rows + down,
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return moved.astype(np.int32)


def pixels(size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each pixel, float32 [h, w] each."""
    rows, columns = np.indices(size, np.float32)
    return rows, columns
