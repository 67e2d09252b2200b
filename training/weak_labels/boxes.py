# SPDX-License-Identifier: Apache-2.0
"""From a box to the pixels of the thing in it, by GrabCut on brightness, colour and heat.

After Khoreva et al., *Simple Does It: Weakly Supervised Instance and Semantic Segmentation* (CVPR 2017): what
is beyond the box is background, what is in it is to be found out. Where GrabCut finds next to nothing, or all
of the box, an ellipse in it is taken.
"""

from __future__ import annotations

import cv2
import numpy as np

from samseg_ros.boxes import Box

MARGIN = 0.4  # around a box, as a share of its sides: what GrabCut knows to be background
ROUNDS = 4
SMALLEST = 12  # pixels: in a box with a shorter side there is too little to tell colours from
FILLED = (0.25, 0.95)  # shares of a box that are believed
ELLIPSE = 0.85  # of the box's sides


def views(rgb: np.ndarray, thermal: np.ndarray) -> np.ndarray:
    """What GrabCut looks at: uint8 [h, w, 3] of brightness, saturation and heat.

    Args:
        rgb: uint8 [h, w, 3] BGR.
        thermal: uint8 [h, w].
    """
    hsv = cv2.cvtColor(rgb, cv2.COLOR_BGR2HSV)
    return np.dstack([hsv[..., 2], hsv[..., 1], thermal])


def inside(seen: np.ndarray, box: Box) -> np.ndarray:
    """bool [h, w]: the thing in `box`, of a picture as `views` makes it; the same input gives the same."""
    height, width = box.rows.stop - box.rows.start, box.columns.stop - box.columns.start
    found = np.zeros(seen.shape[:2], bool)
    part = found[box.rows, box.columns]
    if min(height, width) >= SMALLEST:
        part[:] = _grab_cut(seen, box)
    low, high = FILLED
    if not low <= part.mean() <= high:
        part[:] = _ellipse(height, width)
    return found


def _grab_cut(seen: np.ndarray, box: Box) -> np.ndarray:
    """bool, of the box's size."""
    rows, columns = _wider(box.rows, seen.shape[0]), _wider(box.columns, seen.shape[1])
    part = np.ascontiguousarray(seen[rows, columns])
    mask = np.full(part.shape[:2], cv2.GC_BGD, np.uint8)
    own = mask[_within(box.rows, rows), _within(box.columns, columns)]
    own[:] = np.where(_ellipse(*own.shape), cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    if (mask != cv2.GC_BGD).all():  # the box is the picture
        return np.ones(own.shape, bool)
    cv2.setRNGSeed(0)
    cv2.grabCut(part, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.isin(own, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _wider(side: slice, length: int) -> slice:
    more = max(4, round(MARGIN * (side.stop - side.start)))
    return slice(max(0, side.start - more), min(length, side.stop + more))


def _within(side: slice, wider: slice) -> slice:
    return slice(side.start - wider.start, side.stop - wider.start)


def _ellipse(height: int, width: int) -> np.ndarray:
    down = (np.arange(height) + 0.5) / height * 2 - 1
    across = (np.arange(width) + 0.5) / width * 2 - 1
    return np.asarray((down[:, None] ** 2 + across[None] ** 2) <= ELLIPSE**2, bool)
