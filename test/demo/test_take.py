# SPDX-License-Identifier: Apache-2.0
"""The drive of a demonstration that is taken from a bag."""

import numpy as np
import pytest
from pair_recordings import RGB, SKEW, THERMAL, scene, warmth, write_pairs
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
from samseg_ros.demo import take as drives
from samseg_ros.demo.drive import Stream
from samseg_ros.errors import UserError


def test_the_readable_images_of_one_topic_are_taken_as_they_are(tmp_path):
    source = write_recording(tmp_path / "in", frames=5, malformed=(1,))
    drive = drives.take(tmp_path, source, "/front", 80)
    assert (drive.frames, drive.streams, drive.truth) == (4, (Stream("image", "/front"),), None)
    assert drive.hz == pytest.approx(3 / 0.4)
    original = [m for m in messages(source, {"/front"}) if m.time != START + PERIOD + 1]
    assert messages(drive.bag) == original
    frames = list(drive.play())
    assert [frame.stamp[1] for frame in frames] == [0, 2 * PERIOD, 3 * PERIOD, 4 * PERIOD]
    np.testing.assert_array_equal(frames[0].image, half_red())


def test_frames_at_most(tmp_path):
    source = write_recording(tmp_path / "in", frames=5)
    drive = drives.take(tmp_path, source, "/rear/compressed", 2)
    assert (drive.frames, drive.streams) == (2, (Stream("image", "/rear/compressed", compressed=True),))
    assert (drive.streams[0].image, drive.streams[0].sent_on) == ("/rear", "/rear/compressed")
    assert drive.hz == pytest.approx(10)


def test_of_several_topics_it_is_the_first_camera_that_is_taken(tmp_path, capsys):
    with new_bag(tmp_path / "in") as bag:
        for topic in ("/front/mask", "/front/overlay", "/front", "/rear"):
            bag.write_message(channel(topic, IMAGE), START, image_message(half_red(), START))
        for topic in ("/front/compressed", "/front/overlay/compressed"):
            bag.write_message(channel(topic, COMPRESSED_IMAGE), START, compressed_message(half_red(), START))
    drive = drives.take(tmp_path, tmp_path / "in", None, 80)
    assert drive.streams == (Stream("image", "/front"),)
    said = capsys.readouterr().err
    assert said == f"taking /front; --topic takes another of {tmp_path / 'in'}: /rear\n"


def test_frames_with_one_stamp_are_told_apart_by_their_log_times(tmp_path):
    with new_bag(tmp_path / "in") as bag:
        for i in range(3):
            bag.write_message(channel("/c", IMAGE), START + i, image_message(half_red(), 0))
    frames = list(drives.take(tmp_path, tmp_path / "in", None, 80).play())
    assert [frame.stamp for frame in frames] == [(0, 0), divmod(START + 1, 10**9), divmod(START + 2, 10**9)]


def test_frames_that_were_logged_at_one_time_are_told_apart(tmp_path):
    """As of a recorder that takes its time from a /clock that seldom ticks."""
    with new_bag(tmp_path / "in") as bag:
        for i in range(6):
            stamp = START + i * PERIOD
            bag.write_message(channel("/c", IMAGE), START + i // 3, image_message(half_red(), stamp))
    drive = drives.take(tmp_path / "one", tmp_path / "in", None, 5)
    assert len({frame.sent for frame in drive.play()}) == drive.frames == 5
    pairs = write_pairs(tmp_path / "pairs", 12)
    with new_bag(tmp_path / "coarse") as bag:
        for message in messages(pairs):
            bag.write(message.channel, START + (message.time - START) // (4 * PERIOD) * PERIOD, message.data)
    drive = drives.take_pairs(tmp_path / "two", tmp_path / "coarse", None, None, 10)
    frames = list(drive.play())
    assert len(frames) == drive.frames == 10 and len({sent for frame in frames for sent in frame.sent}) == 20


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
        (source, "/left", "no images on '/left'; choose from"),
        (tmp_path / "text", None, "holds no images"),
        (tmp_path / "broken", None, "no readable image on '/c'"),
    ):
        with pytest.raises(UserError, match=sentence):
            drives.take(tmp_path, path, topic, 80)
        assert not (tmp_path / "drive").exists()


def kinds_and_frames(drive):
    frames = list(drive.play())
    assert [kind for _, kind in drive.kinds()] == [frame.given for frame in frames]
    assert list(drive.stamps()) == [frame.stamp for frame in frames]
    return [frame.given for frame in frames], frames


def test_pairs_are_taken_with_the_stretches_where_one_camera_is_silent(tmp_path):
    source = write_pairs(tmp_path / "in", 24, no_thermal=(3, *range(6, 12)), no_rgb=range(16, 22))
    drive = drives.take_pairs(tmp_path, source, None, None, 20)
    assert drive.streams == (Stream("rgb", RGB), Stream("thermal", THERMAL))
    assert drive.hz == pytest.approx(10, rel=0.1) and drive.silence == pytest.approx(0.25)
    given, frames = kinds_and_frames(drive)
    # Without number 3, which lacks its partner while the thermal camera runs.
    assert given == ["both"] * 5 + ["rgb"] * 6 + ["both"] * 4 + ["thermal"] * 5
    assert drive.frames == len(frames) == 20
    np.testing.assert_array_equal(frames[5].image, scene(6))
    assert frames[5].thermal is None and frames[5].is_of_two
    np.testing.assert_array_equal(frames[-1].thermal, warmth(20))
    assert frames[0].sent == ((RGB, START), (THERMAL, START + SKEW))
    assert frames[-1].stamp == divmod(START + 20 * PERIOD + SKEW, 10**9)


def test_a_message_that_is_no_picture_costs_no_other(tmp_path):
    pairs = write_pairs(tmp_path / "pairs", 4)
    with new_bag(tmp_path / "in") as bag:
        for message in messages(pairs):
            bag.write(message.channel, message.time, message.data)
            bag.write(message.channel, message.time, message.data[:6])
    assert drives.take_pairs(tmp_path, tmp_path / "in", None, None, 4).frames == 4


def test_whether_a_bag_is_plainly_of_two_cameras(tmp_path):
    assert drives.holds_pairs(write_pairs(tmp_path / "pairs", 2))
    assert not drives.holds_pairs(write_recording(tmp_path / "one"))
    with pytest.raises(UserError, match="looks like a thermal camera's"):
        drives.take_pairs(tmp_path, tmp_path / "one", "/front", None, 5)
