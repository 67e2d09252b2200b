# SPDX-License-Identifier: Apache-2.0
"""Lays the thermal picture onto the RGB picture.

Pixel centres are whole numbers, as OpenCV and ``sensor_msgs/CameraInfo`` have it. Calibrations are for
pictures of the sizes that they name; streams of other sizes (the same view, scaled) are taken as well.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any

import cv2
import numpy as np
import yaml

from samseg_ros.lens import CalibrationError, Camera, Matrix, Size, check_matrix, check_size


@dataclass(frozen=True)
class Homography:
    """A plane's picture in one camera from that in the other: `matrix` takes thermal pixels to RGB pixels.

    Right for what is far away in comparison to the distance between the cameras.
    """

    matrix: Matrix
    thermal: Size
    rgb: Size

    def __post_init__(self) -> None:
        check_size(self.thermal)
        check_size(self.rgb)
        check_matrix("homography", self.matrix)

    def sources(self, pixels: np.ndarray) -> np.ndarray:
        """float64 [n, 2]: the thermal pixels that show what RGB pixels [n, 2] do; NaN where none does."""
        back = np.linalg.inv(np.array(self.matrix).reshape(3, 3))
        x, y, w = back @ np.column_stack([pixels, np.ones(len(pixels))]).T
        # In front of both cameras w has one sign; that of the middle of the picture says which.
        height, width = self.rgb
        sign = np.sign(back[2] @ [(width - 1) / 2, (height - 1) / 2, 1.0])
        w = np.where(w * sign > 1e-9, w, np.nan)
        return np.column_stack([x / w, y / w])


@dataclass(frozen=True)
class Rig:
    """Two calibrated cameras, and everything in view taken to be `depth` metres in front of the RGB camera.

    `rotation` and `translation` (metres) take a point of the RGB camera's optical frame into the thermal
    camera's, as OpenCV's stereoCalibrate gives them for cameras 1 (RGB) and 2 (thermal).
    """

    thermal_camera: Camera
    rgb_camera: Camera
    rotation: Matrix
    translation: tuple[float, float, float]
    depth: float

    def __post_init__(self) -> None:
        check_matrix("rotation", self.rotation)
        rotation = np.array(self.rotation).reshape(3, 3)
        if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0.0:
            raise CalibrationError(
                "the rotation is no rotation matrix; its rows must be orthogonal, of length 1."
            )
        if len(self.translation) != 3 or not np.isfinite(self.translation).all():
            raise CalibrationError(
                f"the translation is {list(self.translation)}; expected 3 numbers, in metres."
            )
        if not 0.0 < self.depth < np.inf:
            raise CalibrationError(f"the assumed depth is {self.depth:g}; it must be above 0 metres.")

    @property
    def thermal(self) -> Size:
        return self.thermal_camera.size

    @property
    def rgb(self) -> Size:
        return self.rgb_camera.size

    def sources(self, pixels: np.ndarray) -> np.ndarray:
        """As :meth:`Homography.sources`."""
        points = np.column_stack([self.rgb_camera.rays(pixels), np.ones(len(pixels))]) * self.depth
        rotation = np.array(self.rotation).reshape(3, 3)
        return self.thermal_camera.pixels(points @ rotation.T + self.translation)


@dataclass(frozen=True)
class Registration:
    """How the thermal frame lies on the RGB frame; None: they show the same view, and only sizes differ."""

    geometry: Homography | Rig | None = None

    def apply(self, thermal: np.ndarray, size: Size) -> np.ndarray:
        """uint8 [h, w] thermal → uint8 [*size] of the RGB frame, at the size (height, width) asked for.

        What the thermal camera does not see gets the frame's mean: neither warm nor cold, so that it invites
        no class. The first frame of a size takes a while; its tables are kept. Where there is nothing to do
        the frame itself comes back.
        """
        if self.geometry is None:
            if thermal.shape == size:
                return thermal
            shrinks = size[0] <= thermal.shape[0] and size[1] <= thermal.shape[1]
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            return cv2.resize(thermal, size[::-1], interpolation=method)
        where, weights = _tables(self.geometry, (thermal.shape[0], thermal.shape[1]), size)
        mean = cv2.mean(thermal)[0]
        return cv2.remap(
            thermal, where, weights, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=mean
        )

    def coverage(self, thermal: Size, size: Size) -> np.ndarray:
        """uint8 [*size]: 255 where a thermal frame of (height, width) shows the RGB frame, 0 elsewhere."""
        if self.geometry is None:
            return np.full(size, 255, np.uint8)
        where, weights = _tables(self.geometry, thermal, size)
        full = np.full(thermal, 255, np.uint8)
        return cv2.remap(
            full, where, weights, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )


NONE = Registration()


@lru_cache(maxsize=8)
def _tables(geometry: Homography | Rig, thermal: Size, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """For :func:`cv2.remap`: int16 [*size, 2] and uint16 [*size], the thermal pixel of each RGB pixel."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    pixels = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    sources = _scaled(geometry.sources(_scaled(pixels, size, geometry.rgb)), geometry.thermal, thermal)
    last = np.array(thermal[::-1]) - 1.0
    # A pixel reaches half a pixel from its centre. All of outside is at −2: a number beyond 16 bits would
    # come back in at the other end.
    inside = ((sources >= -0.5) & (sources <= last + 0.5)).all(axis=1, keepdims=True)
    table = np.where(inside, np.clip(sources, 0.0, last), -2.0).reshape(*size, 2).astype(np.float32)
    where, weights = cv2.convertMaps(table, np.empty(0, np.float32), cv2.CV_16SC2)
    return where, weights


