# SPDX-License-Identifier: Apache-2.0
"""The whole demonstration, over DDS, with a bundle whose answer is known."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pair_recordings import write_pairs
from recordings import messages, write_recording

from samseg_ros import share
from samseg_ros.demo.run import DemoOptions, demo
from samseg_ros.errors import UserError

pytest.importorskip("onnxruntime")

DEMO = [sys.executable, "-m", "samseg_ros.cli", "demo", "--out", "shown"]
RED = ("--bundle", "red", "--topic", "/rear/compressed", "--bag", "in")

NO_NODES = """
import os, sys
if "samseg_ros.nodes.camera_node" in sys.orig_argv:
    print("no nodes today", flush=True)
    os._exit(3)
"""


@pytest.fixture
def start(tmp_path, red_bundle, hot_bundle):
    red_bundle(tmp_path / "red", task="camera")
    hot_bundle(tmp_path / "hot")
    write_recording(tmp_path / "in", frames=6)
    # tmp_path for the test that puts a sitecustomize.py there.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(share.SOURCE)))}
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*DEMO, *arguments],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()  # killed, it would leave its nodes behind
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def test_a_bag_goes_through_the_node_and_comes_back_as_masks(tmp_path, start):
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    process = start(*RED, "--hz", "5")
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    summary = json.loads((tmp_path / "shown" / "summary.json").read_text())
    assert summary["frames_in"] == 6
    assert summary["frames_in"] == summary["frames_out"] + summary["dropped"]
    assert sum(summary["dropped_where"].values()) == summary["dropped"]
    assert summary["frames_out"] >= 0.9 * summary["frames_processable"]
    assert summary["node"] == "camera_node" and summary["hz"] == 5.0
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"]
    assert summary["runtime"] != "not known"
    assert sorted(path.name for path in (tmp_path / "shown").iterdir()) == [
        "contact_sheet.png", "drive", "logs", "masks", "masks.webm", "report.html", "sent.csv",
        "summary.json",
    ]  # fmt: skip
    masks = messages(tmp_path / "shown" / "masks", {"/camera/mask"})
    assert len(masks) == summary["frames_out"]
    for name in ("report.html", "masks.webm", "contact_sheet.png", "summary.json"):
        assert f"shown/{name}" in out


def test_a_bag_of_rgb_and_thermal_goes_through_their_node(tmp_path, start):
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    write_pairs(tmp_path / "pairs", 24, no_thermal=range(5, 12), no_rgb=range(15, 22))
    process = start("--bundle", "hot", "--bag", "pairs")
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    summary = json.loads((tmp_path / "shown" / "summary.json").read_text())
    assert (summary["node"], summary["frames_in"]) == ("rgbt_node", 24)
    assert summary["frames_in"] == summary["frames_out"] + summary["dropped"]
    assert sum(summary["dropped_where"].values()) == summary["dropped"]
    frames = {name: group["frames_in"] for name, group in summary["by_modality"].items()}
    assert frames == {"both": 10, "rgb": 7, "thermal": 7}
    # It takes a while to find a camera silent: not all of the seven come back.
    assert summary["by_modality"]["rgb"]["frames_out"] >= 2
    assert summary["by_modality"]["thermal"]["frames_out"] >= 2
    assert {"both", "rgb", "thermal"} <= set(summary["modalities"])
    assert "Never blind" in (tmp_path / "shown" / "report.html").read_text()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"bundles": ("red", "red")}, "two bundles are for one task"),
        ({"bundles": ("red", "hot"), "bag": "pairs"}, "is one drive; give one bundle"),
        ({"bundles": ("red",), "bag": "pairs", "rgb_topic": "/a"}, "are for an RGB-T bundle"),
        ({"bundles": ("hot",), "bag": "in"}, "may be an RGB camera's"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_sentence(
    tmp_path, monkeypatch, red_bundle, hot_bundle, settings, sentence
):
    monkeypatch.chdir(tmp_path)
    red_bundle(tmp_path / "red", task="camera")
    hot_bundle(tmp_path / "hot")
    write_pairs(tmp_path / "pairs", 2)
    write_recording(tmp_path / "in")
    settings = {**settings, "bag": Path(settings["bag"]) if "bag" in settings else None}
    with pytest.raises(UserError, match=sentence):
        demo(DemoOptions(out=tmp_path / "shown", **settings))
    assert not (tmp_path / "shown" / "summary.json").exists()


def test_a_failing_node_is_quoted_and_its_log_kept(tmp_path, start):
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    (tmp_path / "sitecustomize.py").write_text(NO_NODES)
    process = start(*RED)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    last = err.splitlines()[-1]
    assert last.startswith("samseg: node ended (status 3)") and "no nodes today" in last
    assert "shown/logs/node.log" in last and "Traceback" not in err
    assert "no nodes today" in (tmp_path / "shown" / "logs" / "node.log").read_text()
    assert not (tmp_path / "shown" / "summary.json").exists()


def test_ctrl_c_ends_everything_and_leaves_nothing(tmp_path, start):
    process = start(*RED, "--hz", "0.2")
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".shown-*/new/logs/replay.log")):
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.05)
    children = children_of(process.pid)
    assert len(children) >= 2
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not any(os.path.exists(f"/proc/{child}") for child in children)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hot", "in", "red"]


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
