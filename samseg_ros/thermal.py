# SPDX-License-Identifier: Apache-2.0
"""Thermal values of any camera as the uint8 picture that a bundle takes: warmer is brighter, no holes.

A hole is a pixel that tells no temperature: 0 in 16 bits, NaN or infinite in floats. In 8 bits 0 may as well
be the coldest value; there it is a hole only in spots narrower than `WIDEST_SPOT`, and wide areas stay black.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

MODES = ("percentile", "range", "raw8")
UNITS = ("celsius", "kelvin", "raw")

ZERO_CELSIUS = 273.15  # kelvin
PERCENTILES = (1.0, 99.0)  # of the valid pixels, which become 0 and 255
SMOOTHING = 0.15  # share of a new frame in the range: nine tenths of a step are there after 14 frames
# A new range that shares less than this part of the old one, or exceeds both ends by more, is taken at once.
STEP = 0.25
NARROWEST = 2.0  # kelvin between the percentiles at the least: less would show the sensor's noise
NARROWEST_8BIT = 16.0  # the same for 8-bit pictures, in grey levels
WIDEST_SPOT = 7  # pixels
_LEAST_KELVIN = 150.0  # a float picture with a median above it is in kelvin: nothing is that hot in Celsius
_SPARSE = (slice(None, None, 4), slice(None, None, 4))  # plenty for percentiles


class ThermalError(ValueError):
    """Thermal settings or values that do not go together; the message is one sentence."""


@dataclass(frozen=True)
class Scaling:
    """How thermal values become 8 bits.

    `mode` is one of MODES. ``percentile`` follows the scene: `PERCENTILES` of it become 0 and 255, smoothed
    over time. ``range`` is fixed: `low` becomes 0 and `high` 255, both in `unit`: ``celsius``, ``kelvin``, or
    ``raw`` for values as they are stored. 16-bit values are `counts_per_kelvin` × kelvin (radiometric cameras
    send 100 × kelvin); floats are kelvin or degrees Celsius, told apart by their median; 8-bit values have no
    temperature and take unit ``raw`` only. ``raw8`` takes 8-bit values as they are, holes and all.

    ThermalError for an unknown mode or unit, a `low` not below `high`, a `counts_per_kelvin` not above 0.
    """

    mode: str = "percentile"
    low: float = 0.0
    high: float = 40.0
    unit: str = "celsius"
    counts_per_kelvin: float = 100.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ThermalError(f"the thermal mode is '{self.mode}'; choose one of: {', '.join(MODES)}.")
        if self.unit not in UNITS:
            raise ThermalError(f"the thermal unit is '{self.unit}'; choose one of: {', '.join(UNITS)}.")
        if self.mode == "range" and not 0.0 < self.high - self.low < math.inf:  # nan is nowhere
            raise ThermalError(
                f"the thermal range goes from {self.low:g} to {self.high:g}; the low end must be lower."
            )
        if not 0.0 < self.counts_per_kelvin < math.inf:
            raise ThermalError(
                f"counts_per_kelvin is {self.counts_per_kelvin:g}; it must be above 0 (100 is usual)."
            )


class ThermalScale:
    """Scales the frames of one camera, one after the other; `scaling` may be replaced between frames."""

    def __init__(self, scaling: Scaling) -> None:
        self.scaling = scaling
        self._range: tuple[float, float] | None = None  # smoothed, as stored; None before the first frame
        self._dtype: np.dtype | None = None

    def reset(self) -> None:
        """Forget the frames so far: the next one is taken as the first."""
        self._range = None

    def check(self, thermal: np.ndarray) -> None:
        """ThermalError where a frame is no uint8, uint16 or float32 [h, w], or does not go with `scaling`."""
        scaling = self.scaling
        if thermal.dtype not in (np.uint8, np.uint16, np.float32) or thermal.ndim != 2:
            raise ThermalError(
                f"the thermal frame is {thermal.dtype} {list(thermal.shape)}; expected [height, width] of "
                "uint8, uint16 or float32."
            )
        if scaling.mode == "raw8" and thermal.dtype != np.uint8:
            raise ThermalError(
                f"thermal mode raw8 takes 8-bit values, but the camera sends {thermal.dtype}; choose "
                "percentile or range."
            )
        if scaling.mode == "range" and scaling.unit != "raw" and thermal.dtype == np.uint8:
            raise ThermalError(
                f"the thermal range is in {scaling.unit}, but 8-bit values have no temperature; give it in "
                "unit raw, or choose mode percentile."
            )

    def to_uint8(self, thermal: np.ndarray) -> np.ndarray:
        """uint8 [h, w] of a frame uint8, uint16 or float32 [h, w].

        Mode ``raw8`` gives the frame itself. A frame that is one hole becomes black. ThermalError as `check`.
        """
        self.check(thermal)
        scaling = self.scaling
        if scaling.mode != "percentile" or thermal.dtype != self._dtype:
            self.reset()
        self._dtype = thermal.dtype
        if scaling.mode == "raw8":
            return thermal
        holes = find_holes(thermal)
        valid = thermal[_SPARSE] if holes is None else thermal[_SPARSE][holes[_SPARSE] == 0]
        if holes is not None and not valid.size:
            valid = thermal[holes == 0]
            if not valid.size:
                return np.zeros(thermal.shape, np.uint8)
        low, high = stored_range(scaling, valid) if scaling.mode == "range" else self._follow(valid)
        gain = 255.0 / (high - low)
        if thermal.dtype == np.float32:  # saturating OpenCV wraps around from 2^31 on
            thermal = np.clip(thermal, low, high)
        # Rounds and saturates; with a second weight of 0 it is the fast way to scale and change the type.
        picture = cv2.addWeighted(thermal, gain, thermal, 0.0, -low * gain, dtype=cv2.CV_8U)
        if holes is not None:
            fill(picture, holes)
        return picture

    def _follow(self, valid: np.ndarray) -> tuple[float, float]:
        """The smoothed range with the percentiles of one more frame."""
        low, high = (float(value) for value in np.percentile(valid, PERCENTILES))
        missing = self._narrowest(valid.dtype) - (high - low)
        if missing > 0.0:
            low, high = low - missing / 2.0, high + missing / 2.0
        before = self._range
        if before is not None:
            # A hot thing that enters moves one end, and may do so smoothly. A shutter event, or another gain,
            # moves both, so far that the old range would show little but black and white: that cannot wait.
            step = STEP * (before[1] - before[0])
            moved_away = (low - before[0]) * (high - before[1]) > 0.0 and (
                min(high, before[1]) - max(low, before[0]) < step
            )
            opened_up = min(before[0] - low, high - before[1]) > step
            if not (moved_away or opened_up):
                low = before[0] + SMOOTHING * (low - before[0])
                high = before[1] + SMOOTHING * (high - before[1])
        self._range = (low, high)
        return low, high

    def _narrowest(self, dtype: np.dtype) -> float:
        if dtype == np.uint8:
            return NARROWEST_8BIT
        return NARROWEST * (self.scaling.counts_per_kelvin if dtype == np.uint16 else 1.0)


def stored_range(scaling: Scaling, valid: np.ndarray) -> tuple[float, float]:
    """`low` and `high` of mode ``range`` as they are stored in pixels like these, of any shape.

    In another unit than ``raw`` they are uint16 or float32.
    """
    low, high = scaling.low, scaling.high
    if scaling.unit == "raw":
        return low, high
    is_counts = valid.dtype == np.uint16
    is_kelvin = is_counts or float(np.median(valid)) > _LEAST_KELVIN
    offset = ZERO_CELSIUS * (is_kelvin - (scaling.unit == "kelvin"))
    counts = scaling.counts_per_kelvin if is_counts else 1.0
    return (low + offset) * counts, (high + offset) * counts


def find_holes(thermal: np.ndarray) -> np.ndarray | None:
    """uint8 [h, w], 255 at the holes of a frame uint8, uint16 or float32 [h, w]; None where it has none."""
    if thermal.dtype == np.float32:
        finite = np.isfinite(thermal)
        return None if finite.all() else np.multiply(~finite, 255, dtype=np.uint8)
    if cv2.countNonZero(thermal) == thermal.size:
        return None
    holes = np.multiply(thermal == 0, 255, dtype=np.uint8)
    if thermal.dtype == np.uint8:
        square = np.ones((WIDEST_SPOT, WIDEST_SPOT), np.uint8)
        holes -= cv2.morphologyEx(holes, cv2.MORPH_OPEN, square)  # what holds such a square is wide
    return holes if holes.any() else None


def fill(picture: np.ndarray, holes: np.ndarray) -> None:
    """Fill the holes (uint8 [h, w], 255 there) of a picture uint8 [h, w] from around them, in place.

    Averages over squares of 2, 4, 8, … pixels: a hole takes the finest one that has a valid pixel, so that a
    picture that is mostly hole costs no more than a dead pixel. One pixel at least must be valid.
    """
    weight = (holes == 0).astype(np.float32)
    levels = [(picture * weight, weight)]  # the averages times the share of valid pixels, and that share
    while levels[-1][1].size > 1:
        height, width = levels[-1][1].shape
        half = ((width + 1) // 2, (height + 1) // 2)
        total, weight = (cv2.resize(part, half, interpolation=cv2.INTER_AREA) for part in levels[-1])
        levels.append((total, weight))
    value = levels[-1][0] / levels[-1][1]
    for total, weight in reversed(levels[1:-1]):
        value = cv2.resize(value, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        np.divide(total, weight, out=value, where=weight > 0.0)
    value = cv2.resize(value, picture.shape[::-1], interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(cv2.convertScaleAbs(value), holes, picture)
