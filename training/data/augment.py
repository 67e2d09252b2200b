# SPDX-License-Identifier: Apache-2.0
"""Random changes of a picture together with its label; every one a function of a numpy Generator."""

from __future__ import annotations

import cv2
import numpy as np
from pydantic import Field, field_validator

from samseg_ros.labels import UNLABELED
from training.config import Strict

Picture = np.ndarray

# A window is looked for at most so often, until so much of it is labelled.
TRIES, LABELLED = 5, 0.6


class Augmentation(Strict):
    """Strength of the random changes; zero switches one off, and [1, 1] `scale`.

    `balance` is how often a window is placed on a pixel of a class drawn from those in the picture, so that
    rare classes are met as often as common ones.
    """

    scale: tuple[float, float] = (0.5, 2.0)
    aspect: float = Field(default=0.0, ge=0, lt=1)
    flip: float = Field(default=0.5, ge=0, le=1)
    brightness: float = Field(default=0.25, ge=0, lt=1)
    contrast: float = Field(default=0.25, ge=0, lt=1)
    saturation: float = Field(default=0.4, ge=0, le=1)
    hue: float = Field(default=8.0, ge=0, le=90)
    gray: float = Field(default=0.03, ge=0, le=1)
    blur: float = Field(default=0.1, ge=0, le=1)
    noise: float = Field(default=0.1, ge=0, le=1)
    band: float = Field(default=0.3, ge=0, le=1)
    dark: float = Field(default=0.0, ge=0, le=1)
    balance: float = Field(default=0.0, ge=0, le=1)

    @field_validator("scale")
    @classmethod
    def _is_a_range(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not 0 < scale[0] <= scale[1]:
            raise ValueError("must be two numbers above 0, the smaller first")
        return scale


def resize(image: Picture, label: Picture, size: tuple[int, int]) -> tuple[Picture, Picture]:
    """Bring a picture and its label to `size` (height, width)."""
    if label.shape == size:
        return image, label
    return resize_image(image, size), cv2.resize(label, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def resize_image(image: Picture, size: tuple[int, int]) -> Picture:
    """Bring a picture without a label to `size` (height, width)."""
    if image.shape[:2] == size:
        return image
    shrinks = size[0] <= image.shape[0] and size[1] <= image.shape[1]  # as on the robot
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def crop(
    image: Picture,
    label: Picture,
    size: tuple[int, int],
    *,
    scale: tuple[float, float],
    random: np.random.Generator,
    around: bool,
    balance: float = 0.0,
) -> tuple[Picture, Picture]:
    """Resize by `scale` and cut out a window of `size` (height, width) at a random place, in one step.

    Args:
        image, label: uint8 [h, w, channels] and [h, w].
        scale: of height and of width.
        around: the picture is a panorama: the window may cross its left and right edge.
        balance: how often the window is placed on a class drawn from those there, 0..1.

    Otherwise, of a few places the first with enough labelled pixels is taken. What lies outside the picture
    is filled with its mean colour and is unlabelled.
    """
    high, wide = max(1, round(size[0] / scale[0])), max(1, round(size[1] / scale[1]))
    if balance > 0 and random.random() < balance:
        top, left = _place_on_class(label, (high, wide), random, around)
    else:
        top, left = _labelled_place(label, (high, wide), random, around)
    image, label = (
        _cut(image, (top, left), (high, wide), around),
        _cut(label, (top, left), (high, wide), around),
    )
    inner = (
        min(size[0], max(1, round(label.shape[0] * size[0] / high))),
        min(size[1], max(1, round(label.shape[1] * size[1] / wide))),
    )
    image = cv2.resize(
        image, inner[::-1], interpolation=cv2.INTER_AREA if max(scale) < 1 else cv2.INTER_LINEAR
    )
    label = cv2.resize(label, inner[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    if inner == size:
        return image, label
    channels = image.shape[2]
    canvas = np.empty((*size, channels), np.uint8)
    canvas[:] = cv2.mean(image)[:channels]
    target = np.full(size, UNLABELED, np.uint8)
    row = min(max(0, round(-top * scale[0])), size[0] - inner[0])
    column = 0 if around else min(max(0, round(-left * scale[1])), size[1] - inner[1])
    canvas[row : row + inner[0], column : column + inner[1]] = image
    target[row : row + inner[0], column : column + inner[1]] = label
    return canvas, target


def _place_on_class(
    label: Picture, window: tuple[int, int], random: np.random.Generator, around: bool
) -> tuple[int, int]:
    """Top and left of a window that holds a random pixel of a class drawn from those in the picture."""
    coarse = label[::2, ::2]  # a quarter of the work
    classes = np.flatnonzero(np.bincount(coarse.ravel(), minlength=256)[:UNLABELED])
    if len(classes) == 0:
        return _labelled_place(label, window, random, around)
    pixels = np.flatnonzero(coarse == random.choice(classes))
    row, column = (2 * place for place in divmod(int(random.choice(pixels)), coarse.shape[1]))
    top = _clamped(row - int(random.integers(window[0])), label.shape[0] - window[0])
    left = column - int(random.integers(window[1]))
    return top, left % label.shape[1] if around else _clamped(left, label.shape[1] - window[1])


def _clamped(start: int, slack: int) -> int:
    """`start` of a window on a line, moved until it lies inside, or covers the line if it does not fit."""
    return min(max(start, min(slack, 0)), max(slack, 0))


def _labelled_place(
    label: Picture, window: tuple[int, int], random: np.random.Generator, around: bool
) -> tuple[int, int]:
    """Top and left of a window in which most pixels are labelled, or the best of a few where none is."""
    best, place = -1.0, (0, 0)
    for _ in range(TRIES):
        if around:
            # Zenith and nadir are plain and stretched: rows about the horizon come up more often.
            rows = [_place(label.shape[0], window[0], random) for _ in range(2)]
            top, left = sum(rows) // 2, int(random.integers(label.shape[1]))
        else:
            top, left = _place(label.shape[0], window[0], random), _place(label.shape[1], window[1], random)
        share = float(np.mean(_cut(label, (top, left), window, around)[::8, ::8] != UNLABELED))
        if share > best:
            best, place = share, (top, left)
        if share >= LABELLED:
            break
    return place


def _place(length: int, window: int, random: np.random.Generator) -> int:
    """Where a window starts on a line: inside it when it fits, else so that it covers all of it."""
    slack = length - window
    return int(random.integers(min(slack, 0), max(slack, 0) + 1))


def _cut(picture: Picture, place: tuple[int, int], window: tuple[int, int], around: bool) -> Picture:
    """The part of a window that lies on the picture; a panorama has no left and right end."""
    (top, left), (high, wide) = place, window
    rows = picture[max(top, 0) : top + high]
    if around:
        return rows[:, (left + np.arange(wide)) % picture.shape[1]]
    return rows[:, max(left, 0) : left + wide]


def flip(image: Picture, label: Picture) -> tuple[Picture, Picture]:
    """Mirror left and right."""
    return cv2.flip(image, 1), cv2.flip(label, 1)


def roll(image: Picture, label: Picture, columns: int) -> tuple[Picture, Picture]:
    """Turn a panorama by `columns` to the right; what leaves on one side enters on the other."""
    return np.roll(image, columns, axis=1), np.roll(label, columns, axis=1)


def photometric(image: Picture, strength: Augmentation, random: np.random.Generator) -> Picture:
    """Darkness, brightness, contrast, saturation, hue, grey, blur and noise."""
    if strength.dark > 0 and random.random() < strength.dark:
        # As of an unlit street: what is bright stays brightest, the rest goes under.
        depth = (np.arange(256) / 255.0) ** random.uniform(1.2, 2.5) * random.uniform(0.15, 0.8)
        image = cv2.LUT(image, np.round(depth * 255.0).astype(np.uint8))
    gain = 1.0 + random.uniform(-strength.contrast, strength.contrast)
    offset = 255.0 * random.uniform(-strength.brightness, strength.brightness) * 0.5
    levels = (np.arange(256) - 128.0) * gain + 128.0 + offset
    image = cv2.LUT(image, np.clip(levels, 0, 255).astype(np.uint8))
    if random.random() < strength.gray:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    elif strength.saturation > 0 or strength.hue > 0:
        image = _tint(image, strength, random)
    if random.random() < strength.blur:
        image = cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.3, 1.2)))
    if random.random() < strength.noise:
        grain = random.integers(0, 256, image.shape, np.uint8).astype(np.float32) - 127.5
        image = np.clip(image + grain * float(random.uniform(0.02, 0.12)), 0, 255).astype(np.uint8)
    return image


def _tint(image: Picture, strength: Augmentation, random: np.random.Generator) -> Picture:
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hue = (np.arange(256) + round(random.uniform(-strength.hue, strength.hue))) % 180
    factor = 1.0 + random.uniform(-strength.saturation, strength.saturation)
    saturation = np.clip(np.arange(256) * factor, 0, 255)
    table = np.stack([hue, saturation, np.arange(256)], axis=-1).astype(np.uint8)[None]
    return cv2.cvtColor(cv2.LUT(hsv, table), cv2.COLOR_HSV2BGR)


def band(image: Picture, label: Picture, random: np.random.Generator) -> tuple[Picture, Picture]:
    """Blacken the top and the bottom of a full sphere, as a camera that sees only an annulus leaves them.

    What stays visible spans 60 to 150 degrees of elevation about a horizon that is off by at most 10 degrees.
    """
    height = label.shape[0]
    half = random.uniform(60.0, 150.0) / 360.0
    middle = 0.5 + random.uniform(-10.0, 10.0) / 180.0
    top, bottom = max(0, round((middle - half) * height)), min(height, round((middle + half) * height))
    image, label = image.copy(), label.copy()
    for rows in (slice(0, top), slice(bottom, height)):
        image[rows] = 0
        label[rows] = UNLABELED
    return image, label
