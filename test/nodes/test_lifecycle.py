# SPDX-License-Identifier: Apache-2.0
"""The life cycle as a lifecycle manager would drive it, and parameters refused by name."""

from __future__ import annotations

import signal

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from lifecycle_msgs.msg import Transition
from nodes.peer import DEADLINE
from sensor_msgs.msg import Image

from samseg_ros.nodes.messages import to_image

NODE = "panorama_node"


def test_a_round_through_all_states_and_a_second_one(start, peer, bundle_directory, picture):
    node = start(bundle=bundle_directory, autostart=False)
    assert peer.state(NODE) == "unconfigured"
    masks = peer.collect(Image, "/panorama_node/mask")
    camera = peer.node.create_publisher(Image, "/panorama_node/image", 10)
    for _ in range(2):
        assert peer.transition(NODE, "configure")
        assert peer.state(NODE) == "inactive"
        assert camera.get_subscription_count() == 0
        assert peer.transition(NODE, "activate")
        masks.clear()
        peer.until(lambda: masks, "a mask", lambda: camera.publish(to_image(peer.header(), "bgr8", picture)))
        assert peer.transition(NODE, "deactivate")
        peer.until(lambda: camera.get_subscription_count() == 0, "the end of the subscription")
        assert peer.transition(NODE, "activate")
        assert peer.transition(NODE, "deactivate")
        assert peer.transition(NODE, "cleanup")
        assert peer.state(NODE) == "unconfigured"
    assert peer.transition(NODE, "configure")
    assert peer.transition(NODE, "activate")
    assert peer.transition(NODE, "shutdown")
    assert peer.state(NODE) == "finalized"
    node.process.send_signal(signal.SIGINT)
    assert node.process.wait(DEADLINE) == 0
    assert "Traceback" not in node.log


def test_what_cannot_be_done_now_is_refused_by_label_and_by_id(start, peer, bundle_directory, picture):
    node = start(bundle=bundle_directory)
    peer.diagnosis(lambda d: d.values["state"] == "active", "active")
    for wanted in ("configure", Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP, 77):
        assert not peer.transition(NODE, wanted)
        assert peer.state(NODE) == "active"
    assert f"transition {Transition.TRANSITION_CLEANUP} was asked for, which cannot be made" in node.log
    masks = peer.collect(Image, "/panorama_node/mask")
    camera = peer.camera()
    peer.until(lambda: masks, "a mask", lambda: camera.publish(to_image(peer.header(), "bgr8", picture)))
    assert peer.transition(NODE, Transition.TRANSITION_DEACTIVATE)
    assert peer.state(NODE) == "inactive"


def test_a_failed_configure_is_explained_and_can_be_put_right(
    start, peer, bundle_directory, red_bundle, tmp_path
):
    node = start(bundle="atlantis")  # starts itself, or tries to
    diagnosis = peer.diagnosis(lambda d: d.level == "ERROR", "an error")
    assert "there is no model bundle 'atlantis'" in diagnosis.message
    assert diagnosis.values["state"] == "unconfigured"
    assert "there is no model bundle 'atlantis'" in node.log
    assert peer.state(NODE) == "unconfigured"

    assert peer.set(NODE, bundle=str(red_bundle(tmp_path / "camera", task="camera").path))[0].successful
    assert not peer.transition(NODE, "configure")
    peer.diagnosis(lambda d: "bundle 'red' is for task camera" in d.message, "another error")

    assert peer.set(NODE, bundle=str(bundle_directory))[0].successful
    assert peer.transition(NODE, "configure")
    assert peer.transition(NODE, "activate")
    peer.diagnosis(lambda d: d.values["state"] == "active" and d.level != "ERROR", "a healthy node")


def test_wrong_parameters_are_refused_by_name_at_configure(start, peer, bundle_directory):
    wrong = {"output_size": "huge", "overlay_alpha": 1.5, "threads": "many"}
    right = {"output_size": "camera", "overlay_alpha": 1.0, "threads": 1}
    sentences = [
        "parameter 'output_size' is 'huge'; expected one of: camera, network.",
        "parameter 'overlay_alpha' is 1.5; expected a number from 0 to 1.",
        "parameter 'threads' is 'many'; expected a whole number from 0 to 1024.",
    ]
    node = start(bundle=bundle_directory, **wrong)
    diagnosis = peer.diagnosis(lambda d: d.level == "ERROR", "an error")
    for sentence, (name, value) in zip(sentences, right.items(), strict=True):
        assert sentence in diagnosis.message
        assert sentence in node.log
        assert not peer.transition(NODE, "configure"), f"{name} was not put right yet"
        assert peer.set(NODE, **{name: value})[0].successful
    assert peer.transition(NODE, "configure")


def test_parameters_while_the_node_works(start, peer, bundle_directory):
    node = start(bundle=bundle_directory, bundel="typo")
    peer.diagnosis(lambda d: d.values["state"] == "active", "active")
    assert "parameter 'bundel' is unknown to this node and has no effect; did you mean 'bundle'?" in node.log
    refused = peer.set(NODE, device="GPU")[0]
    assert not refused.successful
    assert "'device' cannot change now" in refused.reason
    refused = peer.set(NODE, overlay_alpha=7.0)[0]
    assert not refused.successful
    assert "overlay_alpha" in refused.reason
    assert peer.set(NODE, overlay_alpha=0.25)[0].successful
    assert peer.set(NODE, overlay_alpha=1)[0].successful, "a whole number will do for a float"
