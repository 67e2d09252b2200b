# SPDX-License-Identifier: Apache-2.0
"""WildPASS: 500 labelled street panoramas for scoring; WildPASS2K: 2000 unlabelled ones to adapt to.

The layout is that of its authors' evaluation: leftImg8bit/val/cs/N.png beside gtFine/val/cs/N.png, a label of
the same name; other readers list the pictures without cs/. Labels number classes as their 25 of Mapillary
Vistas. Eight are evaluated (4 car, 5 truck, 8 bus, 11 road, 12 sidewalk, 13 curb, 17 person, 24 crosswalk);
pixels of another class are left out, whatever is predicted there. Which other ids the files hold could not be
established: all are taken, and mean unlabelled.

Curb and crosswalk are not in Cityscapes: a network of its classes is scored on the other six, and the pixels
of these two are left out. Where they count as wrong for road and sidewalk, those two score lower.

How the archive of WildPASS2K is laid out could not be established either. Public lists name CITY/N.jpg, 50 of
each of 40 cities: put those folders into leftImg8bit/train/, or read the archive as
`training.data.panorama_pictures`.
"""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import UNLABELED, LabelSet, label_map
from training.data import panorama_pictures
from training.data.sample import Sample, existing


def samples(root: Path, split: str, target: LabelSet) -> list[Sample]:
    """The labelled panoramas of one split; published is `val`.

    Raises:
        FileNotFoundError: a folder in another layout, or a panorama without a label.
    """
    table = label_map("wildpass", target)
    folder, labels = root / "leftImg8bit" / split, root / "gtFine" / split
    layout = f"the layout of WildPASS, leftImg8bit/{split}/cs/N.png beside gtFine/{split}/cs/N.png"
    found = []
    for image in panorama_pictures.pictures(folder, layout):
        label = (labels / image.relative_to(folder)).with_suffix(".png")
        found.append(Sample(image, existing(label, image), table, UNLABELED, "equirectangular"))
    return found


def pictures(root: Path, split: str) -> list[Path]:
    """The panoramas of one split, labelled or not.

    Raises:
        FileNotFoundError: a folder in another layout.
    """
    layout = f"the layout of WildPASS, leftImg8bit/{split}/, for train the pictures of WildPASS2K in CITY/"
    return panorama_pictures.pictures(root / "leftImg8bit" / split, layout)
