# SPDX-License-Identifier: Apache-2.0
"""Thermal pictures: read as the robot reads them, and changed at random as real cameras differ."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from pydantic import Field, model_validator

from samseg_ros import images
from samseg_ros.thermal import Scaling, ThermalScale
from training.config import Strict
from training.data.augment import Picture
from training.data.sample import ThermalCoding
from training.modalities import BOTH, RGB_ONLY, THERMAL_ONLY, Present

HOLE_RADIUS = 10  # pixels around a hole that it is filled from


class ThermalAugmentation(Strict):
    """Strength of the random changes of thermal pictures; zero switches one off.

    Attributes:
        clip: share of the coldest pixels that becomes black, at most: cameras differ in how much of the range
            they leave to a cold sky.
        gain: contrast is multiplied or divided by up to 1 + gain.
        offset: of the brightness, at most, as a share of the range.
        gamma: the exponent of the grey levels is at most 1 + gamma, at least its inverse.
        compress: how often the levels are squeezed into a fifth to three fifths of the range, as a hot or a
            cold thing in the picture squeezes them.
        blur, noise: how often.
        uncovered: how often some edges are plain, as where the thermal camera sees less than the other.
        shift: pixels by which thermal is moved against RGB at most, in each direction.
        only_rgb, only_thermal: how often the other stream is hidden.
    """

    clip: float = Field(default=0.4, ge=0, lt=1)
    gain: float = Field(default=0.4, ge=0)
    offset: float = Field(default=0.1, ge=0, lt=1)
    gamma: float = Field(default=1.5, ge=0)
    compress: float = Field(default=0.15, ge=0, le=1)
    blur: float = Field(default=0.3, ge=0, le=1)
    noise: float = Field(default=0.3, ge=0, le=1)
    uncovered: float = Field(default=0.15, ge=0, le=1)
    shift: float = Field(default=3.0, ge=0)
    only_rgb: float = Field(default=0.15, ge=0, le=1)
    only_thermal: float = Field(default=0.2, ge=0, le=1)

    @model_validator(mode="after")
    def _possible(self) -> ThermalAugmentation:
        if self.only_rgb + self.only_thermal > 1:
            raise ValueError("only_rgb and only_thermal must not add up to more than 1")
        return self

    def present(self, random: np.random.Generator) -> Present:
        """The streams that a training picture shows."""
        drawn = random.random()
        if drawn < self.only_rgb:
            return RGB_ONLY
        return THERMAL_ONLY if drawn < self.only_rgb + self.only_thermal else BOTH


def read(path: Path, coding: ThermalCoding = "plain") -> Picture:
    """A picture of 8 or 16 bits, scaled by percentiles to uint8 [h, w] as the first frame of a live stream.

    Args:
        coding: where the file has its values, as `training.data.sample.Sample` says.

    Raises:
        ValueError: it cannot be read as a thermal picture.
    """
    if coding == "alpha":
        raw = _alpha(path)
    else:
        try:
            raw = images.decode_compressed_thermal(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ValueError(f"Cannot read the thermal picture {path} ({error}): replace it.") from error
    return ThermalScale(Scaling("percentile")).to_uint8(fill_holes(raw) if coding == "holes" else raw)


def fill_holes(raw: Picture) -> Picture:
    """A thermal picture uint8 or uint16 [h, w] with its zeros filled from around, as it is stored.

    A picture that was projected onto another camera's view has holes where nothing fell; what fills them is
    the inpainting that comes with PST900: Telea's, from a radius of HOLE_RADIUS pixels.
    """
    holes = (raw == 0).astype(np.uint8)
    if not 0 < np.count_nonzero(holes) < holes.size:
        return raw
    return cv2.inpaint(raw, holes, HOLE_RADIUS, cv2.INPAINT_TELEA)


def _alpha(path: Path) -> Picture:
    both = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if both is None or both.ndim != 3 or both.shape[2] != 4:
        state = "cannot be decoded" if both is None else f"is {both.dtype} {list(both.shape)}"
        raise ValueError(f"{path} {state}: expected a picture of four channels, the last of them thermal.")
    return np.ascontiguousarray(both[..., 3])


def photometric(picture: Picture, strength: ThermalAugmentation, random: np.random.Generator) -> Picture:
    """Random levels, blur and noise of a thermal picture uint8 [h, w]; what is warmer stays brighter."""
    clipped = random.uniform(0.0, strength.clip)
    black = min(float(np.quantile(picture[::4, ::4], clipped)), 235.0) if strength.clip > 0 else 0.0
    levels = np.clip((np.arange(256) - black) / (255.0 - black), 0.0, 1.0) ** _factor(strength.gamma, random)
    levels = (levels - 0.5) * _factor(strength.gain, random) + 0.5
    levels = np.clip(levels + random.uniform(-strength.offset, strength.offset), 0.0, 1.0)
    if random.random() < strength.compress:
        span = random.uniform(0.2, 0.6)
        levels = levels * span + random.uniform(0.0, 1.0 - span)
    picture = cv2.LUT(picture, np.round(levels * 255.0).astype(np.uint8))
    if random.random() < strength.blur:
        picture = cv2.GaussianBlur(picture, (0, 0), float(random.uniform(0.4, 2.0)))
    if random.random() < strength.noise:
        grain = random.normal(0.0, random.uniform(2.0, 10.0), picture.shape)
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    return picture


def misplace(picture: Picture, strength: ThermalAugmentation, random: np.random.Generator) -> Picture:
    """Move a picture uint8 [h, w] as an imperfect registration does; it is its mean where it sees nothing."""
    across, down = random.uniform(-strength.shift, strength.shift, 2)
    move = np.array([[1.0, 0.0, across], [0.0, 1.0, down]])
    picture = cv2.warpAffine(picture, move, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    if random.random() < strength.uncovered:
        height, width = picture.shape
        top, bottom, left, right = random.uniform(-0.25, 0.25, 4).clip(0) * (height, height, width, width)
        # What registration puts there.
        covered = np.full_like(picture, round(cv2.mean(picture)[0]))
        inside = slice(int(top), height - int(bottom)), slice(int(left), width - int(right))
        covered[inside] = picture[inside]
        return covered
    return picture


def _factor(strength: float, random: np.random.Generator) -> float:
    return float(np.exp(random.uniform(-1.0, 1.0) * np.log1p(strength)))
