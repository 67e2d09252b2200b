# SPDX-License-Identifier: Apache-2.0
"""MFNet, streets by day and by night in RGB and thermal, in its official layout or split into folders:

    images/NAME.png                    four channels, the last of them thermal
    labels/NAME.png                    ids of mfnet9
    train.txt, val.txt, test.txt       names, one a line

    rgb/NAME.png (or img/), ther/NAME.png, labels/NAME.png, and the same lists

Pictures are 640x480; D and N end the names of those by day and by night (`samseg_ros.light`). Three splits
are published: train; val, to choose by; test, to score once. (The released code of SARTM and of others it is
compared with chooses its best epoch by test.) A split is the name of a list: test_day and test_night, which
come with RTFNet, are read too, and so are names that end in _flip, where the pictures are there. Published
numbers are the mean IoU of all nine classes, `unlabeled` among them.
"""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet, label_map
from training.data.sample import Sample, ThermalCoding, existing

LAYOUT = (
    "the layout of MFNet, train.txt, val.txt and test.txt beside labels/ and images/ (four channels), "
    "or rgb/ and ther/"
)


def samples(root: Path, split: str, target: LabelSet) -> list[Sample]:
    """The pairs of one split, in the order of its list.

    Raises:
        FileNotFoundError: a folder in another layout, or a name in the list without its pictures or label.
        ValueError: an empty list.
    """
    rgb, thermal, coding = _folders(root)
    table = label_map("mfnet9", target)
    found = []
    for name in _names(root / f"{split}.txt"):
        image = root / rgb / f"{name}.png"
        if not image.is_file():
            raise FileNotFoundError(f"{root / split}.txt lists {name}, but there is no {image}: add it.")
        warmth = existing(root / thermal / f"{name}.png", image, "thermal picture")
        label = existing(root / "labels" / f"{name}.png", image)
        found.append(Sample(image, label, table, 9, thermal=warmth, thermal_coding=coding))
    return found


def _folders(root: Path) -> tuple[str, str, ThermalCoding]:
    if (root / "images").is_dir():
        return "images", "images", "alpha"
    for rgb in ("rgb", "img"):
        if (root / rgb).is_dir():
            return rgb, "ther", "plain"
    raise FileNotFoundError(f"{root} has neither images/ nor rgb/: expected {LAYOUT}.")


def _names(listed: Path) -> list[str]:
    """The first word of each line of a list, as readers of lists with a second word have it."""
    if not listed.is_file():
        raise FileNotFoundError(f"{listed} does not exist: expected {LAYOUT}.")
    names = [line.split()[0] for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not names:
        raise ValueError(f"{listed} names no pictures: expected one a line.")
    return names
