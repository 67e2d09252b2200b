# SPDX-License-Identifier: Apache-2.0
"""Several cameras in one process, over DDS; and what the command line asks for."""

from __future__ import annotations

import gc
import signal
import weakref

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

import rclpy
from nodes.peer import DEADLINE, array_of, ids, stamp
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python
from sensor_msgs.msg import Image

from samseg_ros import engine
from samseg_ros.engine.shared import SharedEngines
from samseg_ros.errors import UserError
from samseg_ros.nodes import camera_list, perception
from samseg_ros.nodes.camera_list import Camera
from samseg_ros.nodes.messages import to_image
from samseg_ros.nodes.segmentation_node import SUCCESS


@pytest.fixture
def write(tmp_path):
    def write_list(*cameras):
        path = tmp_path / "cameras.yaml"
        path.write_text(yaml.safe_dump({"cameras": list(cameras)}), encoding="utf-8")
        return path

    return write_list


@pytest.fixture
def bundles(tmp_path, red_bundle, hot_bundle):
    """By kind: red is id 8 for cameras, heat is id 8 for the pair."""
    return {
        "panorama": str(red_bundle(tmp_path / "panorama").path),
        "camera": str(red_bundle(tmp_path / "camera", task="camera").path),
        "rgbt": str(hot_bundle(tmp_path / "rgbt").path),
    }


def camera(name, kind, bundles, **more):
    return {"name": name, "kind": kind, "bundle": bundles[kind], **more}


def test_each_camera_gets_its_own_masks_whatever_becomes_of_the_others(start, peer, write, bundles):
    path = write(
        camera("broken", "camera", bundles, parameters={"device": "nowhere"}),
        camera("roof", "panorama", bundles, topics={"image": "/roof_image"}),
        camera("left", "camera", bundles),
        camera("right", "camera", bundles, topics={"image": "right_image", "mask": "/right_mask"}),
        camera("night", "rgbt", bundles, parameters={"thermal": {"mode": "raw8"}}),
        camera("later", "camera", bundles, parameters={"autostart": False}),
    )
    # What stands behind -- is the program's own; the rest of the ROS arguments follows.
    cameras = start("perception", "-r", "__ns:=/car", "--", "--cameras", str(path), "--ros-args")

    assert peer.diagnosis(lambda d: "NOWHERE" in d.message, "the broken camera").level == "ERROR"
    random = np.random.default_rng(1)
    heat = random.integers(1, 256, (32, 64), np.uint8)
    topics = {  # in, out
        "roof": ("/roof_image", "/car/roof/mask"),
        "left": ("/car/left/image", "/car/left/mask"),
        "right": ("/car/right_image", "/right_mask"),
        "night": ("/car/night/rgb", "/car/night/mask"),
    }
    masks = {name: peer.collect(Image, topic) for name, (_, topic) in topics.items()}
    cams = {name: peer.camera(topic) for name, (topic, _) in topics.items()}
    thermal = peer.camera("/car/night/thermal")
    pictures = {name: random.integers(0, 256, (32, 64, 3), np.uint8) for name in topics}
    seen = np.where(heat > 128, 8, np.where(pictures["night"][..., 2] > 128, 9, 0))
    expected = {**{name: ids(picture) for name, picture in pictures.items()}, "night": seen}

    sent = {name: set() for name in cams}

    def shoot():
        for name, cam in cams.items():
            header = peer.header(name)
            sent[name].add((header.stamp.sec, header.stamp.nanosec, name))
            cam.publish(to_image(header, "bgr8", pictures[name]))
            if name == "night":
                thermal.publish(to_image(header, "mono8", heat))

    def right(name):
        return any(np.array_equal(array_of(mask), expected[name]) for mask in masks[name])

    peer.until(lambda: all(map(right, masks)), "right masks of all cameras", shoot)
    for name, found in masks.items():
        assert {stamp(mask) for mask in found} <= sent[name]
        # Before its thermal camera is found, the pair's masks are of RGB alone.
        for mask in found if name != "night" else []:
            np.testing.assert_array_equal(array_of(mask), expected[name])

    assert peer.state("car/broken") == "unconfigured"
    assert peer.state("car/later") == "unconfigured"
    assert peer.transition("car/later", "configure")
    assert peer.transition("car/later", "activate")
    assert peer.transition("car/left", "deactivate")
    masks["right"].clear()
    peer.until(lambda: masks["right"], "a mask beside the one that was stopped", shoot)
    assert peer.set("car/roof", overlay_alpha=0.5)[0].successful

    cameras.process.send_signal(signal.SIGINT)
    assert cameras.process.wait(DEADLINE) == 0, cameras.log
    assert "Traceback" not in cameras.log