def _scaled(pixels: np.ndarray, of: Size, to: Size) -> np.ndarray:
    """Pixels (x, y) of a picture of one size in the same picture at another size."""
    factor = np.array([to[1] / of[1], to[0] / of[0]])
    return (pixels + 0.5) * factor - 0.5


def load(path: str | os.PathLike[str]) -> Registration:
    """The registration in a calibration file (YAML); CalibrationError says what is wrong with it.

    The file has the sections ``rgb`` and ``thermal``, each with ``image_width`` and ``image_height`` in
    pixels, and either ``homography`` (``data``: 9 numbers by rows, as in :class:`Homography`) or all of:

    - in both sections ``camera_matrix``, ``distortion_model``, ``distortion_coefficients``, as camera_info
      files have them;
    - ``extrinsics`` with ``rotation`` (``data``: 9 numbers) and ``translation`` (``data``: 3 numbers), as in
      :class:`Rig`;
    - ``depth`` in metres.
    """
    source = Path(path).expanduser()
    try:
        document = yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(f"{source} cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise CalibrationError(f"{source} is no YAML: {' '.join(str(error).split())}.") from error
    try:
        return Registration(_geometry(document))
    except CalibrationError as error:
        raise CalibrationError(f"{source}: {error}") from None


def text(homography: Homography) -> str:
    """A calibration file that :func:`load` takes."""
    sizes = {
        name: {"image_width": width, "image_height": height}
        for name, (height, width) in (("rgb", homography.rgb), ("thermal", homography.thermal))
    }
    matrix = {"rows": 3, "cols": 3, "data": [float(value) for value in homography.matrix]}
    return "# Thermal pixels to RGB pixels, at these sizes.\n" + yaml.safe_dump(
        {**sizes, "homography": matrix}, sort_keys=False, default_flow_style=None, width=110
    )


def _geometry(document: Any) -> Homography | Rig:
    thermal, rgb = _get(document, "thermal", dict), _get(document, "rgb", dict)
    if "homography" in document:
        return Homography(_numbers(document, "homography", 9), _size(thermal), _size(rgb))
    if "extrinsics" not in document:
        raise CalibrationError("it has neither 'homography' nor 'extrinsics'; give one of them.")
    extrinsics = _get(document, "extrinsics", dict)
    return Rig(
        _camera(thermal),
        _camera(rgb),
        _numbers(extrinsics, "rotation", 9),
        _numbers(extrinsics, "translation", 3),
        float(_get(document, "depth", int | float)),
    )


def _camera(section: dict[str, Any]) -> Camera:
    coefficients = _numbers(section, "distortion_coefficients")
    # camera_info of a rectified picture names a model and has no coefficients.
    model = _get(section, "distortion_model", str) if coefficients else "none"
    return Camera(_size(section), _numbers(section, "camera_matrix", 9), model, coefficients)


def _size(section: dict[str, Any]) -> Size:
    return _get(section, "image_height", int), _get(section, "image_width", int)


def _numbers(section: dict[str, Any], name: str, count: int | None = None) -> Any:
    """The numbers of a matrix as camera_info files have them: a mapping with rows, cols and data."""
    data = _get(_get(section, name, dict), "data", list)
    if not all(isinstance(value, int | float) for value in data) or count not in (None, len(data)):
        raise CalibrationError(f"the data of '{name}' are {data}; expected {count or 'only'} numbers.")
    return tuple(float(value) for value in data)


def _get(section: Any, name: str, kind: type | UnionType) -> Any:
    if not isinstance(section, dict) or name not in section:
        raise CalibrationError(f"it lacks the field '{name}'.")
    value = section[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise CalibrationError(f"'{name}' is {value!r}; expected {_KIND_NAMES[kind]}.")
    return value


_KIND_NAMES: dict[Any, str] = {
    int: "a whole number",
    int | float: "a number",
    str: "text",
    dict: "a mapping",
    list: "a list of numbers",
}
