# SPDX-License-Identifier: Apache-2.0
"""Labelled pinhole pictures warped onto a panorama, so that sets of ordinary pictures teach 360° networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from samseg_ros.labels import UNLABELED
from samseg_ros.panorama import directions, rotation

Picture = np.ndarray


@dataclass(frozen=True)
class View:
    """Where a pinhole picture looks, in degrees: horizontal field of view, yaw (left), pitch (up), roll."""

    fov: float
    yaw: float
    pitch: float = 0.0
    roll: float = 0.0


def random_view(random: np.random.Generator, yaw: float | None = None) -> View:
    """A guess for a picture of unknown camera: 45° to 100° wide, any yaw, a little pitch and roll."""
    return View(
        fov=float(random.uniform(45.0, 100.0)),
        yaw=float(random.uniform(-180.0, 180.0)) if yaw is None else yaw,
        pitch=float(random.uniform(-8.0, 8.0)),
        roll=float(random.uniform(-5.0, 5.0)),
    )


def paste(
    image: Picture, label: Picture, onto: Picture, onto_label: Picture, view: View
) -> tuple[Picture, Picture]:
    """Warp a pinhole picture and its label onto an equirectangular canvas.

    Args:
        image, label: uint8 [h, w, 3] and [h, w].
        onto, onto_label: the canvas, uint8 [H, W, 3] and [H, W]; left as they are.
        view: where the picture goes.

    Returns:
        A new canvas and label. Where the picture covers the canvas both are the picture's.
    """
    height, width = onto_label.shape
    across = 2.0 * np.tan(np.radians(view.fov) / 2.0)
    rows, columns = _reach(view, label.shape[0] / label.shape[1], (height, width))
    rays = _directions(height, width)[rows][:, columns] @ rotation(view.yaw, view.pitch, view.roll).astype(
        np.float32
    )
    depth = np.maximum(rays[..., 0], 1e-3)
    # Places in the picture, 0..1 from its left and top edge.
    x = 0.5 - rays[..., 1] / (depth * across)
    y = 0.5 - rays[..., 2] / (depth * (across * label.shape[0] / label.shape[1]))
    seen = (x >= 0) & (x < 1) & (y >= 0) & (y < 1) & (rays[..., 0] > 1e-3)
    # Shrinking first keeps remap, which looks at four pixels only, from aliasing.
    ratio = width / (2.0 * np.pi) / (label.shape[1] / across)
    small = (
        cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA) if ratio < 1.0 else image
    )
    canvas, target = onto.copy(), onto_label.copy()
    where = np.arange(height)[rows][:, None], columns[None]
    canvas[where] = np.where(seen[..., None], _sample(small, x, y, cv2.INTER_LINEAR), canvas[where])
    target[where] = np.where(seen, _sample(label, x, y, cv2.INTER_NEAREST), target[where])
    return canvas, target


def _reach(view: View, aspect: float, size: tuple[int, int]) -> tuple[slice, np.ndarray]:
    """Rows and columns of a canvas that a view can touch, generously: the rest need not be computed."""
    height, width = size
    tilt = abs(view.pitch) + abs(view.roll)
    # The corner, not the edge, is what reaches highest and, tilted, farthest to the side.
    upward = np.degrees(np.arctan(aspect * np.tan(np.radians(view.fov) / 2.0))) + tilt + 2.0
    sideward = min(180.0, (view.fov / 2.0 + tilt) / max(np.cos(np.radians(min(upward, 80.0))), 0.2) + 2.0)
    top = max(0, int((90.0 - upward) / 180.0 * height))
    bottom = min(height, int((90.0 + upward) / 180.0 * height) + 1)
    middle, half = (0.5 - view.yaw / 360.0) * width, sideward / 360.0 * width
    columns = np.arange(int(middle - half), int(middle - half) + min(width, int(2 * half) + 2)) % width
    return slice(top, bottom), columns


def _sample(picture: Picture, x: np.ndarray, y: np.ndarray, interpolation: int) -> Picture:
    """The picture at relative places, 0..1 from its left and top edge."""
    height, width = picture.shape[:2]
    across, down = (x * width - 0.5).astype(np.float32), (y * height - 0.5).astype(np.float32)
    return cv2.remap(picture, across, down, interpolation, borderMode=cv2.BORDER_REPLICATE)


def blank(size: tuple[int, int], image: Picture) -> tuple[Picture, Picture]:
    """An unlabelled canvas of `size` (height, width) in the mean colour of `image`."""
    canvas = np.empty((*size, 3), np.uint8)
    canvas[:] = cv2.mean(image)[:3]
    return canvas, np.full(size, UNLABELED, np.uint8)


def surround(
    pictures: Sequence[tuple[Picture, Picture]], canvas: tuple[Picture, Picture], random: np.random.Generator
) -> tuple[Picture, Picture]:
    """Paste several labelled pictures around one canvas, evenly spread from a random yaw."""
    start = float(random.uniform(-180.0, 180.0))
    for index, (image, label) in enumerate(pictures):
        view = random_view(random, yaw=start + 360.0 * index / len(pictures))
        canvas = paste(image, label, *canvas, view)
    return canvas


@lru_cache(maxsize=8)
def _directions(height: int, width: int) -> np.ndarray:
    return directions(height, width)
