# SPDX-License-Identifier: Apache-2.0
"""One panorama of the target domain on disk, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from samseg_ros.panorama import guess_vertical_fov
from training.data.augment import resize_image
from training.data.sample import Sample, read_label


@dataclass(frozen=True)
class Panorama:
    """A panorama, with what else is known of it.

    Attributes:
        image: colour picture, 360° wide.
        label: its label; None where there is none. Never read in training, but for masks of a renderer.
        instance: single-channel 16-bit picture of the renderer's instances, 0 is stuff; None where unknown.
        name: unique in its set, usable as the name of a file.
    """

    image: Path
    label: Sample | None
    instance: Path | None
    name: str


class Seen(NamedTuple):
    """image uint8 [h, w, 3] BGR, label uint8 [h, w] or None, instance uint16 [h, w] or None."""

    image: np.ndarray
    label: np.ndarray | None
    instance: np.ndarray | None


def read(panorama: Panorama, size: tuple[int, int], vertical_fov: float | None, *, truth: bool) -> Seen:
    """Read a panorama as the networks see it.

    Args:
        size: (height, width) of the result.
        vertical_fov: degrees of the strip about the horizon that is cut out first; None keeps all. Those of
            the picture itself are guessed from its shape: its pixels are square.
        truth: read label and instance too, where there are any.

    Raises:
        ValueError: a picture that cannot be decoded or that sees less, or truth of another size.
    """
    image = cv2.imread(str(panorama.image), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"Cannot decode the panorama {panorama.image}: replace it or remove it.")
    label = instance = None
    if truth and panorama.label is not None:
        label = _truth(read_label(panorama.label), panorama.label.label, image, size, vertical_fov)
    if truth and panorama.instance is not None:
        raw = cv2.imread(str(panorama.instance), cv2.IMREAD_UNCHANGED)
        if raw is None or raw.ndim != 2:
            raise ValueError(
                f"{panorama.instance} is no single-channel picture of instances: replace or remove it."
            )
        instance = _truth(raw.astype(np.uint16), panorama.instance, image, size, vertical_fov)
    strip = _strip(image, vertical_fov)
    resized = resize_image(strip.astype(np.uint8, copy=False), size)
    return Seen(np.ascontiguousarray(resized), label, instance)


def _truth(
    truth: np.ndarray, path: Path, image: np.ndarray, size: tuple[int, int], vertical_fov: float | None
) -> np.ndarray:
    if truth.shape != image.shape[:2]:
        raise ValueError(
            f"{path} is {truth.shape[1]}x{truth.shape[0]} but its panorama is "
            f"{image.shape[1]}x{image.shape[0]}: they must be the same size."
        )
    return cv2.resize(_strip(truth, vertical_fov), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def _strip(picture: np.ndarray, vertical_fov: float | None) -> np.ndarray:
    """The rows within half of `vertical_fov` above and below the middle one, which is the horizon."""
    if vertical_fov is None:
        return picture
    height, width = picture.shape[:2]
    own = guess_vertical_fov(height, width)
    if vertical_fov > own:
        raise ValueError(
            f"A panorama of {width}x{height} shows {own:.1f} degrees of height: lower vertical_fov to that."
        )
    rows = max(1, round(height * vertical_fov / own))
    top = (height - rows) // 2
    return picture[top : top + rows]
