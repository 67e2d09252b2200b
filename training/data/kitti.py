# SPDX-License-Identifier: Apache-2.0
"""KITTI semantic segmentation in its official layout: image_2/ beside semantic/, ids of Cityscapes."""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet, label_map
from training.data.sample import Sample, existing, pictures


def samples(root: Path, target: LabelSet) -> list[Sample]:
    """All frames of a folder (the official training set has no split).

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without a label.
    """
    table = label_map("cityscapes", target)
    layout = "the official layout of KITTI semantics, image_2/ beside semantic/"
    return [
        Sample(image, existing(root / "semantic" / image.name, image), table, raw_ids=34)
        for image in pictures(root / "image_2", layout)
    ]
