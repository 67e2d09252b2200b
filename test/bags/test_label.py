# SPDX-License-Identifier: Apache-2.0
"""Masks beside what a bag held."""

import json
from pathlib import Path

import numpy as np
import pytest
from recordings import (
    PERIOD,
    START,
    STRING,
    compressed_message,
    half_red,
    header,
    image_message,
    messages,
    write_recording,
)
from rosbags.rosbag2 import StoragePlugin

from samseg_ros.bags.label import label
from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, TYPES, Bag, deserialize
from samseg_ros.bags.write import channel, new_bag
from samseg_ros.bundle import BundleError
from samseg_ros.engine import EngineError
from samseg_ros.errors import UserError

pytest.importorskip("onnxruntime")


@pytest.fixture
def bundle(red_bundle, tmp_path) -> str:
    return str(red_bundle(tmp_path / "red_bundle").path)


def run(source: Path, out: Path, bundle: str, **settings):
    return label(source, out, bundle, runtime="onnxruntime", **settings)


def expected_mask(height: int = 32, width: int = 64) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[:, width // 2 :] = 8
    return mask


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_every_message_is_kept_and_every_image_gets_its_mask(tmp_path, bundle, storage):
    source = write_recording(tmp_path / "in", storage=storage)
    summary = run(source, tmp_path / "out", bundle)
    assert (summary["frames"], summary["skipped"]) == (6, 0)
    assert summary["topics"] == {"/front": 3, "/rear/compressed": 3}
    assert summary["bundle"] == "red" and summary["runtime"] == "onnxruntime"
    assert summary["seconds"] > 0 and summary["fps"] > 0

    before, after = messages(source), messages(tmp_path / "out")
    known = {m.channel.topic for m in before}
    assert [m for m in after if m.channel.topic in known] == before
    with Bag(tmp_path / "out") as bag:
        assert bag.storage is storage
        assert {c.topic for c in bag.channels} - known == {
            "/front/mask", "/front/labels", "/rear/compressed/mask", "/rear/compressed/labels",
        }  # fmt: skip

    for topic, offset, stamp_offset in (("/front", 1, 0), ("/rear/compressed", 2, 7)):
        masks = [m for m in after if m.channel.topic == f"{topic}/mask"]
        assert [m.time for m in masks] == [START + i * PERIOD + offset for i in range(3)]
        for i, mask in enumerate(masks):
            content = deserialize(mask)
            stamp = content.header.stamp
            assert stamp.sec * 10**9 + stamp.nanosec == START + i * PERIOD + stamp_offset
            assert content.header.frame_id == "front"
            assert (content.encoding, content.step) == ("mono8", 64)
            np.testing.assert_array_equal(content.data.reshape(32, 64), expected_mask())


def test_the_classes_are_told_once_and_latched(tmp_path, bundle):
    run(write_recording(tmp_path / "in"), tmp_path / "out", bundle)
    (told,) = messages(tmp_path / "out", {"/front/labels"})
    assert told.channel.msgtype == STRING
    assert told.channel.qos[0].durability.name == "TRANSIENT_LOCAL"
    assert told.time == START + 1
    document = json.loads(deserialize(told).data)
    assert document["classes"][8] == {"id": 8, "name": "person", "color": [220, 20, 60]}
    assert document["unlabeled"] == 255


def test_malformed_images_are_counted_and_named_and_stop_nothing(tmp_path, bundle):
    source = write_recording(tmp_path / "in", frames=5, malformed=(1, 2))
    summary = run(source, tmp_path / "out", bundle)
    assert summary["topics"] == {"/front": 3, "/rear/compressed": 5}
    assert (summary["frames"], summary["skipped"]) == (8, 2)
    assert list(summary["reasons"]) == ["/front"]
    assert "sensor_msgs/msg/Image" in summary["reasons"]["/front"]
    known = {"/front", "/rear/compressed", "/note", "/odd"}
    assert messages(tmp_path / "out", known) == messages(source)
    stamps = [m.time for m in messages(tmp_path / "out", {"/front/mask"})]
    assert stamps == [START + i * PERIOD + 1 for i in (0, 3, 4)]


def test_one_topic_alone(tmp_path, bundle):
    summary = run(write_recording(tmp_path / "in"), tmp_path / "out", bundle, topics=["/front"])
    assert summary["topics"] == {"/front": 3}
    assert messages(tmp_path / "out", {"/rear/compressed/mask"}) == []


def test_a_field_of_view_is_for_panoramas(tmp_path, red_bundle):
    camera = str(red_bundle(tmp_path / "camera", task="camera").path)
    with pytest.raises(UserError, match="--vertical-fov is for panoramas"):
        run(write_recording(tmp_path / "in"), tmp_path / "out", camera, vertical_fov=90.0)


def test_overlays_go_beside_the_masks(tmp_path, bundle):
    run(write_recording(tmp_path / "in"), tmp_path / "out", bundle, overlay=True, topics=["/front"])
    overlays = messages(tmp_path / "out", {"/front/overlay/compressed"})
    assert len(overlays) == 3
    assert overlays[0].channel.msgtype == COMPRESSED_IMAGE
    assert deserialize(overlays[0]).header.frame_id == "front"


@pytest.mark.parametrize("name", ["out.mcap", "out.db3"])
def test_an_out_with_a_suffix_is_one_file(tmp_path, bundle, name):
    run(write_recording(tmp_path / "in"), tmp_path / name, bundle)
    assert (tmp_path / name).is_file()
    assert len(messages(tmp_path / name, {"/front/mask"})) == 3


def test_masks_have_the_size_of_their_image(tmp_path, bundle):
    with new_bag(tmp_path / "in") as bag:
        front = channel("/front", IMAGE)
        for i, (height, width) in enumerate(((100, 200), (7, 400))):
            bag.write_message(front, START + i, image_message(half_red(height, width), START + i))
    run(tmp_path / "in", tmp_path / "out", bundle)
    sizes = [(d.height, d.width) for d in map(deserialize, messages(tmp_path / "out", {"/front/mask"}))]
    assert sizes == [(100, 200), (7, 400)]


def refusal(source: Path, out: Path, bundle: str, **settings) -> str:
    """The one sentence with which it is refused; nothing may be left behind."""
    before = sorted(path.name for path in out.parent.iterdir())
    with pytest.raises((UserError, BundleError, EngineError)) as caught:
        run(source, out, bundle, **settings)
    assert sorted(path.name for path in out.parent.iterdir()) == before
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path, bundle):
    source = write_recording(tmp_path / "in")
    out = tmp_path / "out"
    with new_bag(tmp_path / "empty") as bag:
        bag.add(channel("/front", IMAGE))
    with new_bag(tmp_path / "text") as bag:
        bag.write_message(channel("/note", STRING), 1, TYPES.types[STRING](data="only text"))
    (tmp_path / "notes.txt").write_text("no bag")
    assert "does not exist" in refusal(tmp_path / "missing", out, bundle)
    assert "no messages" in refusal(tmp_path / "empty", out, bundle)
    assert "holds no images; its topics: /note" in refusal(tmp_path / "text", out, bundle)
    assert "choose from: /front, /rear/compressed" in refusal(source, out, bundle, topics=["/left"])
    assert "no images on '/note'" in refusal(source, out, bundle, topics=["/note"])
    assert "exists already" in refusal(source, tmp_path / "text", bundle)
    assert "no model bundle 'nowhere'" in refusal(source, out, "nowhere")
    assert "neither a ROS 2 bag nor a picture" in refusal(tmp_path / "notes.txt", out, bundle)
    assert "has no topics" in refusal(tmp_path / "notes.txt", out, bundle, topics=["/front"])
    run(source, tmp_path / "labelled", bundle)
    assert "holds '/front/mask' already" in refusal(tmp_path / "labelled", out, bundle, topics=["/front"])