def test_ros_arguments_hold_for_all_and_go_before_the_list(start, peer, write, bundles, tmp_path):
    path = write(
        camera("left", "camera", bundles, parameters={"threads": 2, "output_size": "network"}),
        camera("right", "camera", bundles),
    )
    named = tmp_path / "named.yaml"
    named.write_text("/**/right: {ros__parameters: {threads: 3}}\n", encoding="utf-8")
    start(
        *("perception", "-p", "threads:=1", "-p", "autostart:=false", "--params-file", str(named)),
        *("--", "--cameras", str(path), "--ros-args"),
    )
    assert values(peer, "left", "threads", "output_size", "autostart") == [1, "network", False]
    assert values(peer, "right", "threads", "output_size", "autostart") == [3, "camera", False]


def values(peer, node, *names):
    answer = peer.call(GetParameters, f"/{node}/get_parameters", GetParameters.Request(names=names))
    return [parameter_value_to_python(value) for value in answer.values]


def test_nodes_share_an_engine_until_the_last_cleans_up(bundles, domain, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    made = []

    def load(*arguments):
        loaded = engine.load(*arguments)
        made.append(weakref.ref(loaded))
        return loaded

    if not engine.available():
        pytest.skip("no inference runtime is installed")
    shared = SharedEngines(load)
    rclpy.init()
    try:
        nodes = [
            perception.node_of(Camera(name, kind, {}, {"bundle": bundles[kind]}), shared)
            for name, kind in (("left", "rgbt"), ("right", "rgbt"), ("roof", "panorama"))
        ]
        for _ in range(2):
            for node in nodes:
                assert node.trigger_configure() == SUCCESS
            assert len(made) == 2
            assert all(one() is not None for one in made)
            for node in (nodes[0], nodes[2]):
                assert node.trigger_cleanup() == SUCCESS
            gc.collect()
            assert [one() is not None for one in made] == [True, False]
            assert nodes[1].trigger_cleanup() == SUCCESS
            gc.collect()
            assert made.pop(0)() is None
            assert made.pop()() is None
        for node in nodes:
            node.destroy_node()
    finally:
        rclpy.try_shutdown()


def test_what_the_command_line_asks_for(write, bundles):
    path = str(write(camera("left", "camera", bundles), camera("right", "camera", bundles)))
    assert [c.name for c in perception.cameras(["--cameras", path])] == ["left", "right"]
    assert [c.name for c in perception.cameras(["--cameras", path, "--only", "right"])] == ["right"]
    assert [c.name for c in perception.cameras(["panorama", "rgbt"])] == ["panorama_node", "rgbt_node"]
    assert [c.name for c in perception.cameras(["rgbt", "--cameras", path])] == ["rgbt_node", "left", "right"]
    for words, sentence in {
        (): "no camera was asked for; give --cameras FILE, or kinds: panorama, camera, rgbt",
        ("rgbd",): "'rgbd' is no kind of camera",
        ("--only", "left"): "--only chooses from a list of cameras",
        ("--cameras", path, "--only", "lft"): r"has no camera 'lft'; it has: left, right",
        ("camera", "camera"): "two cameras are called 'camera_node'",
    }.items():
        with pytest.raises(UserError, match=sentence):
            perception.cameras(words)


def test_every_kind_has_a_node():
    assert tuple(perception.NODES) == camera_list.KINDS
