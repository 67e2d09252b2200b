# SPDX-License-Identifier: Apache-2.0
"""Each reader of adaptation between domains on a small tree in the official layout."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from recordings import grey_png

from samseg_ros.labels import CITYSCAPES19, UNLABELED
from training.data import acdc, gta5, synthia
from training.data.sample import read, read_label

# Cityscapes' ids of its 19 classes, in the order of their train ids.
IDS = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def picture(path: Path, size: tuple[int, int] = (2, 35)) -> None:
    write(path, np.full((*size, 3), 90, np.uint8))


def rows(values: list[int], height: int = 2) -> np.ndarray:
    return np.tile(np.array(values, np.uint8), (height, 1))


def paletted(path: Path, ids: np.ndarray, bits: int = 8) -> None:
    """Black is the colour of several ids, so that colours do not tell ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    palette = np.random.default_rng(0).integers(0, 256, (2**bits, 3), np.uint8)
    palette[: min(7, len(palette) - 1)] = 0
    made = Image.fromarray(ids).convert("L")
    indexed = Image.new("P", made.size)
    indexed.frombytes(made.tobytes())
    indexed.putpalette(palette.tobytes())
    indexed.save(path, bits=bits)


def test_gta5_labels_are_indices_of_a_palette(tmp_path: Path) -> None:
    picture(tmp_path / "images/00001.png")
    paletted(tmp_path / "labels/00001.png", rows(list(range(35))))
    (found,) = gta5.samples(tmp_path, CITYSCAPES19)
    image, label = read(found)
    assert image.shape == (2, 35, 3) and label.dtype == np.uint8
    expected = [IDS.index(id_) if id_ in IDS else UNLABELED for id_ in range(35)]
    assert label.tolist() == [expected, expected]
    np.testing.assert_array_equal(read_label(found), label)
    assert gta5.pictures(tmp_path) == [found.image]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_grey_bits_are_ids_and_no_shades(tmp_path: Path, bits: int) -> None:
    picture(tmp_path / "images/1.png", (2, 16))
    ids = np.resize(np.arange(2**bits, dtype=np.uint8), 16)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/1.png").write_bytes(grey_png(rows(list(ids)), bits))
    label = read(gta5.samples(tmp_path, CITYSCAPES19)[0])[1]
    assert label[0].tolist() == [IDS.index(id_) if id_ in IDS else UNLABELED for id_ in ids]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_small_palettes_are_read_too(tmp_path: Path, bits: int) -> None:
    picture(tmp_path / "images/1.png", (2, 16))
    ids = [0, 1] if bits == 1 else [0, 1, 2, 3] if bits == 2 else list(range(16))
    paletted(tmp_path / "labels/1.png", rows(list(np.resize(ids, 16))), bits)
    label = read(gta5.samples(tmp_path, CITYSCAPES19)[0])[1]
    assert label[0].tolist() == [IDS.index(id_) if id_ in IDS else UNLABELED for id_ in np.resize(ids, 16)]


def test_gta5_labels_may_be_gray_or_converted(tmp_path: Path) -> None:
    for stem in ("1", "2"):
        picture(tmp_path / f"images/{stem}.png", (2, 4))
        write(tmp_path / f"labels/{stem}_labelTrainIds.png", rows([0, 18, 255, 13]))
    write(tmp_path / "labels/2.png", rows([7, 8, 0, 34]))
    converted, raw = gta5.samples(tmp_path, CITYSCAPES19)
    assert read(converted)[1][0].tolist() == [0, 18, 255, 13]
    assert read(raw)[1][0].tolist() == [0, 1, 255, 255]


def test_gta5_labels_of_another_size_are_stretched(tmp_path: Path) -> None:
    picture(tmp_path / "images/15188.png", (4, 6))
    paletted(tmp_path / "labels/15188.png", np.array([[7, 7, 8], [11, 11, 26]], np.uint8))
    (found,) = gta5.samples(tmp_path, CITYSCAPES19)
    upper, lower = [0, 0, 0, 0, 1, 1], [2, 2, 2, 2, 13, 13]
    assert read(found)[1].tolist() == [upper, upper, lower, lower]
    assert read_label(found).tolist() == [[0, 0, 1], [2, 2, 13]]


