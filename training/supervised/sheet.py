# SPDX-License-Identifier: Apache-2.0
"""A picture sheet of predictions: input | truth | prediction, thermal and each stream alone included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from samseg_ros.labels import LabelSet
from training.data.augment import resize
from training.data.memory import Memory
from training.data.sample import Sample
from training.modalities import presences
from training.supervised.evaluate import Predictor

WIDTH = 360  # of each picture on the sheet, pixels


def write(
    path: Path,
    predictor: Predictor,
    samples: Sequence[Sample],
    memory: Memory,
    labels: LabelSet,
    *,
    rows: int = 6,
) -> None:
    """Write a JPEG with up to `rows` evenly spaced samples, one a row.

    Samples with thermal are predicted from both streams, from RGB alone and from thermal alone.

    Raises:
        OSError: it cannot be written.
    """
    palette = labels.palette()[:, ::-1]
    shown = (round(WIDTH * predictor.size[0] / predictor.size[1]), WIDTH)
    lines = []
    for index in np.unique(np.linspace(0, len(samples) - 1, rows).round().astype(int)):
        image, truth = memory.read(samples[index])
        thermal = memory.with_thermal and samples[index].thermal is not None
        predictions = [predictor(image, present) for present in presences(thermal).values()]
        image, truth = resize(image, truth, shown)
        seen = [image[..., :3], np.repeat(image[..., 3:], 3, axis=2)] if thermal else [image[..., :3]]
        masks = [cv2.resize(one, shown[::-1], interpolation=cv2.INTER_NEAREST_EXACT) for one in predictions]
        lines.append(np.concatenate([*seen, *(palette[mask] for mask in [truth, *masks])], axis=1))
    if not cv2.imwrite(str(path), np.concatenate(lines), [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise OSError(f"Cannot write {path}: check that its folder exists and the disk has room.")
