# SPDX-License-Identifier: Apache-2.0
"""The command line as a user meets it: what it prints, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import pytest
from recordings import half_red, write_recording

from samseg_ros import cli

SAMSEG = [sys.executable, "-m", "samseg_ros.cli"]


def ended(*arguments: str) -> int:
    """The exit status of a command run in this process; usage errors exit through argparse."""
    try:
        return cli.main(arguments)
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def test_help_names_every_command_and_imports_nothing_heavy():
    code = "import sys; from samseg_ros import cli; cli._parser().format_help(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "cv2", "rclpy", "rosbags", "openvino", "onnxruntime", "yaml"} & set(loaded.split())


def test_no_runtime_sends_anything():
    code = (
        "import importlib.util as u, os, sys, samseg_ros\n"
        "if u.find_spec('openvino'): import openvino\n"
        "print(sys.modules['openvino_telemetry'], os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["None", "1"]


@pytest.mark.parametrize(
    "words",
    [
        ("record", "out", "a b"),
        ("replay", "in", "--remap", "/front:=/a b"),
        ("bag", "out", "--image", "in", "--topic", "//front"),
    ],
)
def test_what_is_no_topic_is_refused_before_anything_begins(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ended(*words) == 2
    assert "is no topic; give a name such as /camera/image_raw" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_demonstration_without_a_bag_takes_no_topic(capsys, tmp_path):
    assert ended("demo", "--topic", "/front", "--out", str(tmp_path / "demo")) == 2
    assert "topics are those of a bag; give it with --bag." in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["check", "label", "replay", "record", "bag", "register", "evaluate", "demo"]
)
def test_every_command_has_help(command, capsys):
    assert ended(command, "--help") == 0
    assert f"samseg {command}" in capsys.readouterr().out


def test_a_bag_is_labelled_and_summed_up(tmp_path, red_bundle, capsys):
    bundle = red_bundle(tmp_path / "red").path
    source = write_recording(tmp_path / "in", malformed=(1,))
    assert ended("label", str(source), str(tmp_path / "out"), "--bundle", str(bundle), "--json") == 0
    shown = capsys.readouterr()
    summary = json.loads(shown.out)
    assert {"frames", "skipped", "topics", "bundle", "runtime", "seconds", "fps"} <= summary.keys()
    assert (summary["frames"], summary["skipped"]) == (5, 1)
    assert "labelling /front, /rear/compressed" in shown.err and "bundle red on" in shown.err
    assert "skipped on /front: " in shown.err


def test_a_topic_needs_no_slash_before_it(tmp_path, red_bundle, capsys):
    bundle = red_bundle(tmp_path / "red").path
    source = write_recording(tmp_path / "in")
    words = ("label", str(source), str(tmp_path / "out"), "--bundle", str(bundle), "--topic")
    assert ended(*words, "front") == 0
    assert "labelling /front\n" in capsys.readouterr().err


def test_a_picture_is_labelled(tmp_path, red_bundle, capsys):
    bundle = red_bundle(tmp_path / "red").path
    cv2.imwrite(str(tmp_path / "a.png"), half_red())
    assert ended("label", str(tmp_path / "a.png"), str(tmp_path / "mask.png"), "--bundle", str(bundle)) == 0
    assert "mask.png: 1 masks, 0 skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("label", "missing", "out"), "missing does not exist"),
        (("label", ".", "."), "exists already"),
        (("evaluate", "nowhere", "--images", ".", "--labels", "."), "there is no model bundle 'nowhere'"),
        (
            ("bag", "out", "--image", ".", "--rgb-topic", "/a"),
            "--rgb-topic names the topic of a camera that no",
        ),
        (("demo", "--bundle", "nowhere"), "there is no model bundle 'nowhere'"),
        (("engine", "street_b0_rgbt", "--thermal", "."), "--thermal goes with --calibration"),
    ],
)
def test_what_the_user_can_put_right_is_one_sentence(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ended(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("samseg: ") and sentence in shown.err
    assert shown.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "COMMAND"),
        (("dance",), "dance"),
        (("label", "in"), "OUT"),
        (("label", "in", "out", "--vertical-fov", "200"), "at most 180 degrees"),
        (("label", "in", "out", "--vertical-fov", "nan"), "is no number"),
        (("replay", "bag", "--rate", "0"), "must be a number above 0"),
        (("replay", "bag", "--remap", "/a"), "must read FROM:=TO"),
        (("record", "out"), "TOPIC"),
        (("demo", "--frames", "0"), "at least 1"),
    ],
)
def test_wrong_usage_is_refused(arguments, sentence, capsys):
    assert ended(*arguments) == 2
    assert sentence in capsys.readouterr().err


def test_a_full_disk_is_one_sentence(tmp_path, red_bundle, capsys):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    bundle = red_bundle(tmp_path / "red").path
    cv2.imwrite(str(tmp_path / "a.png"), half_red())
    assert ended("label", str(tmp_path / "a.png"), "/dev/full/mask.png", "--bundle", str(bundle)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("samseg: ") and "/dev/full" in error


@pytest.mark.parametrize(
    ("end", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted_it_ends_quietly_and_leaves_nothing(tmp_path, red_bundle, end, status):
    bundle = red_bundle(tmp_path / "red").path
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(400):
        cv2.imwrite(str(folder / f"{i:03d}.png"), half_red(512, 1024), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    process = subprocess.Popen(
        [*SAMSEG, "label", str(folder), str(tmp_path / "out"), "--bundle", str(bundle)],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    try:
        while not list(tmp_path.glob(".out-*/out/*.png")):
            assert process.poll() is None and time.monotonic() < deadline, "it never began to write"
            time.sleep(0.01)
        process.send_signal(end)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == status
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "red"]


def test_what_ros_says_to_its_environment_is_one_sentence(tmp_path):
    pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")
    environment = {**os.environ, "ROS_DOMAIN_ID": "lab", "SAMSEG_TRANSPORT": "off"}
    for command in (
        [sys.executable, "-m", "samseg_ros.cli", "record", str(tmp_path / "bag"), "/image"],
        [sys.executable, "-m", "samseg_ros.nodes.camera_node"],
    ):
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert ended.returncode and "ROS 2 reports" in ended.stderr and "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())


def test_commands_that_need_ros_say_so_where_there_is_none(tmp_path):
    code = (
        "import sys; sys.modules['rclpy'] = None; sys.argv = ['samseg', 'replay', 'bag'];"
        "from samseg_ros import cli, transport; transport.apply = lambda: None; sys.exit(cli.main())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith("samseg: this command needs ROS 2") and ran.stderr.count("\n") == 1