def test_a_bag_of_which_no_image_can_be_read_is_no_result(tmp_path, bundle):
    with new_bag(tmp_path / "in") as bag:
        depth = image_message(np.zeros((4, 6, 3), np.uint8), START, encoding="32FC1")
        bag.write_message(channel("/depth", IMAGE), 1, depth)
        broken = TYPES.types[COMPRESSED_IMAGE](
            header=header(START), format="jpeg", data=np.arange(50, dtype=np.uint8)
        )
        bag.write_message(channel("/rear/compressed", COMPRESSED_IMAGE), 2, broken)
    sentence = refusal(tmp_path / "in", tmp_path / "out", bundle)
    assert sentence.startswith("none of the 2 images") and "32FC1" in sentence


def test_a_bag_that_breaks_off_half_way_is_no_result(tmp_path, bundle):
    path = write_recording(tmp_path / "in.db3", frames=40)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8192] = bytes(8192)
    path.write_bytes(data)
    assert "is damaged" in refusal(path, tmp_path / "out", bundle)


def test_a_compressed_message_is_read(tmp_path, bundle):
    with new_bag(tmp_path / "in") as bag:
        bag.write_message(channel("/c", COMPRESSED_IMAGE), START, compressed_message(half_red(), START))
    run(tmp_path / "in", tmp_path / "out", bundle)
    (mask,) = messages(tmp_path / "out", {"/c/mask"})
    np.testing.assert_array_equal(deserialize(mask).data.reshape(32, 64), expected_mask())
