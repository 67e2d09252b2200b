# SPDX-License-Identifier: Apache-2.0
"""A node whose engine takes its time, to be built or for ever: diagnostics are there all the while."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from samseg_ros.engine import EngineError, Prediction
from samseg_ros.nodes import diagnostics, segmentation_node
from samseg_ros.nodes.messages import to_image
from samseg_ros.nodes.panorama_node import panorama_node

NODE = "panorama_node"
SIZE = (32, 64)


class Built:
    runtime, version, device, precision = "tensorrt", "10.3.0", "Orin", "bf16"
    fallback = "fp16 agrees with the reference on 31.0% of confident pixels"

    def infer(self, **inputs: np.ndarray) -> Prediction:
        return Prediction(np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8))


@pytest.fixture
def node_with(domain, bundle_directory):
    """Makes a node of this process that loads its engine so."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    nodes = []

    def make(load_engine):
        given = {"bundle": str(bundle_directory), "diagnostics_period": 0.2, "precision": "fp16"}
        parameters = [Parameter(name, value=value) for name, value in given.items()]
        nodes.append(panorama_node(load_engine=load_engine, context=context, parameter_overrides=parameters))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()
        node.destroy_node()
    rclpy.shutdown(context=context)


def test_it_says_what_it_builds_and_for_how_long(node_with, peer):
    go_on, asked = threading.Event(), []

    def load(bundle, device, runtime, threads, precision, min_agreement, tell):
        asked.append((device, runtime, threads, precision, min_agreement))
        tell("building the engine, fp16")
        assert go_on.wait(60)
        return Built()

    node = node_with(load)
    configured = []
    configuring = threading.Thread(target=lambda: configured.append(node.trigger_configure()))
    configuring.start()
    try:
        report = peer.diagnosis(lambda d: d.message.startswith("building the engine, fp16, 1 s"), "progress")
        assert (report.level, report.values["state"]) == ("OK", report.message)
        assert report.values["bundle"] == "red"
        peer.until(lambda: peer.node.count_publishers(f"/{NODE}/mask"), "the mask's topic")
        assert asked == [("auto", "auto", 0, "fp16", 0.99)]
    finally:
        go_on.set()
        configuring.join(60)
    assert configured == [TransitionCallbackReturn.SUCCESS]
    node.trigger_activate()
    node._report()
    report = peer.diagnosis(lambda d: d.values["state"] == "active", "active", node._report)
    assert report.values["precision"] == "bf16"
    assert report.values["fallback"] == Built.fallback


def test_an_engine_that_cannot_be_built_is_explained(node_with, peer):
    def load(*_):
        raise EngineError("no engine can be trusted: fp32 agrees on 12 %.")

    node = node_with(load)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    report = peer.diagnosis(lambda d: d.level == "ERROR", "an error", node._report)
    assert report.message == "configuring failed: no engine can be trusted: fp32 agrees on 12 %."
    assert report.values["state"] == "unconfigured"


class Hanging(Built):
    """Answers until it is told to hang."""

    def __init__(self):
        self.go_on = threading.Event()
        self.go_on.set()

    def infer(self, **inputs: np.ndarray) -> Prediction:
        assert self.go_on.wait(60)
        return super().infer(**inputs)


@pytest.mark.parametrize("end", ["deactivate", "shutdown"])
def test_an_engine_that_hangs_is_reported_and_can_be_left_behind(node_with, peer, monkeypatch, end):
    monkeypatch.setattr(segmentation_node, "LONGEST_FRAME", 0.2)
    monkeypatch.setattr(diagnostics, "STALL", 0.5)
    engines = [Hanging(), Built()]
    first = engines[0]
    node = node_with(lambda *_: engines.pop(0))
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    spinning = threading.Thread(target=executor.spin, daemon=True)
    spinning.start()
    assert peer.transition(NODE, "configure") and peer.transition(NODE, "activate")
    masks, camera = peer.collect(Image, f"/{NODE}/mask"), peer.camera()
    shown = to_image(peer.header(), "bgr8", np.zeros((*SIZE, 3), np.uint8))
    peer.until(lambda: masks, "a mask", lambda: camera.publish(shown))
    left_behind = node._worker
    first.go_on.clear()
    try:
        report = peer.diagnosis(lambda d: d.level == "ERROR", "an error", lambda: camera.publish(shown))
        assert "the engine has had one frame for" in report.message
        assert not peer.transition(NODE, end)
        report = peer.diagnosis(lambda d: "the engine hangs" in d.message, "what failed")
        state = "unconfigured" if end == "deactivate" else "finalized"
        assert report.values["state"] == peer.state(NODE) == state
        peer.until(lambda: not peer.node.count_publishers(f"/{NODE}/mask"), "the end of the masks")
        if end == "deactivate":  # and with another engine it goes on
            assert peer.transition(NODE, "configure") and peer.transition(NODE, "activate")
            masks.clear()
            peer.until(lambda: masks, "a mask", lambda: camera.publish(shown))
        # What the first one makes of its frame after all is nobody's business.
        before = node.statistics.published
        first.go_on.set()
        assert left_behind.stop(60)
        assert (node.statistics.published, node.statistics.failed) == (before, 0)
    finally:
        first.go_on.set()
        executor.shutdown()
        spinning.join(60)
