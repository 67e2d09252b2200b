# SPDX-License-Identifier: Apache-2.0
"""Every quality of service that cameras and consumers have; what cannot work is reported by name."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from nodes.peer import LATCHED
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

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
    consumer = peer.node.create_subscription(Image, "/panorama_node/mask", lambda _: None, LATCHED)
    diagnosis = peer.diagnosis(lambda d: d.values["incompatible QoS"] != "", "an incompatible consumer")
    assert diagnosis.level == "WARN"
    assert "/panorama_node/mask" in diagnosis.message
    assert "DURABILITY" in diagnosis.message
    assert "a subscriber of /panorama_node/mask asks for an incompatible QoS" in node.log
    peer.node.destroy_subscription(consumer)
    peer.diagnosis(lambda d: d.values["incompatible QoS"] == "", "that it has left")


def test_users_set_the_qos_of_any_topic(start, peer, bundle_directory, picture):
    overrides = {
        "qos_overrides./panorama_node/mask.publisher.durability": "transient_local",
        "qos_overrides./roof/image.subscription.reliability": "reliable",
        "qos_overrides./roof/image.subscription.depth": 2,
    }
    node = start("panorama_node", "-r", "~/image:=/roof/image", bundle=bundle_directory, **overrides)
    early = peer.collect(Image, "/panorama_node/mask")
    camera = peer.camera("/roof/image")
    peer.prime(camera, to_image(peer.header(), "bgr8", picture), early)
    late = peer.collect(Image, "/panorama_node/mask", LATCHED)
    peer.until(lambda: late, "the last mask, for who comes late")

    hasty = QoSProfile(depth=1, reliability=BEST_EFFORT)
    camera = peer.node.create_publisher(Image, "/roof/image", hasty)
    peer.diagnosis(
        lambda d: "incompatible QoS on /roof/image: RELIABILITY" in d.message, "a camera too hasty"
    )
    peer.node.destroy_publisher(camera)
    peer.diagnosis(lambda d: "incompatible QoS" not in d.message, "that it has left")
    assert "is unknown" not in node.log
    assert "has no effect" not in node.log


def test_overrides_that_cannot_be_meant_are_named(start, peer, bundle_directory):
    mask = "qos_overrides./panorama_node/mask.publisher"
    node = start(
        bundle=bundle_directory, autostart=False, **{f"{mask}.reliability": "sometimes", f"{mask}.dept": 1}
    )
    assert not peer.transition("panorama_node", "configure")
    sentence = f"parameter '{mask}.reliability' is 'sometimes'; expected one of: reliable, best_effort."
    peer.diagnosis(lambda d: sentence in d.message, "an error")
    assert peer.set("panorama_node", **{f"{mask}.reliability": "reliable"})[0].successful
    assert peer.transition("panorama_node", "configure")
    assert peer.transition("panorama_node", "activate")
    peer.until(lambda: f"'{mask}.dept' has no effect; did you mean '{mask}.depth'?" in node.log, "a warning")


def test_what_the_node_had_for_other_topics_before_is_nobodys_mistake(start, peer, bundle_directory):
    node = start(bundle=bundle_directory)
    peer.diagnosis(lambda d: d.values["state"] == "active", "active")
    assert peer.transition("panorama_node", "deactivate")
    assert peer.transition("panorama_node", "cleanup")
    assert peer.set("panorama_node", image_transport="compressed")[0].successful
    assert peer.transition("panorama_node", "configure")
    assert peer.transition("panorama_node", "activate")
    peer.until(lambda: "listening to /panorama_node/image/compressed" in node.log, "the other topic")
    assert "has no effect" not in node.log


def test_silence_is_reported_with_the_topic(start, peer, bundle_directory):
    start("panorama_node", "-r", "~/image:=/roof/image", bundle=bundle_directory)
    diagnosis = peer.diagnosis(lambda d: "no image yet" in d.message, "silence")
    assert diagnosis.level == "WARN"
    assert "no image yet on /roof/image for" in diagnosis.message
    assert "nobody publishes it" in diagnosis.message


def test_a_topic_of_another_type_is_named(start, peer, bundle_directory):
    start("panorama_node", "-r", "~/image:=/roof/compressed", bundle=bundle_directory)
    peer.node.create_publisher(CompressedImage, "/roof/compressed", 10)
    diagnosis = peer.diagnosis(lambda d: "what is published there is" in d.message, "the type")
    assert "there is sensor_msgs/CompressedImage, not sensor_msgs/Image." in diagnosis.message
