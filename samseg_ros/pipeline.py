# SPDX-License-Identifier: Apache-2.0
"""Frame in, result out: the same object serves live nodes, recorded bags, benchmarks and tests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from samseg_ros import panorama
from samseg_ros.bundle import Bundle
from samseg_ros.engine import Engine
from samseg_ros.errors import UserError
from samseg_ros.registration import Registration
from samseg_ros.thermal import ThermalScale

OUTPUT_SIZES = ("camera", "network")

_warn = logging.getLogger("samseg_ros").warning


@dataclass(frozen=True)
class Result:
    """`mask` uint8 [H, W] class ids; `confidence` uint8 [H, W], probability × 255, or None if unasked.

    `inference` is what the engine took of the time, in seconds.
    """

    mask: np.ndarray
    confidence: np.ndarray | None
    inference: float


def check_vertical_fov(bundle: Bundle, vertical_fov: float | None) -> None:
    """UserError where `bundle` sees no panoramas, which alone have it."""
    if vertical_fov is not None and bundle.task != "panorama":
        raise UserError(
            f"--vertical-fov is for panoramas, but bundle '{bundle.name}' is for task {bundle.task}."
        )


class Pipeline:
    """Takes camera frames of any size through a bundle of task ``camera`` or ``panorama``.

    With `output_size` ``camera`` masks have the frame's size, with ``network`` the network's (for a 360°
    strip: the rows of it that the strip covers). `vertical_fov` in degrees places 360° strips on the
    sphere; None guesses it from the aspect ratio, and tells `warn` of frames that look like no panorama, once
    for each size that they change to. ValueError for settings out of range.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        output_size: str = "camera",
        vertical_fov: float | None = None,
        warn: Callable[[str], object] = _warn,
    ) -> None:
        _check_output_size(output_size)
        if bundle.task not in ("camera", "panorama"):
            raise ValueError(
                f"bundle '{bundle.name}' is for task {bundle.task}; camera or panorama is needed."
            )
        if vertical_fov is not None and bundle.task != "panorama":
            raise ValueError(
                f"vertical_fov is for panoramas; bundle '{bundle.name}' is for task {bundle.task}."
            )
        if vertical_fov is not None and not 0.0 < vertical_fov <= panorama.FULL_SPHERE:
            raise ValueError(f"vertical_fov is {vertical_fov:g}; it must be above 0 and at most 180 degrees.")
        self.bundle = bundle
        self.engine = engine
        self.output_size = output_size
        self.vertical_fov = vertical_fov
        self.warn = warn
        self._sizes: set[tuple[int, int]] = set()  # of pictures so far
        self._input = np.zeros((*bundle.size, 3), np.uint8)
        self._band: panorama.Band | None = None

    def run(self, image: np.ndarray, confidence: bool = False) -> Result:
        """One frame, BGR uint8 [H, W, 3]. The result is the caller's to keep. ValueError for other frames."""
        _check_picture(image)
        height, width = image.shape[:2]
        rows = self._rows(height, width)
        _fill(self._input[rows], image)
        began = time.perf_counter()
        prediction = self.engine.infer(image=self._input)
        inference = time.perf_counter() - began
        size = (width, height) if self.output_size == "camera" else None
        return Result(
            _fit(prediction.labels[rows], size, cv2.INTER_NEAREST_EXACT),
            _fit(prediction.confidence[rows], size, cv2.INTER_LINEAR) if confidence else None,
            inference,
        )

    def warm_up(self) -> None:
        """Infer once, so that the first frame is not late; of this no frame knows."""
        self.engine.infer(image=self._input)

    def _rows(self, height: int, width: int) -> slice:
        """The rows of the network's input that the frame covers; what it does not cover stays black."""
        if self.bundle.task != "panorama":
            return slice(0, self.bundle.size[0])
        if (height, width) not in self._sizes:
            self._sizes.add((height, width))
            self._doubt(height, width)
        band = panorama.band(self.bundle.size, (height, width), self.vertical_fov)
        if band != self._band:
            self._input[:] = 0
            self._band = band
        return band.rows

    def _doubt(self, height: int, width: int) -> None:
        if self.vertical_fov is None and not panorama.is_plausible(height, width):
            self.warn(
                f"pictures of {width}x{height} look like no 360° panoramas, which are at least twice as wide "
                "as high; for an ordinary camera take camera_node, and bundle street_b0_camera."
            )


