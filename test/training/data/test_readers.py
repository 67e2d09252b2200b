# SPDX-License-Identifier: Apache-2.0
"""Each reader on a small tree in the official layout."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from samseg_ros.labels import STREET11, UNLABELED
from training.data import camvid, cityscapes, kitti, world
from training.data.sample import read


def picture(path: Path, value: int = 90, size: tuple[int, int] = (6, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*size, 3), value, np.uint8))


def label(path: Path, ids: list[int], size: tuple[int, int] = (6, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = np.resize(np.array(ids, np.uint8), size[1])
    assert cv2.imwrite(str(path), np.broadcast_to(columns, size).copy())


def target(*names: str | None) -> list[int]:
    return [UNLABELED if name is None else STREET11.names.index(name) for name in names]


def test_camvid_matches_jpeg_and_png_by_stem(tmp_path: Path) -> None:
    picture(tmp_path / "val/a.jpg")
    picture(tmp_path / "val/b.png", 10)
    for stem in "ab":
        label(tmp_path / f"valannot/{stem}.png", [0, 3, 5, 9, 10, 11, 255, 0])
    found = camvid.samples(tmp_path, "val", STREET11)
    assert [one.image.name for one in found] == ["a.jpg", "b.png"]
    image, ids = read(found[1])
    assert image.shape == (6, 8, 3) and int(image[0, 0, 0]) == 10
    assert ids[0].tolist() == target("sky", "road", "vegetation", "person", "bicycle", None, None, "sky")


def test_cityscapes_reads_every_city(tmp_path: Path) -> None:
    for city, frame in (("aachen", "aachen_000000_000019"), ("bochum", "bochum_000000_000313")):
        picture(tmp_path / f"leftImg8bit/train/{city}/{frame}_leftImg8bit.png")
        label(tmp_path / f"gtFine/train/{city}/{frame}_gtFine_labelIds.png", [7, 8, 12, 25, 33, 0, 29, 6])
    found = cityscapes.samples(tmp_path, "train", STREET11)
    assert [one.image.parent.name for one in found] == ["aachen", "bochum"]
    expected = target("road", "sidewalk", "building", "bicycle", "bicycle", None, None, None)
    assert read(found[0])[1][0].tolist() == expected


def test_kitti_has_the_ids_of_cityscapes(tmp_path: Path) -> None:
    picture(tmp_path / "image_2/000000_10.png")
    label(tmp_path / "semantic/000000_10.png", [7, 26, 23, 21, 24, 11, 13, 17])
    expected = target("road", "car", "sky", "vegetation", "person", "building", "fence", "pole")
    assert read(kitti.samples(tmp_path, STREET11)[0])[1][0].tolist() == expected


@pytest.mark.parametrize(("camera", "projection"), [("erp", "equirectangular"), ("pinhole", "pinhole")])
def test_world_knows_its_projection(tmp_path: Path, camera: str, projection: str) -> None:
    picture(tmp_path / "rgb/000000.png")
    label(tmp_path / "label/000000.png", list(range(8)))
    manifest = {"label_set": "street11", "settings": {"camera": camera}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    found = world.samples(tmp_path, STREET11)
    assert [one.projection for one in found] == [projection]
    assert read(found[0])[1][0].tolist() == list(range(8))
    assert found[0].thermal is None
    (tmp_path / "thermal").mkdir()
    (tmp_path / "thermal/000000.png").touch()
    assert world.samples(tmp_path, STREET11)[0].thermal == tmp_path / "thermal/000000.png"


def test_wrong_layouts_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist: expected the SegNet layout"):
        camvid.samples(tmp_path, "train", STREET11)
    with pytest.raises(FileNotFoundError, match="no city folders: expected the official layout"):
        cityscapes.samples(tmp_path, "train", STREET11)
    with pytest.raises(FileNotFoundError, match="expected the official layout of KITTI"):
        kitti.samples(tmp_path, STREET11)
    with pytest.raises(FileNotFoundError, match=r"no manifest\.json"):
        world.samples(tmp_path, STREET11)
    (tmp_path / "manifest.json").write_text('{"label_set": "street11"}')
    with pytest.raises(ValueError, match="does not name its label_set and camera"):
        world.samples(tmp_path, STREET11)


def test_a_missing_label_names_picture_and_label(tmp_path: Path) -> None:
    picture(tmp_path / "train/a.png")
    with pytest.raises(FileNotFoundError, match=r"a\.png has no label .*trainannot"):
        camvid.samples(tmp_path, "train", STREET11)


def test_bad_labels_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "train/a.png")
    label(tmp_path / "trainannot/a.png", [0, 12])
    sample = camvid.samples(tmp_path, "train", STREET11)[0]
    with pytest.raises(ValueError, match="holds id 12: this layout has ids 0 to 11 and 255"):
        read(sample)
    label(tmp_path / "trainannot/a.png", [0], size=(6, 9))
    with pytest.raises(ValueError, match=r"is 8x6 but its label .* is 9x6"):
        read(sample)
    picture(tmp_path / "trainannot/a.png")
    with pytest.raises(ValueError, match="3 channels of uint8: expected one channel of 8-bit ids"):
        read(sample)
    sample.label.write_bytes(b"no picture")
    with pytest.raises(ValueError, match="Cannot decode the label picture"):
        read(sample)
