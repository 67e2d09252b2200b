# SPDX-License-Identifier: Apache-2.0
"""SYNTHIA-RAND-CITYSCAPES in its official layout: RGB/N.png beside GT/LABELS/N.png.

The labels are colour pictures of 16 bits; red is the class, 0 to 22, another channel the instance. Terrain,
truck and train have numbers but hardly occur; work on it scores 16 or 13 of the 19 classes of Cityscapes.
Classes without a counterpart (parking, road work, lane markings) are unlabelled. There is no split.
"""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet, label_map
from training.data import sample
from training.data.sample import Sample, existing


def samples(root: Path, target: LabelSet) -> list[Sample]:
    """All pictures with their labels.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without a label.
    """
    table = label_map("synthia", target)
    return [
        Sample(
            image,
            existing(root / "GT" / "LABELS" / f"{image.stem}.png", image),
            table,
            raw_ids=23,
            coding="red",
        )
        for image in pictures(root)
    ]


def pictures(root: Path) -> list[Path]:
    """All pictures, labelled or not.

    Raises:
        FileNotFoundError: a folder in another layout.
    """
    layout = "the official layout of SYNTHIA-RAND-CITYSCAPES, RGB/N.png beside GT/LABELS/N.png"
    return sample.pictures(root / "RGB", layout)
