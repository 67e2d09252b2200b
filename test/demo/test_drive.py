# SPDX-License-Identifier: Apache-2.0
"""The drive of a demonstration, taken from a bag or rendered."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import (
    PERIOD,
    START,
    STRING,
    compressed_message,
    half_red,
    image_message,
    messages,
    write_recording,
)

from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, TYPES
from samseg_ros.bags.write import channel, new_bag
from samseg_ros.demo import drive as drives
from samseg_ros.errors import UserError


def test_the_readable_images_of_one_topic_are_taken_as_they_are(tmp_path):
    source = write_recording(tmp_path / "in", frames=5, malformed=(1,))
    drive = drives.take(tmp_path, source, "/front", 80)
    assert (drive.frames, drive.topic, drive.compressed, drive.truth) == (4, "/front", False, None)
    assert drive.hz == pytest.approx(3 / 0.4)
    original = [m for m in messages(source, {"/front"}) if m.time != START + PERIOD + 1]
    assert messages(drive.bag) == original
    frames = list(drive.play())
    assert [frame.stamp[1] for frame in frames] == [0, 2 * PERIOD, 3 * PERIOD, 4 * PERIOD]
    np.testing.assert_array_equal(frames[0].image, half_red())


def test_frames_at_most(tmp_path):
    source = write_recording(tmp_path / "in", frames=5)
    drive = drives.take(tmp_path, source, "/rear/compressed", 2)
    assert (drive.frames, drive.compressed) == (2, True)
    assert drive.hz == pytest.approx(10)


def test_frames_with_one_stamp_are_told_apart_by_their_log_times(tmp_path):
    with new_bag(tmp_path / "in") as bag:
        for i in range(3):
            bag.write_message(channel("/c", IMAGE), START + i, image_message(half_red(), 0))
    frames = list(drives.take(tmp_path, tmp_path / "in", None, 80).play())
    assert [frame.stamp for frame in frames] == [(0, 0), divmod(START + 1, 10**9), divmod(START + 2, 10**9)]


def test_what_cannot_be_taken_is_said_in_one_sentence(tmp_path):
    source = write_recording(tmp_path / "in")
    with new_bag(tmp_path / "text") as bag:
        bag.write_message(channel("/note", STRING), 1, TYPES.types[STRING](data="only text"))
    with new_bag(tmp_path / "broken") as bag:
        message = compressed_message(half_red(), START)
        message.data = message.data[:20]
        bag.write_message(channel("/c", COMPRESSED_IMAGE), 1, message)
    for path, topic, sentence in (
        (tmp_path / "missing", None, "does not exist"),
        (source, None, "several image topics; choose with --topic: /front, /rear/compressed"),
        (source, "/left", "no images on '/left'; choose from"),
        (tmp_path / "text", None, "holds no images"),
        (tmp_path / "broken", None, "no readable image on '/c'"),
    ):
        with pytest.raises(UserError, match=sentence):
            drives.take(tmp_path, path, topic, 80)
        assert not (tmp_path / "drive").exists()


def test_a_rendered_drive_has_its_parts_in_order_and_its_truth_beside_it(tmp_path):
    asked = {}

    def run(programs, tick):
        for name, words in programs.items():
            settings = dict(word.removeprefix("--").split("=") for word in words[3:])
            asked[name] = settings
            for kind, value in (("rgb", 100), ("label", 3)):
                folder = Path(settings["out"]) / kind
                folder.mkdir(parents=True)
                for i in range(int(settings["frames"])):
                    shape = (8, 16, 3) if kind == "rgb" else (8, 16)
                    seed = int(settings["seed"])
                    cv2.imwrite(str(folder / f"{i:06d}.png"), np.full(shape, value + seed, np.uint8))
            tick()

    drive = drives.render(tmp_path, "panorama", (8, 16), 10, seed=0, run=run)
    assert [settings["frames"] for settings in asked.values()] == ["2", "3", "2", "3"]
    assert {settings["size"] for settings in asked.values()} == {"8x16"}
    assert {settings["camera"] for settings in asked.values()} == {"erp"}
    frames = list(drive.play())
    parts = [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [100 + part for part in parts]
    assert [int(frame.truth[0, 0]) for frame in frames] == [3 + part for part in parts]
    assert [frame.time - frames[0].time for frame in frames] == [i * PERIOD for i in range(10)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drive", "truth"]


def test_without_a_checkout_a_bag_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(drives, "CHECKOUT", tmp_path)
    with pytest.raises(UserError, match="source checkout only; give a bag with --bag"):
        drives.render(tmp_path, "panorama", (8, 16), 10, seed=0, run=lambda programs, tick: None)
