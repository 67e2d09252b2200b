# SPDX-License-Identifier: Apache-2.0
"""Camera models: the ray of every pixel, and the pixel of every direction.

Frames follow REP-103: x forward, y left, z up, for the world and for the camera body alike.  In an
equirectangular (erp) image column 0 is the left edge, 180 degrees to the left of straight ahead; the centre
looks straight ahead, the right half to the camera's right (-y); row 0 is the zenith (+90 degrees).  Pixel
centres lie at (i + 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
MODELS = ("erp", "pinhole")


@dataclass(frozen=True)
class Camera:
    """A camera with its pose.

    model: "erp" or "pinhole".  height, width: pixels.  hfov: horizontal field of view in degrees
    (360 for erp).  pose: (4, 4) float64, camera body frame to world, metres.
    """

    model: str
    height: int
    width: int
    hfov: float = 360.0
    pose: Array = field(default_factory=lambda: np.eye(4))

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"camera model is {self.model!r}, expected one of {', '.join(MODELS)}.")
        if self.height < 1 or self.width < 1:
            raise ValueError(f"image size is {self.height}x{self.width}, expected at least 1x1 pixels.")
        if self.model == "pinhole" and not 1.0 <= self.hfov <= 170.0:
            raise ValueError(f"hfov is {self.hfov} degrees, a pinhole camera needs 1 to 170.")

    @property
    def focal(self) -> float:
        """Focal length of the pinhole model in pixels."""
        return self.width / 2 / float(np.tan(np.radians(self.hfov) / 2))

    @property
    def pixel_angle(self) -> float:
        """Angle that one pixel spans at the image centre, in radians."""
        return 2 * np.pi / self.width if self.model == "erp" else 1 / self.focal


def erp_directions(columns: Array, rows: Array, height: int, width: int) -> Array:
    """Unit directions (..., 3) in the camera body frame for erp pixel coordinates (floats, pixels) that
    broadcast.

    Column coordinate 0.0 is the left edge (yaw -180 degrees in image terms), width the right edge; row
    coordinate 0.0 is the zenith, height the nadir.  Image right is the camera's right, that is -y.
    """
    yaw = (columns / width - 0.5) * 2 * np.pi
    elevation = (0.5 - rows / height) * np.pi
    cos = np.cos(elevation)
    xyz = np.broadcast_arrays(cos * np.cos(yaw), -cos * np.sin(yaw), np.sin(elevation))
    return np.moveaxis(np.array(xyz), 0, -1)


def erp_pixels(directions: Array, height: int, width: int) -> tuple[Array, Array]:
    """Column and row coordinates (floats, pixels) of directions (..., 3); inverse of erp_directions."""
    x, y, z = directions[..., 0], directions[..., 1], directions[..., 2]
    columns = (np.arctan2(-y, x) / (2 * np.pi) + 0.5) * width
    rows = (0.5 - np.arctan2(z, np.hypot(x, y)) / np.pi) * height
    return columns, rows


def pixel_rays(camera: Camera, columns: Array, rows: Array) -> Array:
    """Unit ray directions (..., 3) in the world for pixel coordinates (floats that broadcast; centres at
    i + 0.5), in their precision.
    """
    if camera.model == "erp":
        body = erp_directions(columns, rows, camera.height, camera.width)
    else:
        right = (columns - camera.width / 2) / camera.focal
        down = (rows - camera.height / 2) / camera.focal
        body = np.stack(np.broadcast_arrays(np.ones_like(right), -right, -down), axis=-1)
        body /= np.linalg.norm(body, axis=-1, keepdims=True)
    # Column by column: quicker than a product of matrices for so narrow ones, and in the order of columns.py.
    x, y, z = np.moveaxis(body, -1, 0)
    turned = [r[0] * x + r[1] * y + r[2] * z for r in camera.pose[:3, :3].astype(body.dtype)]
    return np.moveaxis(np.array(turned), 0, -1)


def image_rays(camera: Camera) -> Array:
    """Unit ray directions (height, width, 3), world frame, float64, one through each pixel centre."""
    # One row of columns and one column of rows: sines and cosines are then taken once for each of them.
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5, sparse=True)
    return pixel_rays(camera, columns, rows)


def project(camera: Camera, points: Array) -> tuple[Array, Array]:
    """Pixel coordinates (columns, rows) of world points (..., 3); NaN where a pinhole cannot see them."""
    body = (points - camera.pose[:3, 3]) @ camera.pose[:3, :3]
    if camera.model == "erp":
        return erp_pixels(body, camera.height, camera.width)
    ahead = np.where(body[..., 0] > 1e-6, body[..., 0], np.nan)
    columns = camera.width / 2 - camera.focal * body[..., 1] / ahead
    rows = camera.height / 2 - camera.focal * body[..., 2] / ahead
    return columns, rows


def pose_matrix(position: tuple[float, float, float], yaw: float, pitch: float, roll: float) -> Array:
    """Camera-to-world pose (4, 4) from metres and radians; yaw left, pitch nose down, roll right down."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    cr, sr = np.cos(roll), np.sin(roll)
    turn = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    nod = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    bank = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    pose = np.eye(4)
    pose[:3, :3] = turn @ nod @ bank
    pose[:3, 3] = position
    return pose
