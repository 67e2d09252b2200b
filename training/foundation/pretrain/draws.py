# SPDX-License-Identifier: Apache-2.0
"""From a draw's number to a square crop, points in it and the masks that they lie in."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from training.data import augment
from training.data.mixture import shuffled
from training.foundation.pretrain.masked import Memory, Picture
from training.foundation.pretrain.network import COARSE, Batch
from training.foundation.pretrain.settings import Settings
from training.foundation.sam import PATCH


def batch(first: int, settings: Settings, sets: Sequence[tuple[Picture, ...]], memory: Memory) -> Batch:
    """The draws `first` to `first + settings.batch`, of which each is a function of its number alone."""
    drawn = [draw(number, settings, sets, memory) for number in range(first, first + settings.batch)]
    return Batch(*(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)))


def draw(
    number: int, settings: Settings, sets: Sequence[tuple[Picture, ...]], memory: Memory
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One picture of a batch: image, point, mask and cell as of `Batch`, without its first dimension."""
    random = np.random.default_rng((settings.seed, number))
    weights = np.array([one.weight for one in settings.data])
    chosen = int(random.choice(len(sets), p=weights / weights.sum()))
    part = sets[chosen]
    image, masks = memory.read(part[shuffled(number, len(part), (settings.seed, chosen))])
    side = settings.encoder.image_size
    shares = random.uniform(*settings.crop, 2)
    high, wide = (max(1, round(float(length))) for length in shares * masks.shape)
    top, left = (
        int(random.integers(all_ - own + 1)) for all_, own in zip(masks.shape, (high, wide), strict=True)
    )
    image, masks = (one[top : top + high, left : left + wide] for one in (image, masks))
    if random.random() < settings.augmentation.flip:
        image, masks = augment.flip(image, masks)
    image = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
    coarse = cv2.resize(masks, (side // COARSE, side // COARSE), interpolation=cv2.INTER_NEAREST_EXACT)
    point, mask = prompts(coarse, settings.prompts, settings.min_area, random)
    middle = PATCH // COARSE // 2
    cell = coarse[middle :: PATCH // COARSE, middle :: PATCH // COARSE].astype(np.int64)
    return augment.photometric(image, settings.augmentation, random), point, mask, cell


def prompts(
    masks: np.ndarray, count: int, min_area: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A random point in each of `count` random masks; if there are fewer, some come more than once.

    Args:
        masks: uint16 [h, w] at the logits' size, 0 no mask.
        min_area: share of the picture that a mask must have.

    Returns:
        Points int64 [count, 2], column and row; masks bool [count, h, w], all empty when no mask is large
        enough.
    """
    area = np.bincount(masks.ravel())
    area[0] = 0
    large = np.flatnonzero(area >= max(1.0, min_area * masks.size))
    point, mask = np.zeros((count, 2), np.int64), np.zeros((count, *masks.shape), bool)
    if not len(large):
        return point, mask
    for index, one in enumerate(random.choice(large, count, replace=len(large) < count)):
        mask[index] = masks == one
        rows, columns = np.nonzero(mask[index])
        place = int(random.integers(len(rows)))
        point[index] = columns[place], rows[place]
    return point, mask
