# SPDX-License-Identifier: Apache-2.0
"""Bags appear whole or not at all."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recordings import messages, write_recording

from samseg_ros.bags.read import IMAGE
from samseg_ros.bags.write import channel, new_bag
from samseg_ros.draft import draft
from samseg_ros.errors import UserError


@pytest.mark.parametrize("name", ["bag", "bag.mcap", "bag.db3"])
def test_an_existing_bag_is_never_touched(tmp_path, name):
    path = write_recording(tmp_path / name)
    before = messages(path)
    with pytest.raises(UserError, match="exists already; choose another name"):
        write_recording(path, frames=1)
    assert messages(path) == before


def test_one_that_appears_meanwhile_is_not_overwritten(tmp_path):
    out = tmp_path / "out.png"
    with pytest.raises(UserError, match="exists already"), draft(out) as path:
        path.write_text("ours")
        out.write_text("theirs")
    assert out.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("name", ["bag", "bag.mcap", "bag.db3"])
def test_after_an_error_nothing_is_left(tmp_path, name):
    with pytest.raises(RuntimeError, match="half way"), new_bag(tmp_path / name) as bag:
        bag.write(channel("/front", IMAGE), 1, b"\0\1\0\0")
        raise RuntimeError("half way")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["bag", "bag.mcap", "bag.db3"])
def test_of_a_recording_that_cannot_go_on_what_there_is_is_kept(tmp_path, name):
    out = tmp_path / name
    for kept in (f"{name}.unfinished", f"{name}.unfinished-2"):
        with (
            pytest.raises(UserError, match=f"No space left.* is in .*{kept}\\."),
            new_bag(out, salvage=True) as bag,
        ):
            for time in range(3):
                bag.write(channel("/front", IMAGE), time, b"\0\1\0\0")
            raise OSError(28, "No space left on device")
        assert [message.time for message in messages(tmp_path / kept / "bag")] == [0, 1, 2]
    assert not out.exists()


def test_a_recording_whose_name_was_taken_meanwhile_is_kept(tmp_path):
    out = tmp_path / "bag"
    taken = pytest.raises(UserError, match=r"exists already.* is in .*bag\.unfinished")
    with taken, new_bag(out, salvage=True) as bag:
        bag.write(channel("/front", IMAGE), 1, b"\0\1\0\0")
        out.mkdir()
    assert len(messages(tmp_path / "bag.unfinished" / "bag")) == 1


def test_a_recording_of_nothing_is_not_kept(tmp_path):
    with pytest.raises(UserError, match="nothing arrived"), new_bag(tmp_path / "bag", salvage=True):
        raise UserError("nothing arrived.")
    assert list(tmp_path.iterdir()) == []


WRITING = """
import sys, time
from pathlib import Path
from samseg_ros.bags.write import new_bag, channel
with new_bag(Path(sys.argv[1])) as bag:
    for i in range(200):
        bag.write(channel("/front", "sensor_msgs/msg/Image"), i, bytes(100_000))
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_killed_mid_way_leaves_no_bag(tmp_path, end):
    out = tmp_path / "bag"
    process = subprocess.Popen([sys.executable, "-c", WRITING, str(out)], stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    os.kill(process.pid, end)
    process.wait(20)
    process.stdout.close()
    assert not out.exists()
    visible = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert visible == []
    if end is signal.SIGINT:
        assert list(tmp_path.iterdir()) == []


def test_a_bag_names_its_files_after_itself(tmp_path):
    before = os.umask(0o022)
    try:
        bag = write_recording(tmp_path / "drive")
    finally:
        os.umask(before)
    assert sorted(path.name for path in bag.iterdir()) == ["drive.mcap", "metadata.yaml"]
    assert oct(bag.stat().st_mode)[-3:] == "755"
    assert time.time() - Path(bag).stat().st_mtime < 60


@pytest.mark.parametrize("name", ["night#2.db3", "run?.db3", "50%25.db3", "site#1/bag.db3"])
def test_names_that_sqlite_would_take_for_others_are_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"no SQLite bag can be written to .* ends in \.mcap"):
        write_recording(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    assert messages(write_recording(tmp_path / name.replace(".db3", ".mcap")))


def test_what_sqlite_cannot_write_is_said_in_one_sentence(tmp_path):
    def fill_the_disk():
        raise sqlite3.OperationalError("disk I/O error")

    with (
        pytest.raises(UserError, match=r"cannot be written \(disk I/O error\)"),
        new_bag(tmp_path / "bag.db3"),
    ):
        fill_the_disk()
    assert list(tmp_path.iterdir()) == []
