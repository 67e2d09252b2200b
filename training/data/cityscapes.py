# SPDX-License-Identifier: Apache-2.0
"""Cityscapes in its official layout: leftImg8bit/SPLIT/CITY and gtFine/SPLIT/CITY with labelIds."""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet, label_map
from training.data import sample
from training.data.sample import Sample, existing


def samples(root: Path, split: str, target: LabelSet) -> list[Sample]:
    """The frames of one split, city by city.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without a label.
    """
    table = label_map("cityscapes", target)
    found = []
    for image in pictures(root, split):
        frame = image.stem.removesuffix("_leftImg8bit")
        label = root / "gtFine" / split / image.parent.name / f"{frame}_gtFine_labelIds.png"
        found.append(Sample(image, existing(label, image), table, raw_ids=34))
    return found


def pictures(root: Path, split: str) -> list[Path]:
    """The frames of one split, labelled or not, city by city.

    Raises:
        FileNotFoundError: a folder in another layout.
    """
    layout = f"the official layout of Cityscapes, leftImg8bit/{split}/CITY/*_leftImg8bit.png beside gtFine/"
    folder = root / "leftImg8bit" / split
    cities = sorted(city for city in folder.glob("*") if city.is_dir())
    if not cities:
        raise FileNotFoundError(f"{folder} has no city folders: expected {layout}.")
    return [image for city in cities for image in sample.pictures(city, layout)]
