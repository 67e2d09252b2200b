# SPDX-License-Identifier: Apache-2.0
"""Bags in every form they come in, and damaged ones."""

import sqlite3
from pathlib import Path

import pytest
from mcap.writer import Writer
from recordings import STRING, messages, write_recording
from rosbags.rosbag2 import StoragePlugin

from samseg_ros.bags.read import IMAGE, Bag, image_topics, is_bag, modern_name
from samseg_ros.bags.write import channel, new_bag, offered_qos
from samseg_ros.errors import UserError


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_a_directory_an_only_file_and_a_directory_without_metadata_read_alike(tmp_path, storage):
    whole = write_recording(tmp_path / "whole", storage=storage)
    expected = messages(whole)
    assert len(expected) == 1 + 3 * 3
    with Bag(whole) as bag:
        assert bag.storage is storage
        assert bag.count() == 10 and bag.count({"/front"}) == 3
        assert image_topics(bag) == ["/front", "/rear/compressed"]

    suffix = ".mcap" if storage is StoragePlugin.MCAP else ".db3"
    alone = next(whole.glob(f"*{suffix}"))
    for path in (alone, whole):
        (whole / "metadata.yaml").unlink(missing_ok=True)
        assert is_bag(path)
        assert [(m.channel.topic, m.time, m.data) for m in messages(path)] == [
            (m.channel.topic, m.time, m.data) for m in expected
        ]


def test_messages_come_with_their_types_and_qos(tmp_path):
    with Bag(write_recording(tmp_path / "bag")) as bag:
        by_topic = {c.topic: c for c in bag.channels}
    assert by_topic["/front"].msgtype == IMAGE
    assert "uint32 height" in by_topic["/front"].definition
    assert by_topic["/note"].qos[0].durability.name == "TRANSIENT_LOCAL"
    assert by_topic["/front"].qos[0].reliability.name == "BEST_EFFORT"
    assert by_topic["/odd"].msgtype == "nobody_msgs/msg/Knows"


def test_type_names_of_the_first_releases_are_read_as_todays():
    assert modern_name("sensor_msgs/Image") == IMAGE
    assert modern_name(IMAGE) == IMAGE


def old_bag(path: Path) -> Path:
    """An sqlite3 bag as the first ROS 2 release wrote it: no metadata, no QoS, no ``/msg/``."""
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, "
        "serialization_format TEXT NOT NULL)"
    )
    database.execute(
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, "
        "timestamp INTEGER NOT NULL, data BLOB NOT NULL)"
    )
    database.execute("INSERT INTO topics VALUES (1, '/text', 'std_msgs/String', 'cdr')")
    database.execute("INSERT INTO messages VALUES (1, 1, 5, ?)", (b"\0\1\0\0\3\0\0\0hi\0",))
    database.commit()
    database.close()
    return path


def test_a_bag_of_the_first_release_reads(tmp_path):
    (message,) = messages(old_bag(tmp_path / "old.db3"))
    assert (message.channel.msgtype, message.time, message.data) == (STRING, 5, b"\0\1\0\0\3\0\0\0hi\0")
    assert message.channel.definition and message.channel.digest.startswith("RIHS01_")


@pytest.mark.parametrize("suffix", [".mcap", ".db3"])
@pytest.mark.parametrize("keep", [0, 10, 0.5, -1])
def test_a_truncated_bag_says_so_in_one_sentence(tmp_path, suffix, keep):
    path = write_recording(tmp_path / f"bag{suffix}", frames=40)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    if suffix == ".db3" and keep == -1:
        pytest.skip("SQLite reads all pages but the last one's end, which holds nothing")
    with pytest.raises(UserError, match=r"is damaged, was never closed, .* \(.+\); recover it"):
        messages(path)


def test_messages_that_damage_has_swallowed_are_missed(tmp_path):
    path = write_recording(tmp_path / "bag.mcap", frames=20)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = bytes(third)
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        messages(path)


def test_files_without_metadata_are_read_in_the_order_of_time(tmp_path):
    folder = tmp_path / "split"
    folder.mkdir()
    for part in range(11):  # run_10 sorts before run_2
        with new_bag(folder / f"run_{part}.mcap") as bag:
            bag.write(channel("/front", IMAGE), 10 * part, b"\0\1\0\0")
    with new_bag(folder / "other.mcap") as bag:
        for part in range(11):
            bag.write(channel("/rear", IMAGE), 10 * part + 5, b"\0\1\0\0")
    assert [message.time for message in messages(folder)] == list(range(0, 110, 5))


