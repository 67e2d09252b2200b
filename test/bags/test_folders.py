# SPDX-License-Identifier: Apache-2.0
"""Bags made from folders of pictures hold what the pictures showed."""

import json

import cv2
import numpy as np
import pytest
from recordings import messages

from samseg_ros import cli
from samseg_ros.bags.folders import Folders, bag_of_folders
from samseg_ros.bags.image_messages import nanoseconds, read_image, read_thermal
from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, Bag, deserialize
from samseg_ros.errors import UserError

SIZES = ((24, 32), (20, 30), (24, 32))  # of a folder's pictures, which need not be of one size


def noise(*shape: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype)


@pytest.fixture
def pairs(tmp_path):
    """Three pairs: RGB as JPEG, PNG and BMP; thermal with 16 bits as PNG and TIFF, with 8 as JPEG."""
    rgb, thermal = tmp_path / "rgb", tmp_path / "thermal"
    rgb.mkdir()
    thermal.mkdir()
    for i, (stem, colour, warm) in enumerate(
        [("f2", "jpg", "png"), ("f9", "png", "tif"), ("f10", "bmp", "jpg")]
    ):
        cv2.imwrite(str(rgb / f"{stem}.{colour}"), noise(*SIZES[i], 3, seed=i))
        dtype = np.uint8 if warm == "jpg" else np.uint16
        cv2.imwrite(str(thermal / f"{stem}.{warm}"), noise(*SIZES[i], dtype=dtype, seed=9 + i))
    (rgb / "readme.txt").write_text("no picture")
    return Folders(rgb=rgb, thermal=thermal)


def shown(folder) -> list[np.ndarray]:
    """The pictures of a folder as stored, in the order of their numbers."""
    paths = sorted((p for p in folder.iterdir() if p.stem[0] == "f"), key=lambda path: int(path.stem[1:]))
    return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["bag", "bag.mcap", "bag.db3"])
def test_pairs_come_back_as_they_were(pairs, tmp_path, name, compressed):
    summary = bag_of_folders(pairs, tmp_path / name, hz=4.0, start=100.5, compressed=compressed)
    tail = "/compressed" if compressed else ""
    rgb_topic, thermal_topic = f"/rgb/image_raw{tail}", f"/thermal/image_raw{tail}"
    assert summary["topics"] == {rgb_topic: 3, thermal_topic: 3}
    assert (summary["frames"], summary["messages"]) == (3, 6)
    with Bag(tmp_path / name) as bag:
        assert {c.msgtype for c in bag.channels} == {COMPRESSED_IMAGE if compressed else IMAGE}
    for topic, read, folder in (
        (rgb_topic, read_image, pairs.rgb),
        (thermal_topic, read_thermal, pairs.thermal),
    ):
        recorded = messages(tmp_path / name, {topic})
        assert [m.time for m in recorded] == [100_500_000_000, 100_750_000_000, 101_000_000_000]
        for message, expected in zip(recorded, shown(folder), strict=True):
            header, pixels = read(message)
            assert nanoseconds(header) == message.time
            assert header.frame_id == topic.split("/")[1]
            assert pixels.dtype == expected.dtype
            np.testing.assert_array_equal(pixels, expected)


def test_encodings_are_those_of_the_pictures(pairs, tmp_path):
    bag_of_folders(pairs, tmp_path / "raw")
    assert [deserialize(m).encoding for m in messages(tmp_path / "raw", {"/thermal/image_raw"})] == [
        "mono16", "mono16", "mono8",
    ]  # fmt: skip
    bag_of_folders(pairs, tmp_path / "compressed", compressed=True)
    forms = [
        [deserialize(m).format for m in messages(tmp_path / "compressed", {f"/{topic}/image_raw/compressed"})]
        for topic in ("rgb", "thermal")
    ]
    assert forms == [
        ["bgr8; jpeg compressed bgr8", "bgr8; png compressed bgr8", "bgr8; png compressed bgr8"],
        ["mono16; png compressed ", "mono16; png compressed ", "mono8; jpeg compressed "],
    ]


def test_files_that_are_compressed_go_byte_for_byte(pairs, tmp_path):
    bag_of_folders(pairs, tmp_path / "bag", compressed=True)
    first, *_ = messages(tmp_path / "bag", {"/rgb/image_raw/compressed"})
    assert bytes(deserialize(first).data) == (pairs.rgb / "f2.jpg").read_bytes()
    first, *_ = messages(tmp_path / "bag", {"/thermal/image_raw/compressed"})
    assert bytes(deserialize(first).data) == (pairs.thermal / "f2.png").read_bytes()


