# SPDX-License-Identifier: Apache-2.0
"""What a person looks at: coloured masks and overlays."""

from __future__ import annotations

import cv2
import numpy as np

from samseg_ros.labels import LabelSet


def bgr_table(labels: LabelSet) -> np.ndarray:
    """uint8 [256, 1, 3]: the label set's palette as the lookup table that :func:`colorize` takes."""
    return np.ascontiguousarray(labels.palette()[:, None, ::-1])


def colorize(mask: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Ids uint8 [h, w] → BGR uint8 [h, w, 3] by a table of :func:`bgr_table`."""
    return cv2.applyColorMap(mask, table)


def overlay(image: np.ndarray, color: np.ndarray, alpha: float = 0.5) -> np.ndarray:
    """The coloured mask over the picture, both BGR uint8 [h, w, 3]; `alpha` 0 (picture) to 1 (mask)."""
    return cv2.addWeighted(image, 1.0 - alpha, color, alpha, 0.0)
