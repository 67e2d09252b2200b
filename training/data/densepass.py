# SPDX-License-Identifier: Apache-2.0
"""DensePASS: 100 labelled street panoramas of 400x2048 for scoring, and 2000 unlabelled ones to adapt to.

The layout is that of its authors' reader and of Trans4PASS's: leftImg8bit/val/ beside gtFine/val/, with or
without a folder in between (one list has cs/, others none). A picture is N.png or N_.png, its label
N_labelTrainIds.png with the 19 evaluated ids of Cityscapes and 255. The unlabelled panoramas come with
WildPASS (as WildPASS2K) and belong in leftImg8bit/train/CITY/: 50 of each of 40 cities.

Protocol of Trans4PASS: 400x2048, one scale, one confusion matrix over all pictures without the pixels of 255;
the mean leaves out classes that occur neither in truth nor in prediction. With 13 classes (label set
densepass13) riders are persons, every vehicle but the train is a car, and the train is unlabelled.
"""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet, label_map
from training.data import panorama_pictures
from training.data.sample import Sample, existing


def samples(root: Path, split: str, target: LabelSet) -> list[Sample]:
    """The labelled panoramas of one split; published is `val`.

    Raises:
        FileNotFoundError: a folder in another layout, or a panorama without a label.
    """
    table = label_map("cityscapes19", target)
    folder, labels = root / "leftImg8bit" / split, root / "gtFine" / split
    layout = f"the layout of DensePASS, leftImg8bit/{split}/ beside gtFine/{split}/ with *_labelTrainIds.png"
    found = []
    for image in panorama_pictures.pictures(folder, layout):
        name = f"{image.stem.removesuffix('_')}_labelTrainIds.png"
        label = labels / image.parent.relative_to(folder) / name
        found.append(Sample(image, existing(label, image), table, 19, "equirectangular"))
    return found


def pictures(root: Path, split: str) -> list[Path]:
    """The panoramas of one split, labelled or not; those to adapt to are `train`.

    Raises:
        FileNotFoundError: a folder in another layout.
    """
    layout = f"the layout of DensePASS, leftImg8bit/{split}/, for train the pictures of WildPASS2K in CITY/"
    return panorama_pictures.pictures(root / "leftImg8bit" / split, layout)
