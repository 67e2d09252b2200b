# SPDX-License-Identifier: Apache-2.0
"""Each reader of pairs of RGB and thermal pictures on a small tree in the official layout."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from samseg_ros.labels import FMB14, FMB15, MFNET9, PST900_5, STREET11, UNLABELED
from training.data import fmb, mfnet, msrs, pst900, thermal
from training.data.memory import Memory
from training.data.sample import read

SIZE = (24, 32)


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def colour(path: Path, level: int = 90) -> None:
    write(path, np.full((*SIZE, 3), level, np.uint8))


def label(path: Path, ids: list[int]) -> None:
    write(path, np.tile(np.resize(np.array(ids, np.uint8), SIZE[1]), (SIZE[0], 1)))


def ramp(dtype: type = np.uint8, low: int = 40, high: int = 220) -> np.ndarray:
    """Warmer to the right."""
    return np.tile(np.linspace(low, high, SIZE[1]).astype(dtype), (SIZE[0], 1))


def with_thermal(sample) -> np.ndarray:
    return Memory(with_thermal=True).read(sample)[0]


def ids_of(sample, count: int) -> list[int]:
    return read(sample)[1][0, :count].tolist()


@pytest.fixture
def four_channels(tmp_path: Path) -> Path:
    for i, name in enumerate(("00001D", "00002N", "00003N")):
        both = np.dstack([np.full((*SIZE, 3), 60 + i, np.uint8), ramp()])
        write(tmp_path / f"images/{name}.png", both)
        label(tmp_path / f"labels/{name}.png", [*range(9), 255])
    (tmp_path / "train.txt").write_text("00003N\n00001D labels/00001D.png\n\n")
    (tmp_path / "val.txt").write_text("00002N\n")
    return tmp_path


def test_mfnet_has_thermal_in_the_fourth_channel(four_channels: Path) -> None:
    found = mfnet.samples(four_channels, "train", MFNET9)
    assert [one.image.stem for one in found] == ["00003N", "00001D"]
    picture = with_thermal(found[0])
    assert picture.shape == (*SIZE, 4) and (picture[..., :3] == 62).all()
    warmth = picture[..., 3].astype(int)
    assert (np.diff(warmth[0]) >= 0).all() and warmth[0, 0] < 10 and warmth[0, -1] > 245
    assert ids_of(found[0], 10) == [*range(9), UNLABELED]
    assert [one.image.stem for one in mfnet.samples(four_channels, "val", MFNET9)] == ["00002N"]


def test_mfnet_reads_as_street11_what_both_know(four_channels: Path) -> None:
    known = {1: "car", 2: "person", 3: "bicycle"}
    expected = [STREET11.names.index(known[i]) if i in known else UNLABELED for i in range(9)]
    assert ids_of(mfnet.samples(four_channels, "train", STREET11)[0], 9) == expected


@pytest.mark.parametrize("rgb", ["rgb", "img"])
def test_mfnet_split_into_folders_gives_the_same(four_channels: Path, tmp_path: Path, rgb: str) -> None:
    before = with_thermal(mfnet.samples(four_channels, "val", MFNET9)[0])
    both = cv2.imread(str(tmp_path / "images/00002N.png"), cv2.IMREAD_UNCHANGED)
    (tmp_path / "images").rename(tmp_path / "whole")
    write(tmp_path / rgb / "00002N.png", both[..., :3])
    write(tmp_path / "ther/00002N.png", cv2.cvtColor(both[..., 3], cv2.COLOR_GRAY2BGR))  # grey as colour
    np.testing.assert_array_equal(with_thermal(mfnet.samples(tmp_path, "val", MFNET9)[0]), before)


def test_mfnet_without_its_parts_is_refused(four_channels: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"test\.txt does not exist: expected the layout of MFNet"):
        mfnet.samples(four_channels, "test", MFNET9)
    (four_channels / "val.txt").write_text("00009N\n")
    with pytest.raises(FileNotFoundError, match=r"val\.txt lists 00009N, but there is no .*00009N\.png"):
        mfnet.samples(four_channels, "val", MFNET9)
    (four_channels / "val.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"val\.txt names no pictures"):
        mfnet.samples(four_channels, "val", MFNET9)
    colour(four_channels / "images/00001D.png")
    with pytest.raises(ValueError, match=r"00001D\.png is uint8 \[24, 32, 3\]: expected .* four channels"):
        with_thermal(mfnet.samples(four_channels, "train", MFNET9)[1])
    (four_channels / "images").rename(four_channels / "img")
    with pytest.raises(FileNotFoundError, match=r"00003N\.png has no thermal picture .*ther"):
        mfnet.samples(four_channels, "train", MFNET9)
    (four_channels / "img").rename(four_channels / "pictures")
    with pytest.raises(FileNotFoundError, match="neither images/ nor rgb/: expected the layout of MFNet"):
        mfnet.samples(four_channels, "train", MFNET9)


@pytest.fixture
def underground(tmp_path: Path) -> Path:
    """A frame of PST900 with a hole in thermal, wider than those that are filled in 8 bits of any camera."""
    name = "31_bag1a_rect_rgb_frame0000000007.png"
    for split in ("train", "test"):
        colour(tmp_path / split / "rgb" / name)
        label(tmp_path / split / "labels" / name, [0, 1, 2, 3, 4])
        for folder, picture in (("thermal", ramp()), ("thermal_raw", ramp(np.uint16, 22000, 24000))):
            picture[4:20, 10:22] = 0
            write(tmp_path / split / folder / name, picture)
    return tmp_path


@pytest.mark.parametrize("folder", ["thermal", "thermal_raw"])
def test_pst900_has_its_holes_filled(underground: Path, folder: pst900.ThermalFolder) -> None:
    (found,) = pst900.samples(underground, "train", PST900_5, folder)
    assert found.thermal is not None and found.thermal.parent.name == folder
    warmth = with_thermal(found)[..., 3].astype(int)
    assert np.abs(warmth[4:20, 10:22] - warmth[0, 10:22]).max() < 40  # the ramp goes on, nearly
    plain = thermal.read(underground / "train/thermal" / found.image.name)
    assert (plain[4:20, 10:22] == 0).all()


def test_pst900_numbers_classes_as_the_dataset_does(underground: Path) -> None:
    assert PST900_5.names == ("background", "fire extinguisher", "backpack", "hand drill", "survivor")
    assert ids_of(pst900.samples(underground, "test", PST900_5)[0], 5) == [0, 1, 2, 3, 4]


def test_pictures_without_holes_and_holes_without_pictures_stay_as_they_are() -> None:
    whole, nothing = ramp(np.uint16, 22000, 24000), np.zeros(SIZE, np.uint8)
    np.testing.assert_array_equal(thermal.fill_holes(whole), whole)
    np.testing.assert_array_equal(thermal.fill_holes(nothing), nothing)


def test_fmb_with_and_without_its_background(tmp_path: Path) -> None:
    colour(tmp_path / "test/Visible/00001.png")
    write(tmp_path / "test/Infrared/00001.png", ramp())
    label(tmp_path / "test/Label/00001.png", [*range(15), 255])
    (fourteen,) = fmb.samples(tmp_path, "test", FMB14)
    (fifteen,) = fmb.samples(tmp_path, "test", FMB15)
    assert ids_of(fourteen, 16) == [UNLABELED, *range(14), UNLABELED]
    assert ids_of(fifteen, 16) == [*range(15), UNLABELED]
    assert FMB15.names == ("background", *FMB14.names)
    assert with_thermal(fifteen).shape == (*SIZE, 4)
    label(tmp_path / "test/Label/00001.png", [15])
    with pytest.raises(ValueError, match="holds id 15: this layout has ids 0 to 14 and 255"):
        read(fifteen)


def test_msrs_with_labels_and_without(tmp_path: Path) -> None:
    for name in ("00004N", "00055D"):
        colour(tmp_path / f"train/vi/{name}.png")
        write(tmp_path / f"train/ir/{name}.png", ramp())
        label(tmp_path / f"train/Segmentation_labels/{name}.png", list(range(9)))
        colour(tmp_path / f"passed_on/visible/{name}.jpg")
        write(tmp_path / f"passed_on/thermal/{name}.png", ramp())
    found = msrs.samples(tmp_path, "train", MFNET9)
    assert [one.image.stem for one in found] == ["00004N", "00055D"]
    assert ids_of(found[0], 9) == list(range(9)) and with_thermal(found[0]).shape == (*SIZE, 4)
    named = [(rgb.name, warm.name) for rgb, warm in msrs.pairs(tmp_path / "passed_on")]
    assert named == [("00004N.jpg", "00004N.png"), ("00055D.jpg", "00055D.png")]
    assert msrs.pairs(tmp_path / "train") == [(one.image, one.thermal) for one in found]
    (tmp_path / "passed_on/thermal/00055D.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"00055D\.jpg has no thermal picture .*00055D\.png"):
        msrs.pairs(tmp_path / "passed_on")
    (tmp_path / "train/Segmentation_labels/00004N.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"00004N\.png has no label .*Segmentation_labels"):
        msrs.samples(tmp_path, "train", MFNET9)


def test_pairs_with_labels_of_their_own(tmp_path: Path) -> None:
    for name in ("00004N", "00055D"):
        colour(tmp_path / f"visible/{name}.jpg")
        write(tmp_path / f"thermal/{name}.png", ramp())
    label(tmp_path / "weak/00055D.png", [*range(11), 255])
    (found,) = msrs.labelled_pairs(tmp_path, tmp_path / "weak", STREET11)
    assert found.image.stem == "00055D" and found.thermal == tmp_path / "thermal/00055D.png"
    assert sorted(set(read(found)[1].ravel())) == [*range(11), 255]
    label(tmp_path / "weak/00007D.png", [0])
    with pytest.raises(FileNotFoundError, match=r"00007D\.png belongs to no pair"):
        msrs.labelled_pairs(tmp_path, tmp_path / "weak", STREET11)
    with pytest.raises(FileNotFoundError, match="weak_labels"):
        msrs.labelled_pairs(tmp_path, tmp_path / "nowhere", STREET11)


@pytest.mark.parametrize(
    ("reader", "target", "name"), [(pst900, PST900_5, "PST900"), (fmb, FMB14, "FMB"), (msrs, MFNET9, "MSRS")]
)
def test_there_is_no_split_to_choose_by(tmp_path: Path, reader, target, name: str) -> None:
    with pytest.raises(
        FileNotFoundError, match=rf"expected the official layout of {name}.* \(it has no val\)"
    ):
        reader.samples(tmp_path, "val", target)


def test_both_kinds_of_thermal_may_be_read_in_one_run(underground: Path) -> None:
    memory = Memory(with_thermal=True)
    agc, raw = (
        memory.read(pst900.samples(underground, "train", PST900_5, folder)[0])[0][..., 3]
        for folder in ("thermal", "thermal_raw")
    )
    assert (agc != raw).any()
