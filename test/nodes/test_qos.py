# SPDX-License-Identifier: Apache-2.0
"""Every quality of service that cameras and consumers have; what cannot work is reported by name."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from nodes.peer import LATCHED
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from samseg_ros.nodes.messages import to_image

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
VOLATILE, TRANSIENT_LOCAL = DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL


def test_cameras_and_consumers_of_every_kind(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory)
    for reliability in (RELIABLE, BEST_EFFORT):
        masks = peer.collect(Image, "/panorama_node/mask", QoSProfile(depth=5, reliability=reliability))
        for camera_reliability in (RELIABLE, BEST_EFFORT):
            for durability in (VOLATILE, TRANSIENT_LOCAL):
                qos = QoSProfile(depth=5, reliability=camera_reliability, durability=durability)
                camera = peer.camera(qos=qos)
                masks.clear()
                peer.until(
                    lambda: masks,  # noqa: B023
                    f"a mask as {reliability} of a camera with {camera_reliability}, {durability}",
                    lambda: camera.publish(to_image(peer.header(), "bgr8", picture)),  # noqa: B023
                )
                peer.node.destroy_publisher(camera)


def test_a_consumer_that_cannot_be_served_is_named(start, peer, bundle_directory):
    node = start(bundle=bundle_directory)
    peer.diagnosis(lambda d: d.values["state"] == "active", "active")
    peer.collect(Image, "/panorama_node/mask", LATCHED)
    diagnosis = peer.diagnosis(lambda d: d.values["incompatible QoS"] != "", "an incompatible consumer")
    assert diagnosis.level == "WARN"
    assert "/panorama_node/mask" in diagnosis.message
    assert "DURABILITY" in diagnosis.message
    assert "a subscriber of /panorama_node/mask asks for an incompatible QoS" in node.log


def test_silence_is_reported_with_the_topic(start, peer, bundle_directory):
    start("panorama_node", "-r", "~/image:=/roof/image", bundle=bundle_directory)
    diagnosis = peer.diagnosis(lambda d: "no image yet" in d.message, "silence")
    assert diagnosis.level == "WARN"
    assert "no image yet on /roof/image for" in diagnosis.message
    assert "nobody publishes it" in diagnosis.message