@pytest.mark.parametrize("compressed", [False, True])
def test_thermal_in_the_alpha_channel_has_a_topic_of_its_own(tmp_path, compressed):
    (tmp_path / "in").mkdir()
    both = noise(24, 32, 4)
    cv2.imwrite(str(tmp_path / "in" / "0001D.png"), both)
    folders = Folders(rgbt=tmp_path / "in", rgb_topic="front/rgb/image", thermal_topic="/front/warm/image")
    bag_of_folders(folders, tmp_path / "bag", compressed=compressed)
    rgb, thermal = messages(tmp_path / "bag")
    assert rgb.channel.topic.startswith("/front/rgb/image")
    header, pixels = read_image(rgb)
    assert header.frame_id == "front/rgb"
    np.testing.assert_array_equal(pixels, both[..., :3])
    np.testing.assert_array_equal(read_thermal(thermal)[1], both[..., 3])


def test_float_pictures_are_kelvin_as_they_are_and_cannot_be_compressed(pairs, tmp_path):
    kelvin = noise(24, 32).astype(np.float32) + 273.15
    for path in pairs.thermal.iterdir():
        path.unlink()
    for stem in ("f2", "f9", "f10"):
        cv2.imwrite(str(pairs.thermal / f"{stem}.tiff"), kelvin)
    bag_of_folders(pairs, tmp_path / "bag")
    first, *_ = messages(tmp_path / "bag", {"/thermal/image_raw"})
    assert deserialize(first).encoding == "32FC1"
    np.testing.assert_array_equal(read_thermal(first)[1], kelvin)
    with pytest.raises(UserError, match="float32, which no compressed image can hold; leave --compressed"):
        bag_of_folders(pairs, tmp_path / "compressed", compressed=True)


def test_cameras_beside_each_other_run_side_by_side(pairs, tmp_path, capsys):
    out = tmp_path / "bag"
    words = [
        "--rgb",
        pairs.rgb,
        "--thermal",
        pairs.thermal,
        "--panorama",
        pairs.rgb,
        "--topic",
        "/pano/image",
    ]
    assert cli.main(["bag", str(out), *map(str, words), "--hz", "5", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["topics"] == {"/rgb/image_raw": 3, "/thermal/image_raw": 3, "/pano/image": 3}
    assert [m.time for m in messages(out, {"/pano/image"})] == [
        1_700_000_000_000_000_000 + i * 200_000_000 for i in range(3)
    ]


def missing_partner(pairs):
    (pairs.thermal / "f9.tif").rename(pairs.thermal / "f8.tif")


def twin(pairs):
    (pairs.rgb / "f2.png").write_bytes((pairs.rgb / "f9.png").read_bytes())


def unreadable(pairs):
    (pairs.rgb / "f9.png").write_bytes(b"no picture")


def cut_off(pairs):
    path = pairs.rgb / "f2.jpg"
    path.write_bytes(path.read_bytes()[:-20])


def colourful(pairs):
    (pairs.thermal / "f2.png").write_bytes((pairs.rgb / "f9.png").read_bytes())


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (missing_partner, r"f9.png, .*f8.tif have no partner of the same stem"),
        (twin, "have one stem, .*; rename one of them"),
        (unreadable, "f9.png cannot be read as a picture"),
        (cut_off, "f2.jpg is a JPEG that was cut off"),
        (colourful, "f2.png: the thermal picture is in false colours"),
    ],
)
def test_what_is_wrong_with_the_pictures_is_said_and_leaves_nothing(pairs, tmp_path, harm, sentence):
    harm(pairs)
    with pytest.raises(UserError, match=sentence):
        bag_of_folders(pairs, tmp_path / "bag", compressed=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rgb", "thermal"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "nothing to put in; give --rgb and --thermal"),
        ("--rgb rgb", "--rgb and --thermal go together"),
        ("--rgb rgb --thermal thermal --rgbt rgb", "give it, or --rgb and --thermal"),
        ("--rgbt rgb", "--rgbt takes 8-bit PNGs of 4 channels"),
        ("--image nowhere", "nowhere is no folder"),
        ("--image .", "holds no pictures"),
        ("--image rgb --start -1", "give a --start from 0"),
        ("--image rgb --start 3e9", "before 2038"),
        ("--rgb rgb --thermal thermal --rgb-topic /a --thermal-topic a", "cannot share a topic"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(pairs, tmp_path, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bag", "out", *words.split()]) == 2
    (said,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("samseg: "))
    assert sentence in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rgb", "thermal"]
