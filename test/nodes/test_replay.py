# SPDX-License-Identifier: Apache-2.0
"""Replay and record over DDS, in processes of their own: what goes in comes out, byte for byte."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pair_recordings import RGB, THERMAL, write_pairs
from recordings import PERIOD, START, messages, write_recording

from samseg_ros import share, transport
from samseg_ros.bags.pairs import plan
from samseg_ros.bags.read import IMAGE, Bag
from samseg_ros.bags.streams import Streams
from samseg_ros.bags.write import channel, new_bag
from samseg_ros.errors import UserError

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

KNOWN = {"/front", "/rear/compressed", "/note"}
SAMSEG = [sys.executable, "-m", "samseg_ros.cli"]


class Commands:
    """Starts samseg commands on a domain of this test's own, and kills those left."""

    def __init__(self, folder: Path, domain: int) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            **transport.environment(os.environ),
            "PYTHONPATH": os.pathsep.join((str(share.SOURCE), os.environ.get("PYTHONPATH", ""))),
            "ROS_DOMAIN_ID": str(domain),
        }
        self._running: list[subprocess.Popen[str]] = []

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*SAMSEG, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._folder,
            env=self._environment,
        )
        self._running.append(process)
        return process

    def run(self, *arguments: object) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=90)
        return process.returncode, out, err

    def kill(self) -> None:
        for process in self._running:
            process.terminate()  # a killed one would leave its shared memory
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


@pytest.fixture
def commands(tmp_path, domain) -> Iterator[Commands]:
    commands = Commands(tmp_path, domain)
    yield commands
    commands.kill()


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    said = ""
    overdue = threading.Timer(90, process.terminate)
    overdue.start()
    for line in process.stderr:
        said += line
        if text in line:
            overdue.cancel()
            return
    raise AssertionError(f"it ended without saying '{text}': {said}")


def padded(data: bytes) -> bytes:
    """As it is on the wire: DDS fills a message up to whole words, so bags recorded from one hold it so."""
    return data + bytes(-len(data) % 4)


def test_what_is_replayed_is_recorded_byte_for_byte(tmp_path, commands):
    source = write_recording(tmp_path / "in", frames=5)
    recorder = commands.start("record", "out", *sorted(KNOWN), "rear", "--json")
    wait_for_line(recorder, "waiting for")
    replay = commands.start("replay", source, "--wait-for-subscribers", "30", "--times", "sent.csv", "--json")
    out, err = replay.communicate(timeout=90)
    assert replay.returncode == 0, err
    summary = json.loads(out)
    assert summary["topics"] == {"/front": 5, "/rear/compressed": 5, "/note": 1}
    assert summary["skipped_topics"] == ["/odd"]
    assert "skipping /odd: its type nobody_msgs/msg/Knows is not installed here" in err
    time.sleep(0.5)
    recorder.send_signal(signal.SIGINT)
    told, said = recorder.communicate(timeout=20)
    assert recorder.returncode == 0, said
    assert json.loads(told)["messages"] == 11
    assert "nothing arrived on /rear\n" in said

    before, after = messages(source, KNOWN), messages(tmp_path / "out")
    for topic in KNOWN:
        assert [m.data for m in after if m.channel.topic == topic] == [
            padded(m.data) for m in before if m.channel.topic == topic
        ]
    qos = {m.channel.topic: m.channel.qos[0] for m in after}
    assert qos["/front"].reliability.name == "BEST_EFFORT"
    assert qos["/note"].durability.name == "TRANSIENT_LOCAL"

    rows = list(csv.DictReader((tmp_path / "sent.csv").open()))
    front = [row for row in rows if row["topic"] == "/front"]
    assert [int(row["log_time_ns"]) for row in front] == [
        m.time for m in before if m.channel.topic == "/front"
    ]
    taken = (int(front[-1]["sent_ns"]) - int(front[0]["sent_ns"])) * 1e-9
    assert 0.35 < taken < 5  # not faster than it was recorded; slower where the machine is busy


def test_pairs_of_two_cameras_are_replayed_in_the_order_of_their_stamps(tmp_path, commands):
    source = write_pairs(tmp_path / "in", 8)
    recorder = commands.start("record", "out", RGB, THERMAL)
    wait_for_line(recorder, "waiting for")
    code, _, err = commands.run(
        "replay", source, "--rate", "2", "--wait-for-subscribers", "30", "--times", "sent.csv"
    )
    assert code == 0, err
    time.sleep(0.5)
    recorder.send_signal(signal.SIGINT)
    recorder.communicate(timeout=20)
    sent = [row["topic"] for row in csv.DictReader((tmp_path / "sent.csv").open())]
    assert sent == [RGB, THERMAL] * 8
    with Bag(tmp_path / "out") as bag:
        planned = plan(bag, Streams(RGB, THERMAL))
    assert planned.pairs == {i: i for i in range(8)}


