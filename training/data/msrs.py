# SPDX-License-Identifier: Apache-2.0
"""MSRS, the well aligned pairs of MFNet with thermal of more contrast, in its official layout:

    SPLIT/vi/NAME.png, SPLIT/ir/NAME.png           SPLIT is train or test; 640x480
    SPLIT/Segmentation_labels/NAME.png             ids of mfnet9

and pairs without labels, as they are often passed on: visible/ beside thermal/, matched by stem.

D and N end the names of pictures by day and by night (`samseg_ros.light`). There is no split to choose by:
hold out a part of train (`skip`, `limit`). The frames are MFNet's, under its names, but divided anew: what
one set trains on may be in the other's test. Compare the names before a network that saw one is scored on
the other.
"""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet, label_map
from training.data.sample import Sample, existing, pictures

LAYOUT = (
    "the official layout of MSRS, vi/, ir/ and Segmentation_labels/ in train/ and in test/ (it has no val)"
)


def samples(root: Path, split: str, target: LabelSet) -> list[Sample]:
    """The labelled pairs of one split, train or test, by name.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without its thermal picture or label.
    """
    table = label_map("mfnet9", target)
    folder = root / split
    return [
        Sample(
            image,
            existing(folder / "Segmentation_labels" / f"{image.stem}.png", image),
            table,
            raw_ids=9,
            thermal=existing(folder / "ir" / f"{image.stem}.png", image, "thermal picture"),
        )
        for image in pictures(folder / "vi", LAYOUT)
    ]


def labelled_pairs(root: Path, labels: Path, target: LabelSet) -> list[Sample]:
    """Those of `pairs` that have a label picture of their stem in `labels`, in ids of `target`, by name.

    Raises:
        FileNotFoundError: as `pairs`; no label pictures; or one that belongs to no pair.
    """
    known = {image.stem: (image, thermal) for image, thermal in pairs(root)}
    told = pictures(labels, "label pictures as `python -m training weak_labels` writes them")
    if stray := [path for path in told if path.stem not in known]:
        raise FileNotFoundError(f"{stray[0]} belongs to no pair of {root}: remove it, or add its pair.")
    table = label_map(target.name, target)
    return [
        Sample(known[path.stem][0], path, table, raw_ids=len(target), thermal=known[path.stem][1])
        for path in told
    ]


def pairs(root: Path) -> list[tuple[Path, Path]]:
    """RGB and thermal pictures without labels, by name, of visible/ and thermal/ or a split's vi/ and ir/.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without its thermal picture.
    """
    rgb, thermal = ("vi", "ir") if (root / "vi").is_dir() else ("visible", "thermal")
    layout = "visible/ beside thermal/, or vi/ beside ir/ in a split of MSRS"
    return [
        (image, existing(root / thermal / f"{image.stem}.png", image, "thermal picture"))
        for image in pictures(root / rgb, layout)
    ]
