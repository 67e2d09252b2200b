# SPDX-License-Identifier: Apache-2.0
"""Masks of pictures."""

import json
import os
import struct

import cv2
import numpy as np
import pytest
from recordings import half_red

from samseg_ros.bags.label import label
from samseg_ros.bags.pictures import read_picture, read_thermal_picture
from samseg_ros.errors import UserError
from samseg_ros.images import decode_compressed_thermal

pytest.importorskip("onnxruntime")


@pytest.fixture
def bundle(red_bundle, tmp_path_factory) -> str:
    return str(red_bundle(tmp_path_factory.mktemp("bundle") / "red").path)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, size in (("a.png", (32, 64)), ("b.bmp", (64, 128))):
        cv2.imwrite(str(folder / name), half_red(*size))
    return folder


def test_a_folder_becomes_a_folder_of_masks(pictures, tmp_path, bundle):
    (pictures / "readme.txt").write_text("not a picture")
    summary = label(pictures, tmp_path / "out", bundle, runtime="onnxruntime")
    assert (summary["frames"], summary["skipped"]) == (2, 0)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "labels.json"]
    for name, (height, width) in (("a", (32, 64)), ("b", (64, 128))):
        mask = cv2.imread(str(tmp_path / "out" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert mask.dtype == np.uint8 and mask.shape == (height, width)
        assert np.all(mask[:, : width // 2] == 0) and np.all(mask[:, width // 2 :] == 8)
    document = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert document["classes"][0]["name"] == "road"


def test_overlays_of_a_folder(pictures, tmp_path, bundle):
    label(pictures, tmp_path / "out", bundle, overlay=True)
    overlay = cv2.imread(str(tmp_path / "out" / "overlay" / "b.jpg"))
    assert overlay.shape == (64, 128, 3)
    assert overlay[32, 96, 2] > overlay[32, 32, 2] + 80


def test_one_picture_becomes_one_mask(pictures, tmp_path, bundle):
    label(pictures / "a.png", tmp_path / "mask.png", bundle, overlay=True)
    assert cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED).shape == (32, 64)
    assert (tmp_path / "mask_overlay.jpg").is_file()
    label(pictures / "a.png", tmp_path / "masks", bundle)
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["a.png", "labels.json"]


def test_unreadable_pictures_are_skipped_and_named(pictures, tmp_path, bundle):
    for name in ("broken", "worse"):
        (pictures / f"{name}.jpg").write_bytes(b"\xff\xd8 no jpeg")
    summary = label(pictures, tmp_path / "out", bundle)
    assert (summary["frames"], summary["skipped"]) == (2, 2)
    assert set(summary["reasons"]) == {"broken", "worse"}
    assert "broken.jpg cannot be read" in summary["reasons"]["broken"]


def test_what_opencv_would_fill_up_or_not_take_is_refused(pictures, monkeypatch):
    cv2.imwrite(str(pictures / "cut.jpg"), np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    whole = (pictures / "cut.jpg").read_bytes()
    assert read_picture(pictures / "cut.jpg").shape == (64, 64, 3)
    (pictures / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    for read in (read_picture, read_thermal_picture):
        with pytest.raises(UserError, match=r"cut\.jpg is a JPEG that was cut off"):
            read(pictures / "cut.jpg")

    cv2.imwrite(str(pictures / "heat.png"), np.full((4, 6), 30_000, np.uint16))
    assert read_thermal_picture(pictures / "heat.png")[0, 0] == 30_000
    with pytest.raises(UserError, match=r"heat\.png is a grey PNG of 16 bits"):
        read_picture(pictures / "heat.png")

    def too_large(data, flags):
        raise cv2.error("pixels <= CV_IO_MAX_IMAGE_PIXELS")

    monkeypatch.setattr(cv2, "imdecode", too_large)
    with pytest.raises(UserError, match=r"a\.png cannot be read as a picture"):
        read_picture(pictures / "a.png")


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("nothing -> out", "holds no pictures"),
        ("unreadable -> out", "none of the 1 pictures"),
        ("twins -> out", "a.png have one stem, a; rename one of them"),
        ("in/a.png -> mask.jpg", "is no PNG name"),
        ("unreadable/x.png -> mask.png", "cannot be read as a picture"),
        ("in -> in", "exists already"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(pictures, tmp_path, bundle, names, sentence):
    source, out = names.split(" -> ")
    for name in ("nothing", "unreadable", "twins"):
        (tmp_path / name).mkdir()
    (tmp_path / "unreadable" / "x.png").write_bytes(b"no png")
    for name in ("a.png", "a.jpg"):
        cv2.imwrite(str(tmp_path / "twins" / name), half_red())
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(UserError, match=sentence):
        label(tmp_path / source, tmp_path / out, bundle)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def turned(image: np.ndarray) -> bytes:
    """A JPEG that says that it is upside down."""
    data = cv2.imencode(".jpg", image)[1].tobytes()
    tag = struct.pack(">HHIHH", 0x0112, 3, 1, 3, 0)  # orientation, one short: 3
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + tag + struct.pack(">I", 0)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def test_both_pictures_of_a_pair_are_turned_as_they_say(tmp_path):
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))
    for name in ("rgb.jpg", "thermal.jpg"):
        (tmp_path / name).write_bytes(turned(ramp))
    rgb, thermal = read_picture(tmp_path / "rgb.jpg"), read_thermal_picture(tmp_path / "thermal.jpg")
    assert rgb[0, 0, 0] > 200 and rgb[0, -1, 0] < 50
    np.testing.assert_array_equal(thermal, rgb[..., 0])
    np.testing.assert_array_equal(decode_compressed_thermal(turned(ramp)), thermal)


def test_a_name_that_is_no_utf_8_keeps_its_bytes(pictures, tmp_path, bundle):
    (pictures / "b.bmp").rename(pictures / os.fsdecode(b"stra\xdfe.bmp"))
    assert label(pictures, tmp_path / "out", bundle, runtime="onnxruntime")["frames"] == 2
    assert os.fsencode(b"stra\xdfe.png") in os.listdir(os.fsencode(tmp_path / "out"))


def test_a_hint_where_pictures_look_like_no_panoramas(pictures, tmp_path, red_bundle, caplog):
    cv2.imwrite(str(pictures / "c.png"), half_red(48, 64))
    panorama = str(red_bundle(tmp_path / "panorama", task="panorama").path)
    label(pictures, tmp_path / "out", panorama, runtime="onnxruntime")
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith("pictures of 64x48 look like no 360° panoramas") and "street_b0_camera" in said
    caplog.clear()
    label(pictures, tmp_path / "told", panorama, runtime="onnxruntime", vertical_fov=90.0)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
