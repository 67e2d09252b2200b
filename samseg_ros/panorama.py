# SPDX-License-Identifier: Apache-2.0
"""Geometry of equirectangular panoramas.

Column 0 is the left edge at yaw +180°, the image centre looks straight ahead, columns to the right turn to
the right; row 0 is the zenith. Directions are in the camera's body frame (REP-103): x forward, y left, z up.
Index i of a row or column is the centre of its pixel, which reaches from i - 0.5 to i + 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

FULL_SPHERE = 180.0  # degrees of vertical field of view


def guess_vertical_fov(height: int, width: int) -> float:
    """Vertical field of view in degrees of a 360° strip with square pixels, at most 180."""
    return min(FULL_SPHERE, 360.0 * height / width)


def is_plausible(height: int, width: int) -> bool:
    """Whether a 360° strip with square pixels can have this size: it is twice as wide as high, or wider."""
    return height <= 0.55 * width


@dataclass(frozen=True)
class Band:
    """Where a 360° strip lies on a full-sphere image: `height` rows from row `top`, over the whole width."""

    top: int
    height: int
    sphere: tuple[int, int]

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)


def band(sphere: tuple[int, int], strip: tuple[int, int], vertical_fov: float | None = None) -> Band:
    """The rows of a full sphere (height, width) that a strip of (height, width) pixels covers.

    The strip's middle row is the horizon. `vertical_fov` is in degrees, 0 < v <= 180; None guesses it from
    the aspect ratio. ValueError for one outside that range.
    """
    if vertical_fov is None:
        vertical_fov = guess_vertical_fov(*strip)
    if not 0.0 < vertical_fov <= FULL_SPHERE:
        raise ValueError(f"vertical_fov is {vertical_fov:g}; it must be above 0 and at most 180 degrees.")
    rows = max(1, round(sphere[0] * vertical_fov / FULL_SPHERE))
    return Band((sphere[0] - rows) // 2, rows, sphere)


def place(
    image: np.ndarray,
    size: tuple[int, int],
    vertical_fov: float | None = None,
    fill: int = 0,
    interpolation: int = cv2.INTER_AREA,
) -> np.ndarray:
    """A 360° strip on the full sphere, never stretched: [H, W(, C)] → [h, w(, C)], `fill` above and below."""
    where = band(size, (image.shape[0], image.shape[1]), vertical_fov)
    strip = cv2.resize(image, (size[1], where.height), interpolation=interpolation)
    if where.height == size[0]:
        return strip
    sphere = np.full((*size, *image.shape[2:]), fill, image.dtype)
    sphere[where.rows] = strip
    return sphere


def directions(height: int, width: int) -> np.ndarray:
    """Unit vectors float32 [height, width, 3] (x forward, y left, z up) of an equirectangular image."""
    yaw = np.pi - (np.arange(width) + 0.5) * (2.0 * np.pi / width)
    pitch = np.pi / 2 - (np.arange(height) + 0.5) * (np.pi / height)
    rays = np.empty((height, width, 3), np.float32)
    rays[..., 0] = np.cos(pitch)[:, None] * np.cos(yaw)[None, :]
    rays[..., 1] = np.cos(pitch)[:, None] * np.sin(yaw)[None, :]
    rays[..., 2] = np.sin(pitch)[:, None]
    return rays


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """float64 [3, 3]: turns a camera-frame direction into the panorama's frame.

    Angles in degrees, applied as Rz(yaw) Ry(-pitch) Rx(roll): yaw turns left, pitch looks up, roll tilts
    the camera to its right.
    """
    y, p, r = np.radians([yaw, -pitch, roll])
    turn = np.array([[np.cos(y), -np.sin(y), 0], [np.sin(y), np.cos(y), 0], [0, 0, 1]])
    look = np.array([[np.cos(p), 0, np.sin(p)], [0, 1, 0], [-np.sin(p), 0, np.cos(p)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(r), -np.sin(r)], [0, np.sin(r), np.cos(r)]])
    return turn @ look @ tilt
