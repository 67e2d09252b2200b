# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from samseg_ros.labels import CITYSCAPES19
from training.ssr.sets import labelled, picture_name, unlabelled
from training.ssr.settings import Labelled, Pictures, Scored

# Of each kind: a picture's and its label's path.
TREES = {
    "gta5": ("images/00001.png", "labels/00001.png"),
    "synthia": ("RGB/0000000.png", "GT/LABELS/0000000.png"),
    "cityscapes": ("leftImg8bit/{}/ulm/ulm_0_1_leftImg8bit.png", "gtFine/{}/ulm/ulm_0_1_gtFine_labelIds.png"),
    "camvid": ("{}/a.png", "{}annot/a.png"),
    "world": ("rgb/000000.png", "label/000000.png"),
}
CONDITIONS = ("fog", "night", "rain", "snow")


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def tree(root: Path, kind: str, split: str, *, labels: bool) -> int:
    """Writes a small tree; how many pictures it has."""
    if kind == "acdc":
        pairs = [
            (f"rgb_anon/{one}/{split}/G1/G1_1_rgb_anon.png", f"gt/{one}/{split}/G1/G1_1_gt_labelIds.png")
            for one in CONDITIONS
        ]
    else:
        pairs = [(TREES[kind][0].format(split), TREES[kind][1].format(split))]
    for image, label in pairs:
        write(root / image, np.zeros((4, 6, 3), np.uint8))
        if labels:
            blank = np.zeros((4, 6, 3), np.uint16) if kind == "synthia" else np.zeros((4, 6), np.uint8)
            write(root / label, blank)
    if kind == "world" and labels:
        manifest = {"label_set": "street11", "settings": {"camera": "pinhole"}}
        (root / "manifest.json").write_text(json.dumps(manifest))
    return len(pairs)


@pytest.mark.parametrize("kind", [*TREES, "acdc"])
@pytest.mark.parametrize("split", ["train", "val"])
def test_every_kind_is_found(tmp_path: Path, kind: Any, split: str) -> None:
    count = tree(tmp_path / "set", kind, split, labels=True)
    source = Labelled(kind=kind, path=Path("set"), split=split, size=(32, 32))
    found = labelled(source, tmp_path, CITYSCAPES19)
    assert len(found) == count and all(one.label.is_file() for one in found)
    assert labelled(Scored(name="s", kind=kind, path=Path("set"), split=split), tmp_path, CITYSCAPES19)
    assert unlabelled(source, tmp_path) == tuple(one.image for one in found)


@pytest.mark.parametrize("kind", [*TREES, "acdc"])
def test_targets_need_no_labels(tmp_path: Path, kind: Any) -> None:
    count = tree(tmp_path / "set", kind, "train", labels=False)
    target = Pictures(kind=kind, path=Path("set"), size=(32, 32))
    assert len(unlabelled(target, tmp_path)) == count
    with pytest.raises(FileNotFoundError, match=r"no label|no manifest\.json"):
        labelled(Labelled(kind=kind, path=Path("set"), size=(32, 32)), tmp_path, CITYSCAPES19)


def folder(root: Path) -> Path:
    for name in ("a.png", "deep/b.jpg", "c.png"):
        write(root / "photos" / name, np.zeros((4, 6, 3), np.uint8))
    return Path("photos")


def test_any_folder_of_pictures_will_do_and_parts_of_it(tmp_path: Path) -> None:
    path = folder(tmp_path)

    def names(**more: int) -> list[str]:
        found = unlabelled(Pictures(kind="pictures", path=path, size=(32, 32), **more), tmp_path)
        return [one.name for one in found]

    assert names() == ["a.png", "c.png", "b.jpg"]
    assert names(skip=1, limit=1) == ["c.png"]
    with pytest.raises(ValueError, match=r"skip=3 leaves none of the 3 samples in .*photos: lower it"):
        names(skip=3)
    with pytest.raises(FileNotFoundError, match="does not exist: expected a folder of pictures"):
        unlabelled(Pictures(kind="pictures", path=Path("nowhere"), size=(32, 32)), tmp_path)


def test_names_tell_the_set_and_the_picture(tmp_path: Path) -> None:
    one = Pictures(kind="pictures", path=folder(tmp_path), size=(32, 32))
    names = [picture_name(image, one, tmp_path) for image in unlabelled(one, tmp_path)]
    assert names == ["pictures/photos/a.png", "pictures/photos/c.png", "pictures/photos/deep/b.jpg"]
