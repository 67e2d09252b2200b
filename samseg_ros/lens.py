# SPDX-License-Identifier: Apache-2.0
"""What a lens makes of directions: the camera models of ``sensor_msgs/CameraInfo``.

Pixel centres are whole numbers. Directions are in the camera's optical frame: x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Size = tuple[int, int]  # height, width
Matrix = tuple[float, float, float, float, float, float, float, float, float]  # 3×3, by rows

# Models of camera_info, and how many coefficients they have.
DISTORTIONS = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4, "none": 0}
# The default, 5 steps, is pixels off at wide angles.
_EXACT = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 50, 1e-9)
_LOOSE = 0.01  # of its length by which a ray may miss itself there and back: undistorting only comes near
_LARGEST = 32766  # pixels: OpenCV's tables for remap have 16 bits


class CalibrationError(ValueError):
    """A calibration that cannot be used; the message says in one sentence what is wrong."""


@dataclass(frozen=True)
class Camera:
    """A camera as ``camera_info`` describes it, for pictures of `size`; `distortion` one of DISTORTIONS."""

    size: Size
    matrix: Matrix
    distortion: str = "none"
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_size(self.size)
        check_matrix("camera matrix", self.matrix)
        fx, fy = self.matrix[0], self.matrix[4]
        if not (fx > 0.0 and fy > 0.0):
            raise CalibrationError(f"the focal lengths are {fx:g} and {fy:g} pixels; both must be above 0.")
        if self.distortion not in DISTORTIONS:
            raise CalibrationError(
                f"distortion model '{self.distortion}' is unknown; choose one of: {', '.join(DISTORTIONS)}."
            )
        expected = DISTORTIONS[self.distortion]
        if len(self.coefficients) != expected or not np.isfinite(self.coefficients).all():
            raise CalibrationError(
                f"distortion model {self.distortion} has {list(self.coefficients)} as coefficients; expected "
                f"{expected} numbers."
            )

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """float64 [n, 2]: x/z and y/z of what pixels, float64 [n, 2], see in the camera's frame."""
        of_lens = pixels[:, None], self._matrix(), np.array(self.coefficients)
        if self.distortion == "equidistant":
            return cv2.fisheye.undistortPoints(*of_lens)[:, 0]
        if hasattr(cv2, "undistortPointsIter"):  # OpenCV 4
            return cv2.undistortPointsIter(*of_lens, np.eye(3), np.eye(3), _EXACT)[:, 0]
        return cv2.undistortPoints(*of_lens, criteria=_EXACT)[:, 0]

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """float64 [n, 2]: where points [n, 3] of the camera's frame appear; NaN where they do not."""
        depth = np.where(points[:, 2] > 1e-6, points[:, 2], np.nan)[:, None]
        rays = np.nan_to_num(points[:, :2] / depth)
        project = cv2.fisheye.projectPoints if self.distortion == "equidistant" else cv2.projectPoints
        ahead = np.column_stack([rays, np.ones(len(rays))])[:, None]
        still = np.zeros(3)
        found = project(ahead, still, still, self._matrix(), np.array(self.coefficients))[0][:, 0]
        # Far from the axis a distortion polynomial may turn back, and put there what that pixel does not see.
        away = np.linalg.norm(self.rays(found) - rays, axis=1)
        is_seen = np.isfinite(depth[:, 0]) & (away <= _LOOSE * np.linalg.norm(rays, axis=1) + 1e-6)
        return np.where(is_seen[:, None], found, np.nan)

    def _matrix(self) -> np.ndarray:
        return np.array(self.matrix).reshape(3, 3)


def check_size(size: Size) -> None:
    """CalibrationError unless it is a possible (height, width)."""
    if len(size) != 2 or not all(type(side) is int and 1 <= side <= _LARGEST for side in size):
        raise CalibrationError(
            f"the size is {list(size)}; expected height and width, from 1 to {_LARGEST} pixels."
        )


def check_matrix(name: str, matrix: Matrix) -> None:
    """CalibrationError unless it is 3×3 and can be inverted."""
    if len(matrix) != 9 or not np.isfinite(matrix).all():
        raise CalibrationError(f"the {name} is {list(matrix)}; expected 9 numbers, by rows.")
    values = np.array(matrix).reshape(3, 3)
    if abs(np.linalg.det(values)) <= 1e-12 * np.abs(values).max() ** 3:
        raise CalibrationError(f"the {name} is singular; expected one that can be inverted.")