def test_rate_remap_and_clock(tmp_path, commands):
    source = write_recording(tmp_path / "in", frames=6)
    recorder = commands.start("record", "out.mcap", "/renamed", "/clock", "--json")
    wait_for_line(recorder, "waiting for")
    status, out, err = commands.run(
        "replay", source, "--topics", "/front", "--remap", "/front:=/renamed", "--rate", "0.5", "--clock",
        "--wait-for-subscribers", "--json",
    )  # fmt: skip
    assert status == 0, err
    summary = json.loads(out)
    assert summary["topics"] == {"/renamed": 6}
    assert summary["seconds"] == pytest.approx(5 * PERIOD * 1e-9 / 0.5, abs=0.3)
    time.sleep(0.3)
    recorder.send_signal(signal.SIGTERM)
    _, said = recorder.communicate(timeout=20)
    assert recorder.returncode == 0, said
    recorded = messages(tmp_path / "out.mcap")
    clocks = [int.from_bytes(m.data[4:8], "little") * 10**9 + int.from_bytes(m.data[8:12], "little")
              for m in recorded if m.channel.topic == "/clock"]  # fmt: skip
    start = min(m.time for m in messages(source))
    assert len(clocks) >= 10 and clocks == sorted(clocks)
    assert start <= clocks[0] and clocks[-1] <= start + 6 * PERIOD


def test_renamed_topics_are_renamed_once(tmp_path, commands):
    source = write_recording(tmp_path / "in")
    renamed = ("/front:=/elsewhere", "/note:=/front")
    status, out, err = commands.run("replay", source, "--rate", "20", "--remap", *renamed, "--json")
    assert status == 0 and "deprecated" not in err
    assert json.loads(out)["topics"] == {"/elsewhere": 3, "/front": 1, "/rear/compressed": 3}


def test_a_loop_ends_with_ctrl_c_quietly(tmp_path, commands):
    source = write_recording(tmp_path / "in", frames=2)
    recorder = commands.start("record", "out", "/front", "--duration", "60")
    wait_for_line(recorder, "waiting for")
    replay = commands.start("replay", source, "--loop", "--topics", "/front", "--wait-for-subscribers")
    wait_for_line(recorder, "recording /front")
    time.sleep(1.5)
    replay.send_signal(signal.SIGINT)
    _, err = replay.communicate(timeout=20)
    assert (replay.returncode, err) == (130, "")
    recorder.send_signal(signal.SIGINT)
    recorder.communicate(timeout=20)
    assert len(messages(tmp_path / "out")) > 4


def test_it_is_the_topics_that_are_named_whose_subscribers_are_waited_for(tmp_path, commands):
    source = write_recording(tmp_path / "in", frames=4)
    other = commands.start("record", "other", "/note")
    wait_for_line(other, "waiting for")
    replay = commands.start(
        *("replay", source, "--remap", "/front:=/renamed", "--wait-for-subscribers"),
        *("--wait-topics", "/renamed", "/rear", "/nothing"),
    )
    recorders = []
    for topic, folder in (("/renamed", "front"), ("/rear/compressed", "rear")):
        time.sleep(2.5)  # longer than it takes to find a subscriber
        assert not (tmp_path / "other").exists()
        recorders.append(commands.start("record", folder, topic))
    _, err = replay.communicate(timeout=90)
    assert replay.returncode == 0, err
    time.sleep(0.3)
    for recorder, topic, folder in zip(
        recorders, ("/renamed", "/rear/compressed"), ("front", "rear"), strict=True
    ):
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=20)
        assert [m.channel.topic for m in messages(tmp_path / folder)] == [topic] * 4


@pytest.fixture
def own_domain(monkeypatch, domain):
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        ("missing", {}, "missing does not exist"),
        ("broken.mcap", {}, "is damaged"),
        ("in", {"topics": ("/left",)}, "has no topic '/left'; choose from: /front"),
        ("in", {"remaps": {"/left": "/right"}}, "has no topic '/left'"),
        ("in", {"topics": ("/odd",)}, "nothing that can be published here"),
        ("in", {"loop": True, "times": Path("sent.csv")}, "--times is written at the end; leave one out"),
        ("in", {"wait_s": 0.2}, "nobody subscribed to .* within 0.2 s"),
        ("in", {"wait_s": 0.2, "wait_topics": ("/rear",)}, "nobody subscribed to /rear/compressed within"),
        ("in", {"wait_s": 0.2, "wait_topics": ("/left",)}, "publishes none of /left; it has: .*/front"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(tmp_path, own_domain, source, options, sentence):
    from samseg_ros.nodes.replay import ReplayOptions, replay

    write_recording(tmp_path / "in")
    (tmp_path / "broken.mcap").write_bytes(b"no mcap")
    with pytest.raises(UserError, match=sentence):
        replay(tmp_path / source, ReplayOptions(**options))


def test_what_cannot_be_recorded_is_one_sentence_and_leaves_nothing(tmp_path, own_domain):
    from samseg_ros.nodes.record import record

    with pytest.raises(UserError, match="exists already"):
        record(tmp_path, ["/front"])
    with pytest.raises(UserError, match="nothing arrived on /front, so no bag was written"):
        record(tmp_path / "out", ["/front"], duration=0.3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("frames", "seconds"), [(1, 0.1), (5, PERIOD * 1e-9)])
def test_a_loop_begins_anew_after_a_usual_interval(tmp_path, frames, seconds):
    from samseg_ros.nodes import replay

    with new_bag(tmp_path / "in.mcap") as bag:
        for i in range(frames):
            bag.write(channel("/front", IMAGE), START + i * PERIOD, b"\0\1\0\0")
            for _ in range(9):  # of which nothing is played
                bag.write(channel("/rear", IMAGE), START + i * PERIOD, b"\0\1\0\0")
    with Bag(tmp_path / "in.mcap") as bag:
        assert replay._interval(bag, {"/front"}) == pytest.approx(seconds)
