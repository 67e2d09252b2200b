# SPDX-License-Identifier: Apache-2.0
"""A picture sheet: picture, then the masks that some points in it find; one row a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from training.draft import draft
from training.foundation.pretrain.evaluate import evenly, innermost, large, predict, square
from training.foundation.pretrain.masked import Memory, Picture
from training.foundation.pretrain.network import Pretraining

ROWS, COLUMNS = 4, 5  # pictures, and points in each
TINT, POINT = (60, 60, 255), (60, 255, 60)  # BGR


def write(
    path: Path, model: Pretraining, pictures: Sequence[Picture], memory: Memory, side: int, min_area: float
) -> None:
    """Write a JPEG of a few pictures and of the mask predicted to be the best at each point.

    Raises:
        OSError: it cannot be written.
    """
    rows = []
    for index in evenly(len(pictures), ROWS):
        image, masks = square(*memory.read(pictures[index]), side)
        truth = large(masks, min_area)
        line = [image]
        if len(truth):
            points = np.array([innermost(truth[one]) for one in evenly(len(truth), COLUMNS)], np.float32)
            found = predict(model, image, points)
            for point, each, quality in zip(points, found.masks, found.quality, strict=True):
                line.append(_marked(image, each[quality.argmax()].cpu().numpy(), point))
        # Pictures with fewer masks leave places black, so that rows line up.
        line += [np.zeros_like(image)] * (1 + COLUMNS - len(line))
        rows.append(np.concatenate(line, axis=1))
    with draft(path) as part:
        if not cv2.imwrite(str(part), np.concatenate(rows), [cv2.IMWRITE_JPEG_QUALITY, 90]):
            raise OSError(f"Cannot write {path}: check that its folder exists and the disk has room.")


def _marked(image: np.ndarray, mask: np.ndarray, point: np.ndarray) -> np.ndarray:
    tinted = image.copy()
    tinted[mask] = (0.4 * image[mask] + 0.6 * np.array(TINT)).astype(np.uint8)
    cv2.circle(tinted, (int(point[0]), int(point[1])), 3, POINT, -1)
    return tinted
