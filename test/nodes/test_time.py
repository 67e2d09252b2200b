# SPDX-License-Identifier: Apache-2.0
"""Simulated time that jumps back, as under a looped bag."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from samseg_ros.nodes.messages import to_image


def test_a_backward_jump_starts_the_statistics_anew(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory, use_sim_time=True)
    masks = peer.collect(Image, "/panorama_node/mask")
    camera = peer.camera()
    clock = peer.node.create_publisher(Clock, "/clock", 10)
    peer.until(clock.get_subscription_count, "a reader of /clock")

    def play(second: int, clock_first: bool = True) -> None:
        tick, image = Clock(), to_image(peer.header(), "bgr8", picture)
        tick.clock.sec = image.header.stamp.sec = second
        tick.clock.nanosec, image.header.stamp.nanosec = 500_000_000, 0
        for publisher, message in ((clock, tick), (camera, image))[:: 1 if clock_first else -1]:
            publisher.publish(message)
            peer.spin(0.15)

    peer.until(lambda: masks, "the first mask", lambda: play(100))
    for second in range(101, 104):
        play(second)
    before = peer.diagnosis(lambda d: d.values["latency p50 [ms]"] != "", "a latency")
    assert float(before.values["latency p50 [ms]"]) == pytest.approx(500, abs=1), "measured in simulated time"
    assert before.values["time jumps"] == "0"

    # The bag begins anew; its first frame overtakes the clock and seems 90 seconds old.
    masks.clear()
    play(10, clock_first=False)
    for second in range(11, 14):
        play(second)
    after = peer.diagnosis(lambda d: d.values["time jumps"] == "1" and d.values["latency max [ms]"], "a jump")
    assert float(after.values["latency max [ms]"]) == pytest.approx(500, abs=1)
    assert [mask.header.stamp.sec for mask in masks][-3:] == [11, 12, 13]
    assert after.level == "OK"


def test_stamps_of_another_clock_are_reported_and_not_counted(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory)
    masks = peer.collect(Image, "/panorama_node/mask")
    camera = peer.camera()
    image = to_image(peer.header(), "bgr8", picture)
    image.header.stamp.sec = 1000
    peer.until(lambda: masks, "a mask", lambda: camera.publish(image))
    diagnosis = peer.diagnosis(lambda d: int(d.values["published"]) > 0 and d.level == "WARN", "a warning")
    assert "use_sim_time" in diagnosis.message
    assert diagnosis.values["latency p50 [ms]"] == ""
