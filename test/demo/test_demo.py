# SPDX-License-Identifier: Apache-2.0
"""The whole demonstration, over DDS, with a bundle whose answer is known."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from recordings import messages, write_recording

from samseg_ros import share

pytest.importorskip("onnxruntime")

DEMO = [sys.executable, "-m", "samseg_ros.cli", "demo", "--topic", "/rear/compressed", "--out", "shown"]

NO_NODES = """
import os, sys
if "samseg_ros.nodes.camera_node" in sys.orig_argv:
    print("no nodes today", flush=True)
    os._exit(3)
"""


@pytest.fixture
def start(tmp_path, red_bundle):
    red_bundle(tmp_path / "red", task="camera")
    write_recording(tmp_path / "in", frames=6)
    # tmp_path for the test that puts a sitecustomize.py there.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(share.SOURCE)))}
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*DEMO, "--bundle", "red", *arguments],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_bag_goes_through_the_node_and_comes_back_as_masks(tmp_path, start):
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    process = start("--bag", "in", "--hz", "5")
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


def test_a_failing_node_is_quoted_and_its_log_kept(tmp_path, start):
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    (tmp_path / "sitecustomize.py").write_text(NO_NODES)
    process = start("--bag", "in")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    last = err.splitlines()[-1]
    assert last.startswith("samseg: node ended (status 3)") and "no nodes today" in last
    assert "shown/logs/node.log" in last and "Traceback" not in err
    assert "no nodes today" in (tmp_path / "shown" / "logs" / "node.log").read_text()
    assert not (tmp_path / "shown" / "summary.json").exists()


def test_ctrl_c_ends_everything_and_leaves_nothing(tmp_path, start):
    process = start("--bag", "in", "--hz", "0.2")
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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "red"]


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
