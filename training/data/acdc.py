# SPDX-License-Identifier: Apache-2.0
"""ACDC, streets in fog, at night, in rain and in snow, in its official layout:

    rgb_anon/CONDITION/SPLIT/DRIVE/*_rgb_anon.png
    gt/CONDITION/SPLIT/DRIVE/*_gt_labelIds.png       ids of Cityscapes

A label that is there only with train ids, *_gt_labelTrainIds.png, is read from that.
"""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet, label_map
from training.data import sample
from training.data.sample import Sample, existing

CONDITIONS = ("fog", "night", "rain", "snow")


def samples(root: Path, split: str, target: LabelSet) -> list[Sample]:
    """The frames of one split in all four conditions; train and val have labels.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without a label.
    """
    ids, train_ids = label_map("cityscapes", target), label_map("cityscapes19", target)
    found = []
    for image in pictures(root, split):
        drive = root / "gt" / image.parent.relative_to(root / "rgb_anon")
        frame = image.stem.removesuffix("_rgb_anon")
        label, converted = drive / f"{frame}_gt_labelIds.png", drive / f"{frame}_gt_labelTrainIds.png"
        if not label.is_file() and converted.is_file():
            found.append(Sample(image, converted, train_ids, raw_ids=19))
        else:
            found.append(Sample(image, existing(label, image), ids, raw_ids=34))
    return found


def pictures(root: Path, split: str) -> list[Path]:
    """The frames of one split in all four conditions, labelled or not, drive by drive.

    Raises:
        FileNotFoundError: a folder in another layout.
    """
    layout = f"the official layout of ACDC, rgb_anon/CONDITION/{split}/DRIVE/*_rgb_anon.png beside gt/"
    found = []
    for condition in CONDITIONS:
        folder = root / "rgb_anon" / condition / split
        drives = sorted(drive for drive in folder.glob("*") if drive.is_dir())
        if not drives:
            raise FileNotFoundError(f"{folder} has no folders of drives: expected {layout}.")
        found += [image for drive in drives for image in sample.pictures(drive, layout)]
    return found
