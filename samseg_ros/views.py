# SPDX-License-Identifier: Apache-2.0
"""Virtual pinhole cameras inside a 360° panorama, for consumers that know pinhole cameras only.

Directions are in the panorama's frame (see :mod:`samseg_ros.panorama`: x forward, y left, z up). A view's
own frame is optical (REP-103): x right, y down, z forward. Pixel centres of a view are whole numbers, as
OpenCV and ``sensor_msgs/CameraInfo`` have it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from samseg_ros import panorama
from samseg_ros.labels import UNLABELED

# Columns: the optical x, y and z axis in a frame with x forward, y left, z up.
_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class View:
    """Which way a virtual camera looks and how much it sees; ValueError for what no camera can see.

    Angles in degrees, those of :func:`panorama.rotation`: yaw turns left, pitch looks up, roll tilts the
    camera to its right. `hfov` is from the left edge of the picture to the right, above 0 and below 180;
    pixels are square. `width` and `height` in pixels.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    hfov: float = 90.0
    width: int = 640
    height: int = 480

    def __post_init__(self) -> None:
        if not 0.0 < self.hfov < 180.0:
            raise ValueError(f"hfov is {self.hfov:g}; it must be above 0 and below 180 degrees.")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"the view is {self.width}x{self.height} pixels; both must be at least 1.")

    def matrix(self) -> np.ndarray:
        """Intrinsic matrix K, float64 [3, 3]; there is no distortion."""
        focal = self.width / 2.0 / np.tan(np.radians(self.hfov) / 2.0)
        center = (self.width - 1) / 2.0, (self.height - 1) / 2.0
        return np.array([[focal, 0.0, center[0]], [0.0, focal, center[1]], [0.0, 0.0, 1.0]])

    def rotation(self) -> np.ndarray:
        """float64 [3, 3]: turns a direction of the view's optical frame into the panorama's frame."""
        return panorama.rotation(self.yaw, self.pitch, self.roll) @ _OPTICAL

    def quaternion(self) -> tuple[float, float, float, float]:
        """:meth:`rotation` as (x, y, z, w)."""
        axis = cv2.Rodrigues(self.rotation())[0].ravel()
        angle = float(np.linalg.norm(axis))
        x, y, z = axis * (np.sin(angle / 2.0) / angle) if angle else axis
        return float(x), float(y), float(z), float(np.cos(angle / 2.0))

    def rays(self) -> np.ndarray:
        """float64 [height, width, 3]: where each pixel looks in the panorama's frame, of any length."""
        matrix = self.matrix()
        x = (np.arange(self.width) - matrix[0, 2]) / matrix[0, 0]
        y = (np.arange(self.height) - matrix[1, 2]) / matrix[1, 1]
        right, down = np.meshgrid(x, y)
        return np.stack((right, down, np.ones_like(right)), axis=-1) @ self.rotation().T


def locate(
    rays: np.ndarray, height: int, width: int, vertical_fov: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns float32 [...] at which a 360° image of [height, width] shows directions [..., 3].

    The inverse of :func:`panorama.directions`: pixel centres are whole numbers. Columns are in
    -0.5..width-0.5; rows beyond -0.5..height-0.5 are not on a strip. `vertical_fov` in degrees is the
    strip's; None guesses it from the aspect ratio.
    """
    span = np.radians(vertical_fov or panorama.guess_vertical_fov(height, width))
    x, y, z = rays[..., 0], rays[..., 1], rays[..., 2]
    columns = (np.pi - np.arctan2(y, x)) * (width / (2.0 * np.pi)) - 0.5
    rows = height / 2.0 - np.arctan2(z, np.hypot(x, y)) * (height / span) - 0.5
    return rows.astype(np.float32), columns.astype(np.float32)


class Pinhole:
    """Takes one view out of panorama after panorama.

    Tables of where each pixel comes from are made when they are needed and kept while the panoramas keep
    their size: pictures and masks may have different ones. `vertical_fov` in degrees is that of the strips;
    None guesses it from the aspect ratio.
    """

    def __init__(self, view: View, vertical_fov: float | None = None) -> None:
        self.view = view
        self.vertical_fov = vertical_fov
        self._smooth: _Table | None = None
        self._nearest: _Table | None = None

    def image(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W, 3] → uint8 [height, width, 3], interpolated; black where the strip does not reach."""
        if self._smooth is None or self._smooth.size != image.shape[:2]:
            self._smooth = _table(self.view, image.shape[:2], self.vertical_fov, nearest=False)
        table = self._smooth
        # Wrapping takes the missing neighbour at the seam from the other edge.
        seen = cv2.remap(image, table.places, table.fractions, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        if table.beyond is not None:
            seen[table.beyond] = 0
        return seen

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """Ids uint8 [H, W] → uint8 [height, width], of the nearest pixel; 255 where no strip reaches."""
        if self._nearest is None or self._nearest.size != mask.shape:
            self._nearest = _table(self.view, mask.shape, self.vertical_fov, nearest=True)
        table = self._nearest
        seen = cv2.remap(mask, table.places, table.fractions, cv2.INTER_NEAREST, borderMode=cv2.BORDER_WRAP)
        if table.beyond is not None:
            seen[table.beyond] = UNLABELED
        return seen


@dataclass(frozen=True)
class _Table:
    """Where the pixels of a view lie on panoramas of `size`, in the fixed-point form of :func:`cv2.remap`
    (which has no fractions for the nearest pixel).

    `beyond` is bool [height, width], true where a strip does not reach; None where it reaches everywhere.
    """

    size: tuple[int, ...]
    places: np.ndarray
    fractions: np.ndarray
    beyond: np.ndarray | None


def _table(view: View, size: tuple[int, ...], vertical_fov: float | None, nearest: bool) -> _Table:
    height, width = size
    rows, columns = locate(view.rays(), height, width, vertical_fov)
    # The thousandth is for the poles of a full sphere, which rounding may put outside it.
    beyond = np.abs(rows - (height - 1) / 2.0) > height / 2.0 + 0.001
    # Above the middle of the first row and below that of the last there is no further row to blend with.
    rows = np.clip(rows, 0, height - 1)
    places, fractions = cv2.convertMaps(columns, rows, cv2.CV_16SC2, nninterpolation=nearest)
    return _Table(size, places, fractions, beyond if beyond.any() else None)