class RgbtPipeline:
    """Takes RGB frames and thermal frames of any size, together or either alone, through an RGB-T bundle.

    `scale` makes thermal values the uint8 that the bundle expects, `registration` lays them onto the RGB
    frame. Masks are in the RGB frame; with `output_size` ``camera`` they have the size of the RGB frame (of
    the last one where it is missing; before the first, that of the registration, or else of the thermal
    frame), with ``network`` the network's. ValueError for settings out of range.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        scale: ThermalScale,
        registration: Registration,
        output_size: str = "camera",
    ) -> None:
        _check_output_size(output_size)
        if bundle.task != "rgbt":
            raise ValueError(f"bundle '{bundle.name}' is for task {bundle.task}; rgbt is needed.")
        self.bundle = bundle
        self.engine = engine
        self.scale = scale
        self.registration = registration
        self.output_size = output_size
        self._image = np.zeros((*bundle.size, 3), np.uint8)
        self._absent = np.zeros(bundle.size, np.uint8)
        # The thermal frame as the bundle was last given it, uint8 [h, w] at the network's size.
        self.warmth = self._absent
        self._rgb_size: tuple[int, int] | None = None

    def run(self, rgb: np.ndarray | None, thermal: np.ndarray | None, confidence: bool = False) -> Result:
        """One frame or pair; the result is the caller's to keep.

        `rgb` is uint8 [H, W, 3] BGR, `thermal` uint8, uint16 or float32 [h, w] as the camera gives it; None
        is a stream that is missing. ValueError where both are, or a frame is none of these.
        """
        if rgb is None and thermal is None:
            raise ValueError("neither an RGB nor a thermal frame was given; give at least one.")
        if rgb is None:
            self._image[:] = 0
        else:
            _check_picture(rgb)
            self._rgb_size = rgb.shape[:2]
            _fill(self._image, rgb)
        self.warmth = self._absent
        if thermal is not None:
            # Straight to the network's size: the RGB frame is stretched to it in the same way.
            self.warmth = self.registration.apply(self.scale.to_uint8(thermal), self.bundle.size)
        present = np.array([rgb is not None, thermal is not None], np.float32)
        began = time.perf_counter()
        prediction = self.engine.infer(image=self._image, thermal=self.warmth, present=present)
        inference = time.perf_counter() - began
        size = None
        if self.output_size == "camera":
            height, width = self._rgb_size or self._assumed_size(thermal)
            size = (width, height)
        return Result(
            _fit(prediction.labels, size, cv2.INTER_NEAREST_EXACT),
            _fit(prediction.confidence, size, cv2.INTER_LINEAR) if confidence else None,
            inference,
        )

    def warm_up(self) -> None:
        """Infer once, so that the first frame is not late; of this no frame knows."""
        present = np.ones(2, np.float32)
        self.engine.infer(image=self._image, thermal=self._absent, present=present)

    def _assumed_size(self, thermal: np.ndarray | None) -> tuple[int, int]:
        """(height, width) of RGB frames, before the first."""
        if self.registration.geometry is not None:
            return self.registration.geometry.rgb
        return self.bundle.size if thermal is None else (thermal.shape[0], thermal.shape[1])


def _check_output_size(output_size: str) -> None:
    if output_size not in OUTPUT_SIZES:
        raise ValueError(f"output_size is '{output_size}'; choose {' or '.join(OUTPUT_SIZES)}.")


def _check_picture(image: np.ndarray) -> None:
    """ValueError for a frame of another kind, which OpenCV would not write into the network's input."""
    what = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else f"{image!r}"
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,):
        raise ValueError(f"the picture is {what}; expected uint8 [height, width, 3], in the order BGR.")


def _fill(target: np.ndarray, image: np.ndarray) -> None:
    """Resize `image` into `target`, uint8 [h, w, 3]."""
    height, width = target.shape[:2]
    # Area averaging keeps thin poles when shrinking; it is no good at enlarging.
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    cv2.resize(image, (width, height), dst=target, interpolation=method)


def _fit(array: np.ndarray, size: tuple[int, int] | None, interpolation: int) -> np.ndarray:
    """A copy of `array` resized to (width, height), or at its own size for None."""
    if size is None or size == (array.shape[1], array.shape[0]):
        return array.copy()
    return cv2.resize(array, size, interpolation=interpolation)
