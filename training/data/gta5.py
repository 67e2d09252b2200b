# SPDX-License-Identifier: Apache-2.0
"""GTA5 ("Playing for Data") in its official layout: images/N.png beside labels/N.png.

The labels are paletted pictures whose indices are the ids of Cityscapes, 0 to 34; 34 is what Cityscapes
counts as -1, license plates. Where only labels converted to the 19 train ids are there, named
labels/N_labelTrainIds.png, those are read. A few pictures are not of the size of their labels: such a label
is stretched onto its picture, as in public code, which resizes both to one size. There is no split.
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
    ids, train_ids = label_map("cityscapes", target), label_map("cityscapes19", target)
    found = []
    for image in pictures(root):
        label = root / "labels" / f"{image.stem}.png"
        converted = root / "labels" / f"{image.stem}_labelTrainIds.png"
        if not label.is_file() and converted.is_file():
            found.append(Sample(image, converted, train_ids, raw_ids=19, stretched=True))
        else:
            found.append(Sample(image, existing(label, image), ids, raw_ids=35, stretched=True))
    return found


def pictures(root: Path) -> list[Path]:
    """All pictures, labelled or not.

    Raises:
        FileNotFoundError: a folder in another layout.
    """
    return sample.pictures(root / "images", "the official layout of GTA5, images/N.png beside labels/N.png")
