# SPDX-License-Identifier: Apache-2.0
"""Each reader of panoramas on a small tree in the official layout."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from samseg_ros.labels import CITYSCAPES19, DENSEPASS13, STANFORD8, STANFORD13, UNLABELED, WILDPASS8, LabelSet
from training.data import densepass, panorama_pictures, stanford2d3d, wildpass
from training.data.sample import read, read_label

# Instances, as semantic_labels.json lists them; door_1 has the index 258, beyond one channel of 8 bits.
NAMES = ["<UNK>_0_<UNK>_0_0", "beam_1_office_1_1", "chair_1_office_1_1", "chair_2_WC_1_2"]
NAMES += [f"clutter_{number}_office_1_1" for number in range(254)] + ["door_1_office_1_1"]


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def picture(path: Path, size: tuple[int, int] = (4, 8)) -> None:
    write(path, np.full((*size, 3), 90, np.uint8))


def label(path: Path, ids: list[int], size: tuple[int, int] = (4, 8)) -> None:
    write(path, np.broadcast_to(np.resize(np.array(ids, np.uint8), size[1]), size).copy())


def target(labels: LabelSet, *names: str | None) -> list[int]:
    return [UNLABELED if name is None else labels.names.index(name) for name in names]


@pytest.mark.parametrize(("image", "truth"), [("ALL/7_.png", "ALL/7"), ("cs/7.png", "cs/7"), ("7_.png", "7")])
def test_densepass_in_the_layouts_that_go_about(tmp_path: Path, image: str, truth: str) -> None:
    picture(tmp_path / "leftImg8bit/val" / image)
    label(tmp_path / f"gtFine/val/{truth}_labelTrainIds.png", [0, 12, 13, 14, 16, 18, 255, 10])
    (found,) = densepass.samples(tmp_path, "val", CITYSCAPES19)
    assert found.projection == "equirectangular"
    assert read(found)[1][0].tolist() == [0, 12, 13, 14, 16, 18, 255, 10]
    (grouped,) = densepass.samples(tmp_path, "val", DENSEPASS13)
    expected = target(DENSEPASS13, "road", "person", "car", "car", None, "car", None, "sky")
    assert read_label(grouped)[0].tolist() == expected


def test_densepass_has_unlabelled_cities(tmp_path: Path) -> None:
    for name in ("Zurich/1.jpg", "Amsterdam/1.png", "Amsterdam/._1.png"):
        picture(tmp_path / "leftImg8bit/train" / name)
    found = densepass.pictures(tmp_path, "train")
    assert [str(one.relative_to(tmp_path / "leftImg8bit/train")) for one in found] == [
        "Amsterdam/1.png", "Zurich/1.jpg",
    ]  # fmt: skip
    with pytest.raises(FileNotFoundError, match=r"1\.png has no label .*gtFine.*1_labelTrainIds\.png"):
        densepass.samples(tmp_path, "train", CITYSCAPES19)


@pytest.mark.parametrize("folder", ["val/cs", "val"])
def test_wildpass_evaluates_eight_ids(tmp_path: Path, folder: str) -> None:
    picture(tmp_path / "leftImg8bit" / folder / "12.jpg")
    label(tmp_path / "gtFine" / folder / "12.png", [4, 5, 8, 11, 24, 16, 25, 255])
    (found,) = wildpass.samples(tmp_path, "val", WILDPASS8)
    expected = target(WILDPASS8, "car", "truck", "bus", "road", "crosswalk", None, None, None)
    assert read(found)[1][0].tolist() == expected
    (found,) = wildpass.samples(tmp_path, "val", CITYSCAPES19)
    expected = target(CITYSCAPES19, "car", "truck", "bus", "road", None, None, None, None)
    assert read_label(found)[0].tolist() == expected
    assert wildpass.pictures(tmp_path, "val") == [found.image]


@pytest.fixture
def stanford(tmp_path: Path) -> Path:
    """A panorama and a pinhole picture in each area, with a row of all kinds of pixels."""
    write_names(tmp_path / "assets/semantic_labels.json", NAMES)
    coded = np.zeros((2, 7, 3), np.uint8)
    coded[:, :, 0] = [0, 1, 2, 3, 258 & 255, 0x0D, 1]  # blue, the lowest byte
    coded[:, :, 1] = [0, 0, 0, 0, 258 >> 8, 0x0D, 0]
    coded[:, :, 2] = [0, 0, 0, 0, 0, 0x0D, 0]
    seen = np.full((2, 7, 3), 90, np.uint8)
    seen[:, 6] = 0
    for area in stanford2d3d.AREAS:
        for folder, frame in (("pano", "equirectangular"), ("data", "0")):
            stem = f"camera_{area}_office_1_frame_{frame}_domain"
            write(tmp_path / area / folder / f"rgb/{stem}_rgb.png", seen)
            write(tmp_path / area / folder / f"semantic/{stem}_semantic.png", coded)
    return tmp_path


def write_names(path: Path, names: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(names), encoding="utf-8")


def test_stanford_looks_instances_up(stanford: Path) -> None:
    found = stanford2d3d.samples(stanford, "val", STANFORD13)
    assert [one.image.parts[-4] for one in found] == ["area_5a", "area_5b"]
    assert {one.projection for one in found} == {"equirectangular"}
    image, ids = read(found[0])
    assert image.shape == (2, 7, 3) and ids.dtype == np.uint8
    assert ids[0].tolist() == target(STANFORD13, None, "beam", "chair", "chair", "door", None, None)
    np.testing.assert_array_equal(read_label(found[0]), ids)
    ids = read_label(stanford2d3d.samples(stanford, "val", STANFORD8)[0])
    assert ids[0].tolist() == target(STANFORD8, None, None, "chair", "chair", "door", None, None)


def test_stanford_has_pinhole_pictures_too(stanford: Path) -> None:
    found = stanford2d3d.samples(stanford, "train", STANFORD13, "pinhole")
    assert [one.image.parts[-4] for one in found] == ["area_1", "area_2", "area_3", "area_4", "area_6"]
    assert {(one.projection, one.image.parts[-3]) for one in found} == {("pinhole", "data")}
    assert "pano" in stanford2d3d.pictures(stanford, "train")[0].parts


@pytest.mark.parametrize(
    ("fold", "held"),
    [("1", "area_5a area_5b"), ("2", "area_2 area_4"), ("3", "area_1 area_3 area_6")],
)
def test_stanford_folds_part_the_areas(fold: str, held: str) -> None:
    train, val = stanford2d3d.areas(f"train_{fold}"), stanford2d3d.areas(f"val_{fold}")
    assert " ".join(val) == held
    assert sorted(train + val) == sorted(stanford2d3d.areas("all"))


def test_bad_stanford_labels_are_refused(stanford: Path) -> None:
    found = stanford2d3d.samples(stanford, "val", STANFORD13)[0]
    write(found.label, np.full((2, 7, 3), (3, 1, 0), np.uint8))
    with pytest.raises(ValueError, match="holds id 259: this layout has ids 0 to 258 and #0D0D0D"):
        read_label(found)
    write(found.label, np.zeros((2, 8, 3), np.uint8))
    with pytest.raises(ValueError, match=r"is 7x2 but its label .* is 8x2"):
        read(found)
    label(found.label, [0], (2, 7))
    with pytest.raises(ValueError, match="1 channels of uint8: expected a colour picture"):
        read(found)
    found.image.write_bytes(b"no picture")
    with pytest.raises(ValueError, match="Cannot decode the picture"):
        read_label(found)


def test_stanford_needs_the_names_of_instances(stanford: Path) -> None:
    names = stanford / "assets/semantic_labels.json"
    write_names(names, ["stove_1_kitchen_1_1"])
    with pytest.raises(ValueError, match="names stove: expected class_number"):
        stanford2d3d.samples(stanford, "val", STANFORD13)
    write_names(names, 3)
    with pytest.raises(ValueError, match="is no list of names"):
        stanford2d3d.samples(stanford, "val", STANFORD13)
    names.unlink()
    with pytest.raises(FileNotFoundError, match="is missing: copy semantic_labels"):
        stanford2d3d.samples(stanford, "val", STANFORD13)
    write_names(stanford / "semantic_labels.json", NAMES)
    assert len(stanford2d3d.samples(stanford, "val", STANFORD13)) == 2


def test_folders_of_panoramas_are_searched_through(tmp_path: Path) -> None:
    for name in ("b.JPG", "sub/a.png", "sub/.hidden.png"):
        picture(tmp_path / name.lower())
    (tmp_path / "notes.txt").touch()
    found = panorama_pictures.pictures(tmp_path)
    assert [str(one.relative_to(tmp_path)) for one in found] == ["b.jpg", "sub/a.png"]


def test_wrong_layouts_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist: expected the layout of DensePASS"):
        densepass.samples(tmp_path, "val", CITYSCAPES19)
    with pytest.raises(FileNotFoundError, match="does not exist: expected the layout of DensePASS"):
        densepass.pictures(tmp_path, "train")
    with pytest.raises(FileNotFoundError, match="expected the layout of WildPASS"):
        wildpass.samples(tmp_path, "val", WILDPASS8)
    with pytest.raises(FileNotFoundError, match="expected the layout of WildPASS"):
        wildpass.pictures(tmp_path, "train")
    with pytest.raises(FileNotFoundError, match="expected the official layout of Stanford 2D-3D-S, area_5a"):
        stanford2d3d.pictures(tmp_path, "val")
    with pytest.raises(ValueError, match=r"'fold1' is no split .* choose one of: all, train, train_1"):
        stanford2d3d.pictures(tmp_path, "fold1")
    with pytest.raises(FileNotFoundError, match=r"has no \.png or \.jpg pictures: expected a folder of"):
        panorama_pictures.pictures(tmp_path)
