# SPDX-License-Identifier: Apache-2.0
"""One labelled picture on disk, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from samseg_ros.bags.label_png import indices, is_paletted, spread
from samseg_ros.labels import UNLABELED

Projection = Literal["pinhole", "equirectangular"]
Coding = Literal["plain", "colour", "red"]
ThermalCoding = Literal["plain", "alpha", "holes"]

# In label pictures that code ids in colour, pixels without data: #0D0D0D, as in Stanford 2D-3D-S.
MISSING = 0x0D0D0D


@dataclass(frozen=True)
class Sample:
    """A picture and its label picture.

    Attributes:
        image: colour picture, any format OpenCV reads.
        label: picture of raw ids, same size as the image unless `stretched`.
        table: uint8[256 or raw_ids], raw id to id of the target label set, 255 where it has no counterpart.
        raw_ids: raw ids run from 0 to raw_ids - 1; 255 is always allowed and unlabelled, unless the ids are
            colours.
        projection: of the picture.
        thermal: picture of the same view, warmer is brighter, 8 or 16 bits; None where there is none.
        coding: where the label has its ids. "plain": in one channel of 8 bits, or as indices of a palette,
            whose colours do not matter. "colour": colours are ids, as numbers of 24 bits, red the highest
            byte; #0D0D0D is always allowed and unlabelled, and so is what is black in the image. "red": in
            the red channel of 16 bits of a colour picture.
        thermal_coding: where `thermal` has its values. "plain": in one channel. "alpha": in the fourth of a
            colour picture, which may be `image` itself. "holes": in one channel, where 0 is a hole, however
            wide, that is filled from around.
        stretched: where the label has another size than the image, it is resized to it, nearest neighbours.
    """

    image: Path
    label: Path
    table: np.ndarray
    raw_ids: int
    projection: Projection = "pinhole"
    thermal: Path | None = None
    coding: Coding = "plain"
    thermal_coding: ThermalCoding = "plain"
    stretched: bool = False


def read(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Read a sample.

    Returns:
        image uint8 [h, w, 3] BGR, label uint8 [h, w] in ids of the target label set, 255 unlabelled.

    Raises:
        ValueError: a picture that cannot be decoded, sizes that differ, or a raw id out of range.
    """
    image = read_image(sample.image)
    label = _coloured_label(sample, image) if sample.coding == "colour" else _numbered_label(sample)
    if sample.stretched and label.shape != image.shape[:2]:
        label = cv2.resize(label, image.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT).astype(np.uint8)
    _check_size(sample, image, label)
    return image, label


def read_label(sample: Sample) -> np.ndarray:
    """Read only the label at its own size, uint8 [h, w] in ids of the target label set.

    Raises:
        ValueError: not a picture as `Sample` says, or a raw id out of range.
    """
    if sample.coding == "colour":
        return _coloured_label(sample, read_image(sample.image))
    return _numbered_label(sample)


def read_image(path: Path) -> np.ndarray:
    """A picture uint8 [h, w, 3] BGR.

    Raises:
        ValueError: it cannot be decoded.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"Cannot decode the picture {path}: replace it, or remove it and its label.")
    return image.astype(np.uint8, copy=False)


def _numbered_label(sample: Sample) -> np.ndarray:
    raw = _red_channel(sample.label) if sample.coding == "red" else _plain_ids(sample.label)
    _check_ids(sample, raw[raw != UNLABELED], str(UNLABELED))
    label: np.ndarray = sample.table[raw]
    return label


def _plain_ids(path: Path) -> np.ndarray:
    if is_paletted(path):
        try:
            return indices(path)
        except ValueError as error:
            raise ValueError(
                f"Cannot decode the label picture {path} ({error.__cause__}): replace it, or remove "
                "it and its picture."
            ) from error
    raw = _label_picture(path)
    if raw.ndim != 2 or raw.dtype != np.uint8:
        raise ValueError(
            f"The label picture {path} has {_channels(raw)} channels of {raw.dtype}: "
            "expected one channel of 8-bit ids, not a picture of colours."
        )
    return np.asarray(raw, dtype=np.uint8) // np.uint8(spread(path))


def _red_channel(path: Path) -> np.ndarray:
    raw = _label_picture(path)
    if _channels(raw) not in (3, 4) or raw.dtype != np.uint16:
        raise ValueError(
            f"The label picture {path} has {_channels(raw)} channels of {raw.dtype}: "
            "expected a colour picture of 16 bits a channel, with ids in red."
        )
    return np.asarray(raw[..., 2])


def _coloured_label(sample: Sample, image: np.ndarray) -> np.ndarray:
    raw = _label_picture(sample.label)
    if _channels(raw) not in (3, 4) or raw.dtype != np.uint8:
        raise ValueError(
            f"The label picture {sample.label} has {_channels(raw)} channels of {raw.dtype}: "
            "expected a colour picture of 8 bits a channel, whose colours are ids."
        )
    _check_size(sample, image, raw)
    blue, green, red = (raw[..., channel].astype(np.int32) for channel in range(3))
    ids = (red << 16) | (green << 8) | blue
    known = (ids != MISSING) & image.any(axis=2)
    _check_ids(sample, ids[known], f"#{MISSING:06X}")
    label = np.full(ids.shape, UNLABELED, np.uint8)
    label[known] = sample.table[ids[known]]
    return label


def _label_picture(path: Path) -> np.ndarray:
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if raw is None:
        raise ValueError(f"Cannot decode the label picture {path}: replace it, or remove it and its picture.")
    return raw


def _channels(picture: np.ndarray) -> int:
    return 1 if picture.ndim == 2 else picture.shape[2]


def _check_size(sample: Sample, image: np.ndarray, label: np.ndarray) -> None:
    if image.shape[:2] != label.shape[:2]:
        raise ValueError(
            f"{sample.image} is {image.shape[1]}x{image.shape[0]} but its label {sample.label} is "
            f"{label.shape[1]}x{label.shape[0]}: they must be the same size."
        )


def _check_ids(sample: Sample, labelled: np.ndarray, void: str) -> None:
    stray = labelled[labelled >= sample.raw_ids]
    if stray.size:
        raise ValueError(
            f"The label picture {sample.label} holds id {int(stray[0])}: "
            f"this layout has ids 0 to {sample.raw_ids - 1} and {void}."
        )


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


def existing(partner: Path, image: Path, kind: str = "label") -> Path:
    """`partner`, which is the `kind` of an image, if it is a file.

    Raises:
        FileNotFoundError: it is not; names the picture that lacks it.
    """
    if not partner.is_file():
        raise FileNotFoundError(
            f"The picture {image} has no {kind} {partner}: add it, or remove the picture."
        )
    return partner
