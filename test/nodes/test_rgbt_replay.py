# SPDX-License-Identifier: Apache-2.0
"""A looped bag of pairs with frames missing, in simulated time: the same pairs in every loop."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from nodes.peer import array_of, stop
from recordings import PERIOD, START, image_message
from sensor_msgs.msg import Image

from samseg_ros import share, transport
from samseg_ros.bags.read import IMAGE
from samseg_ros.bags.write import channel, new_bag

FRAMES, SKEW = 20, 8_000_000
NO_RGB, NO_THERMAL = {3}, {0, 7, 12, 19}


def pictures(index):
    random = np.random.default_rng(index)
    return random.integers(0, 256, (32, 64, 3), np.uint8), random.integers(1, 256, (32, 64), np.uint8)


@pytest.fixture
def bag(tmp_path):
    path = tmp_path / "pairs"
    rgb, thermal = channel("/rgb", IMAGE), channel("/thermal", IMAGE)
    with new_bag(path) as writer:
        for index in range(FRAMES):
            color, heat = pictures(index)
            time = START + index * PERIOD
            if index not in NO_RGB:
                writer.write_message(rgb, time, image_message(color, time))
            if index not in NO_THERMAL:
                writer.write_message(thermal, time + SKEW, image_message(heat, time + SKEW, "mono8", step=64))
    return path


def test_every_loop_gives_the_same_pairs(start, peer, domain, hot_bundle, tmp_path, bag):
    node = start(
        "rgbt_node",
        "-r",
        "~/rgb:=/rgb",
        "-r",
        "~/thermal:=/thermal",
        bundle=hot_bundle(tmp_path / "hot").path,
        use_sim_time=True,
        stream_timeout=30.0,  # a slow machine is no silent camera
        **{"thermal.mode": "raw8"},
    )
    masks = peer.collect(Image, "/rgbt_node/mask", 50)
    peer.diagnosis(lambda d: d.values["state"] == "active", "active")
    environment = {**os.environ, **transport.environment(os.environ), "ROS_DOMAIN_ID": str(domain)}
    environment["PYTHONPATH"] = os.pathsep.join((str(share.SOURCE), environment.get("PYTHONPATH", "")))
    command = [sys.executable, "-m", "samseg_ros.cli", "replay", str(bag), "--loop", "--clock"]
    replay = subprocess.Popen([*command, "--wait-for-subscribers"], env=environment)
    whole = [index for index in range(FRAMES) if index not in NO_RGB | NO_THERMAL]
    try:
        # Before the first pair both have to be found, so the first loop does not count.
        peer.until(lambda: len(masks) > 4.5 * len(whole), "the masks of four loops")
        diagnosis = peer.diagnosis()
    finally:
        stop(replay)
    times = [mask.header.stamp.sec * 10**9 + mask.header.stamp.nanosec for mask in masks]
    indices = [(time - START) // PERIOD for time in times]
    for index, mask in zip(indices, masks, strict=True):
        color, heat = pictures(index)
        expected = np.where(heat > 128, 8, np.where(color[..., 2] > 128, 9, 0))
        np.testing.assert_array_equal(array_of(mask), expected, err_msg=f"pair {index} is mixed")
    begins = [i for i in range(1, len(indices)) if indices[i] < indices[i - 1]]
    loops = [indices[a:b] for a, b in itertools.pairwise(begins)]
    assert len(loops) >= 3
    assert all(loop == [index for index in whole if index in loop] for loop in loops), loops
    assert set(indices) == set(whole)
    # What is missing of a loop was paired, but came faster than masks could be made.
    assert len(loops) * len(whole) - sum(map(len, loops)) <= int(diagnosis.values["dropped"])
    assert int(diagnosis.values["jumps of stamps"]) >= 3
    assert node.process.poll() is None