def written_elsewhere(path: Path, times: list[int], encoding: str = "ros2msg") -> Path:
    """An MCAP file without chunks, with another channel whose schema has this encoding."""
    with path.open("wb") as file:
        writer = Writer(file, use_chunking=False)
        writer.start(profile="ros2", library="another")
        ours = writer.register_schema(IMAGE, "ros2msg", channel("/front", IMAGE).definition.encode())
        theirs = writer.register_schema("another/msg/Type", encoding, b"bool there")
        front = writer.register_channel("/front", "cdr", ours)
        writer.register_channel("/another", "cdr", theirs)
        for time in times:
            writer.add_message(front, time, b"\0\1\0\0", time)
        writer.finish()
    return path


def test_sound_files_that_cannot_be_read_are_not_called_damaged(tmp_path):
    assert [m.time for m in messages(written_elsewhere(tmp_path / "sound.mcap", [1, 2, 3]))] == [1, 2, 3]
    with pytest.raises(UserError, match="in no order of time; sort it with `mcap sort`"):
        messages(written_elsewhere(tmp_path / "mixed.mcap", [1, 3, 2]))
    with pytest.raises(UserError, match=r"more than ROS 2 messages \(jsonschema\); keep only these"):
        messages(written_elsewhere(tmp_path / "json.mcap", [1, 2], "jsonschema"))


def test_what_is_no_bag_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("no bag")
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    (tmp_path / "text.mcap").write_text("no mcap at all, whatever its name says")
    for name, sentence in {
        "missing": "does not exist; give a ROS 2 bag",
        "folder": "is no ROS 2 bag; give a bag's directory",
        "notes.txt": "is no ROS 2 bag",
        "old.bag": "is a ROS 1 bag; convert it with rosbags-convert",
        "text.mcap": "is damaged",
    }.items():
        with pytest.raises(UserError, match=sentence):
            messages(tmp_path / name)


def test_metadata_that_names_a_missing_file_is_damage(tmp_path):
    bag = write_recording(tmp_path / "bag")
    next(bag.glob("*.mcap")).unlink()
    with pytest.raises(UserError, match="is damaged"):
        messages(bag)


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_an_empty_bag_is_a_bag(tmp_path, storage):
    with new_bag(tmp_path / "empty", storage) as bag:
        bag.add(channel("/front", IMAGE))
    with Bag(tmp_path / "empty") as bag:
        assert (bag.count(), bag.start(), list(bag.messages())) == (0, 0, [])
        assert image_topics(bag) == ["/front"]


def test_a_folder_called_bag_is_a_ros_2_bag(tmp_path):
    assert len(messages(write_recording(tmp_path / "drive.bag"))) == 10


def test_a_topic_of_two_channels_is_named_once(tmp_path):
    with new_bag(tmp_path / "bag") as bag:
        for qos in ((), (offered_qos(5),)):
            bag.write(channel("/front", IMAGE, qos), 1, b"\0\1\0\0")
    with Bag(tmp_path / "bag") as bag:
        assert len(bag.channels) == 2 and image_topics(bag) == ["/front"]


def test_a_bag_part_of_which_is_in_a_log_is_not_read_in_part(tmp_path):
    path = old_bag(tmp_path / "bag.db3")
    recorder = sqlite3.connect(path)
    recorder.execute("PRAGMA journal_mode=WAL")
    recorder.execute("INSERT INTO messages VALUES (2, 1, 6, ?)", (b"\0\1\0\0\3\0\0\0ho\0",))
    recorder.commit()
    with pytest.raises(UserError, match=r"part of it is in bag\.db3-wal; bring them together with `sqlite3"):
        messages(path)
    recorder.close()  # which brings them together
    assert [message.time for message in messages(path)] == [5, 6]


def test_a_path_that_sqlite_takes_for_another_is_not_called_damage(tmp_path):
    (tmp_path / "in#1").mkdir()
    path = old_bag(tmp_path / "in#1" / "bag.db3")
    with pytest.raises(UserError, match=r"in#1/bag\.db3 has one of .* rename what has it"):
        messages(path)
    (tmp_path / "in").symlink_to(tmp_path / "in#1")
    assert len(messages(tmp_path / "in" / "bag.db3")) == 1