def test_synthia_labels_are_in_the_red_channel(tmp_path: Path) -> None:
    picture(tmp_path / "RGB/0000000.png", (2, 24))
    coded = np.full((2, 24, 3), 999, np.uint16)
    coded[..., 2] = [*range(23), 255]
    write(tmp_path / "GT/LABELS/0000000.png", coded)
    (found,) = synthia.samples(tmp_path, CITYSCAPES19)
    classes = {3: 0, 4: 1, 2: 2, 21: 3, 5: 4, 7: 5, 15: 6, 9: 7, 6: 8, 16: 9, 1: 10, 10: 11, 17: 12}
    classes |= {8: 13, 18: 14, 19: 15, 20: 16, 12: 17, 11: 18}
    label = read(found)[1]
    assert label.dtype == np.uint8
    assert label[0].tolist() == [classes.get(id_, UNLABELED) for id_ in [*range(23), 255]]
    coded[0, 0, 2] = 256
    write(found.label, coded)
    with pytest.raises(ValueError, match="holds id 256: this layout has ids 0 to 22 and 255"):
        read(found)
    write(found.label, np.zeros((2, 24, 3), np.uint8))
    with pytest.raises(ValueError, match="3 channels of uint8: expected a colour picture of 16 bits"):
        read_label(found)
    write(found.label, coded[:1])
    with pytest.raises(ValueError, match=r"holds id 256"):
        read(found)
    coded[0, 0, 2] = 0
    write(found.label, coded[:1])
    with pytest.raises(ValueError, match=r"is 24x2 but its label .* is 24x1"):
        read(found)


def acdc_frame(root: Path, condition: str, split: str = "train", drive: str = "GOPR0475") -> Path:
    """Writes a picture; its label's path without what comes after _gt."""
    frame = f"{drive}/{drive}_frame_000041"
    picture(root / f"rgb_anon/{condition}/{split}/{frame}_rgb_anon.png", (2, 4))
    return root / f"gt/{condition}/{split}/{frame}_gt"


def test_acdc_has_four_conditions(tmp_path: Path) -> None:
    for condition in acdc.CONDITIONS:
        acdc_frame(tmp_path, condition, "test")
        stem = acdc_frame(tmp_path, condition)
        if condition != "night":
            write(stem.with_name(f"{stem.name}_labelIds.png"), rows([7, 33, 0, 23]))
        write(stem.with_name(f"{stem.name}_labelTrainIds.png"), rows([1, 18, 255, 10]))
    found = acdc.samples(tmp_path, "train", CITYSCAPES19)
    assert [one.image.parts[-4] for one in found] == ["fog", "night", "rain", "snow"]
    assert [read(one)[1][0].tolist() for one in found[:2]] == [[0, 18, 255, 10], [1, 18, 255, 10]]
    assert len(acdc.pictures(tmp_path, "test")) == 4
    with pytest.raises(FileNotFoundError, match=r"_rgb_anon\.png has no label .*test.*_gt_labelIds\.png"):
        acdc.samples(tmp_path, "test", CITYSCAPES19)


def test_missing_labels_are_named_and_pictures_do_without(tmp_path: Path) -> None:
    picture(tmp_path / "images/1.png")
    picture(tmp_path / "RGB/1.png")
    with pytest.raises(FileNotFoundError, match=r"1\.png has no label .*labels/1\.png"):
        gta5.samples(tmp_path, CITYSCAPES19)
    with pytest.raises(FileNotFoundError, match=r"1\.png has no label .*GT/LABELS/1\.png"):
        synthia.samples(tmp_path, CITYSCAPES19)
    assert len(gta5.pictures(tmp_path)) == len(synthia.pictures(tmp_path)) == 1


def test_wrong_layouts_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist: expected the official layout of GTA5"):
        gta5.samples(tmp_path, CITYSCAPES19)
    with pytest.raises(FileNotFoundError, match="does not exist: expected the official layout of SYNTHIA"):
        synthia.samples(tmp_path, CITYSCAPES19)
    acdc_frame(tmp_path, "fog")
    with pytest.raises(
        FileNotFoundError, match="night/train has no folders of drives: expected the official"
    ):
        acdc.pictures(tmp_path, "train")


def test_bad_palettes_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "images/1.png", (64, 64))
    label = tmp_path / "labels/1.png"
    paletted(label, np.random.default_rng(0).integers(0, 36, (64, 64), np.uint8).clip(35))
    (found,) = gta5.samples(tmp_path, CITYSCAPES19)
    with pytest.raises(ValueError, match="holds id 35: this layout has ids 0 to 34 and 255"):
        read(found)
    paletted(label, np.random.default_rng(0).integers(0, 34, (64, 64), np.uint8))
    whole = label.read_bytes()
    for damaged in (whole[:60], whole[:-600], whole[:1000] + bytes(500) + whole[1500:]):
        label.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"Cannot decode the label picture .*labels/1\.png"):
            read(found)
