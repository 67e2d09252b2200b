# SPDX-License-Identifier: Apache-2.0
"""Stanford 2D-3D-S in its official layout: panoramas and pinhole pictures of indoor areas.

    assets/semantic_labels.json               names of the instances: class_number_room_number_area
    area_1/ … area_4/ area_5a/ area_5b/ area_6/
        pano/rgb/*_rgb.png                    360° x 180°, 2048x4096
        pano/semantic/*_semantic.png          colours that are indices into semantic_labels.json
        data/rgb/, data/semantic/             the same for pinhole pictures of 1080x1080

semantic_labels.json comes with the tools of the dataset, not with the areas; it may lie in the root as well.
The labels are read as they are, as public code does, without a conversion before. Pixels without data
(#0D0D0D), of the class <UNK>, or black in the picture (as zenith and nadir of the panoramas) are unlabelled.

Folds are those that Trans4PASS and its successors use. Fold 1 holds back area_5a and area_5b; pinhole to
panorama is scored on it, with all 13 classes (label set stanford13) or with 8 (stanford8), where the other
five are unlabelled.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from samseg_ros.labels import STANFORD13, UNLABELED, LabelSet, label_map
from training.data import sample
from training.data.sample import Projection, Sample, existing

AREAS = ("area_1", "area_2", "area_3", "area_4", "area_5a", "area_5b", "area_6")
_HELD_BACK = {
    1: ("area_5a", "area_5b"),
    2: ("area_2", "area_4"),
    3: ("area_1", "area_3", "area_6"),
}
_FOLDERS: dict[Projection, str] = {"equirectangular": "pano", "pinhole": "data"}
_UNKNOWN = "<UNK>"


def samples(
    root: Path, split: str, target: LabelSet, projection: Projection = "equirectangular"
) -> list[Sample]:
    """The pictures of one split with their labels.

    Args:
        split: see `areas`.
        projection: the panoramas, or the pinhole pictures.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without a label.
        ValueError: an unknown split, or names of instances that are not those of this dataset.
    """
    table = _table(_names(root), target)
    found = []
    for image in pictures(root, split, projection):
        name = f"{image.stem.removesuffix('_rgb')}_semantic.png"
        label = existing(image.parent.parent / "semantic" / name, image)
        found.append(Sample(image, label, table, len(table), projection, coding="colour"))
    return found


def pictures(root: Path, split: str, projection: Projection = "equirectangular") -> list[Path]:
    """The pictures of one split, area by area.

    Raises:
        FileNotFoundError: a folder in another layout.
        ValueError: an unknown split.
    """
    wanted = areas(split)
    kind = _FOLDERS[projection]
    layout = f"the official layout of Stanford 2D-3D-S, {', '.join(wanted)}, each with {kind}/rgb/*_rgb.png"
    return [picture for area in wanted for picture in sample.pictures(root / area / kind / "rgb", layout)]


def areas(split: str) -> tuple[str, ...]:
    """The areas of a split: "train" and "val" of fold 1, "train_1" … "val_3" of any, or "all".

    Raises:
        ValueError: another word; it lists these.
    """
    splits: dict[str, tuple[str, ...]] = {"all": AREAS}
    for fold, held in _HELD_BACK.items():
        splits[f"train_{fold}"] = tuple(area for area in AREAS if area not in held)
        splits[f"val_{fold}"] = held
    splits["train"], splits["val"] = splits["train_1"], splits["val_1"]
    if split not in splits:
        known = ", ".join(sorted(splits))
        raise ValueError(f"'{split}' is no split of Stanford 2D-3D-S; choose one of: {known}.")
    return splits[split]


def _names(root: Path) -> list[str]:
    """The classes of the instances, in the order of their indices."""
    places = [root / "assets" / "semantic_labels.json", root / "semantic_labels.json"]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"{places[0]} is missing: copy semantic_labels.json there from the dataset's tools "
            "(github.com/alexsax/2D-3D-Semantics, assets/)."
        )
    try:
        names = [str(name).split("_")[0] for name in json.loads(path.read_text(encoding="utf-8"))]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no list of names ({error}): copy it anew from the dataset's tools."
        ) from error
    strange = sorted({*names} - {*STANFORD13.names, _UNKNOWN})
    if strange or not names:
        raise ValueError(
            f"{path} names {strange[0] if strange else 'no instance'}: expected "
            f"class_number_room_number_area of the classes {', '.join(STANFORD13.names)}."
        )
    return names


def _table(names: list[str], target: LabelSet) -> np.ndarray:
    """uint8 [instances]: index of an instance to the id of its class in `target`."""
    ids = label_map(STANFORD13.name, target)
    own = {name: ids[index] for index, name in enumerate(STANFORD13.names)}
    return np.array([own.get(name, UNLABELED) for name in names], np.uint8)
