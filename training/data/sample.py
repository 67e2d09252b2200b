# SPDX-License-Identifier: Apache-2.0
"""One labelled picture on disk, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from samseg_ros.labels import UNLABELED

Projection = Literal["pinhole", "equirectangular"]


@dataclass(frozen=True)
class Sample:
    """A picture and its label picture.

    Attributes:
        image: colour picture, any format OpenCV reads.
        label: single-channel 8-bit picture of raw ids, same size as the image.
        table: uint8[256], raw id to id of the target label set, 255 where it has no counterpart.
        raw_ids: raw ids run from 0 to raw_ids - 1; 255 is always allowed and unlabelled.
        projection: of the picture.
        thermal: single-channel picture of the same view, warmer is brighter, 8 or 16 bits; None where there
            is none.
    """

    image: Path
    label: Path
    table: np.ndarray
    raw_ids: int
    projection: Projection = "pinhole"
    thermal: Path | None = None


def read(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Read a sample.

    Returns:
        image uint8 [h, w, 3] BGR, label uint8 [h, w] in ids of the target label set, 255 unlabelled.

    Raises:
        ValueError: a picture that cannot be decoded, sizes that differ, or a raw id out of range.
    """
    image = cv2.imread(str(sample.image), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"Cannot decode the picture {sample.image}: replace it, or remove it and its label.")
    label = read_label(sample)
    if image.shape[:2] != label.shape:
        raise ValueError(
            f"{sample.image} is {image.shape[1]}x{image.shape[0]} but its label {sample.label} is "
            f"{label.shape[1]}x{label.shape[0]}: they must be the same size."
        )
    return image.astype(np.uint8, copy=False), label


def read_label(sample: Sample) -> np.ndarray:
    """Read only the label, uint8 [h, w] in ids of the target label set.

    Raises:
        ValueError: not a single-channel 8-bit picture, or a raw id out of range.
    """
    raw = cv2.imread(str(sample.label), cv2.IMREAD_UNCHANGED)
    if raw is None:
        raise ValueError(
            f"Cannot decode the label picture {sample.label}: replace it, or remove it and its picture."
        )
    if raw.ndim != 2 or raw.dtype != np.uint8:
        channels = 1 if raw.ndim == 2 else raw.shape[2]
        raise ValueError(
            f"The label picture {sample.label} has {channels} channels of {raw.dtype}: "
            "expected one channel of 8-bit ids, not a picture of colours."
        )
    label = np.asarray(raw, dtype=np.uint8)
    stray = label[(label >= sample.raw_ids) & (label != UNLABELED)]
    if stray.size:
        raise ValueError(
            f"The label picture {sample.label} holds id {int(stray[0])}: "
            f"this layout has ids 0 to {sample.raw_ids - 1} and 255."
        )
    return sample.table[label]


def pictures(folder: Path, layout: str) -> list[Path]:
    """The .png and .jpg files in `folder`, sorted by name.

    Raises:
        FileNotFoundError: no such folder or none in it; `layout` says what was expected.
    """
    found = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not found:
        state = "has no .png or .jpg pictures" if folder.is_dir() else "does not exist"
        raise FileNotFoundError(f"{folder} {state}: expected {layout}.")
    return found


def existing(label: Path, image: Path) -> Path:
    """`label` if it is a file.

    Raises:
        FileNotFoundError: it is not; names the picture that lacks it.
    """
    if not label.is_file():
        raise FileNotFoundError(f"The picture {image} has no label {label}: add it, or remove the picture.")
    return label
