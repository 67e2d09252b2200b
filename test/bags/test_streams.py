# SPDX-License-Identifier: Apache-2.0
"""Which topic is the RGB camera's and which the thermal camera's."""

import cv2
import numpy as np
import pytest
from recordings import START, STRING, header

from samseg_ros.bags.image_messages import image_message
from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, TYPES, Bag
from samseg_ros.bags.streams import Streams, find_streams
from samseg_ros.bags.write import channel, new_bag
from samseg_ros.errors import UserError

DTYPES = {"bgr8": np.uint8, "mono8": np.uint8, "16UC1": np.uint16, "32FC1": np.float32}


def bag_of(path, **encodings):
    """One image per topic; topics are named with _ for /, encodings with what the message holds."""
    with new_bag(path) as bag:
        bag.write_message(channel("/note", STRING), START, TYPES.types[STRING](data=""))
        for name, encoding in encodings.items():
            topic = "/" + name.replace("__", "/")
            if encoding.startswith("png"):
                pixels = np.zeros((4, 6, 3) if encoding == "png" else (4, 6), np.uint16)
                data = cv2.imencode(".png", pixels)[1].reshape(-1)
                message = TYPES.types[COMPRESSED_IMAGE](header=header(START), format="png", data=data)
                bag.write_message(channel(f"{topic}/compressed", COMPRESSED_IMAGE), START, message)
            else:
                pixels = np.zeros((4, 6, 3) if encoding == "bgr8" else (4, 6), DTYPES[encoding])
                message = image_message(header(START), encoding, pixels)
                bag.write_message(channel(topic, IMAGE), START, message)
    return path


@pytest.mark.parametrize(
    ("encodings", "rgb", "thermal"),
    [
        ({"left": "bgr8", "right": "16UC1"}, "/left", "/right"),
        ({"left": "bgr8", "right": "mono8", "depth": "32FC1", "left__mask": "mono8"}, "/left", "/right"),
        ({"a": "bgr8", "lwir__image_raw": "bgr8"}, "/a", "/lwir/image_raw"),
        ({"a": "bgr8", "gray": "mono8", "thermal": "16UC1"}, "/a", "/thermal"),
        ({"a": "png", "b": "png16"}, "/a/compressed", "/b/compressed"),
        ({"a": "bgr8", "b__ir_0": "mono8", "mirror": "mono8"}, "/a", "/b/ir_0"),
    ],
)
def test_they_are_found_by_name_and_content(tmp_path, encodings, rgb, thermal):
    with Bag(bag_of(tmp_path / "in", **encodings)) as bag:
        assert find_streams(bag) == Streams(rgb, thermal)


def test_raw_and_compressed_of_one_camera_are_one_camera(tmp_path):
    with new_bag(tmp_path / "in") as bag:
        for topic in ("/rgb", "/thermal"):
            pixels = np.zeros((4, 6, 3) if topic == "/rgb" else (4, 6), np.uint8)
            raw = image_message(header(START), "bgr8" if topic == "/rgb" else "mono8", pixels)
            bag.write_message(channel(topic, IMAGE), START, raw)
            data = cv2.imencode(".png", pixels)[1].reshape(-1)
            packed = TYPES.types[COMPRESSED_IMAGE](header=header(START), format="png", data=data)
            bag.write_message(channel(f"{topic}/compressed", COMPRESSED_IMAGE), START, packed)
    with Bag(tmp_path / "in") as bag:
        assert find_streams(bag) == Streams("/rgb", "/thermal")


def test_what_is_given_is_taken_and_the_other_found(tmp_path):
    with Bag(bag_of(tmp_path / "in", a="bgr8", b="bgr8", c="16UC1", d="16UC1")) as bag:
        assert find_streams(bag, rgb="/b", thermal="/c") == Streams("/b", "/c")
        assert find_streams(bag, rgb="/c", needed=("rgb",)) == Streams("/c", None)
        with pytest.raises(UserError, match=r"may be a thermal camera's \(/c, /d\).*--thermal-topic"):
            find_streams(bag, rgb="/a")
    with Bag(bag_of(tmp_path / "gray", a="mono8", b="mono8")) as bag:
        assert find_streams(bag, rgb="/a") == Streams("/a", "/b")


def test_what_cannot_be_found_is_said_in_one_sentence(tmp_path):
    with Bag(bag_of(tmp_path / "two", a="bgr8", b="bgr8", t="16UC1")) as bag:
        for settings, sentence in (
            ({}, r"several topics of .* may be an RGB camera's \(/a, /b\); choose with --rgb-topic\."),
            ({"rgb": "/x"}, "no images on '/x'; choose from: /a, /b, /t"),
            ({"rgb": "/a", "thermal": "/a"}, "cannot be both cameras"),
        ):
            with pytest.raises(UserError, match=sentence):
                find_streams(bag, **settings)
    for encodings, sentence in (
        ({"a": "bgr8"}, r"no topic of .* looks like a thermal camera's"),
        ({}, "holds no images; its topics"),
    ):
        path = bag_of(tmp_path / str(len(encodings)), **encodings)
        with Bag(path) as bag, pytest.raises(UserError, match=sentence):
            find_streams(bag)
