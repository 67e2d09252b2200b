# SPDX-License-Identifier: Apache-2.0
"""What a node publishes for each frame, and what it says about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from samseg_ros import drawing
from samseg_ros.bundle import Bundle
from samseg_ros.labels import UNLABELED
from samseg_ros.nodes import messages
from samseg_ros.nodes.class_outputs import ClassOutputs, publish_labels
from samseg_ros.nodes.parameters import Settings
from samseg_ros.nodes.publishers import Publishers
from samseg_ros.nodes.view_outputs import ViewOutputs
from samseg_ros.pipeline import Result


class Segmented(NamedTuple):
    """A frame and what was made of it.

    `header` is the input's; `image` BGR uint8 [H, W, 3] is what overlays are drawn on; `arrived` is when
    the frame came (monotonic clock, seconds).
    """

    header: Header
    image: np.ndarray
    result: Result
    arrived: float


class Outputs:
    """What a configured node publishes under its own name: ``~/mask`` and so on."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publishers = Publishers(node)

    def advertise(self, bundle: Bundle, settings: Settings) -> None:
        """Create the publishers, publish the labels; ValueError for settings that do not fit the bundle."""
        self._settings = settings
        self._table = drawing.bgr_table(bundle.labels)
        for name in ("mask", "confidence", "color", "overlay"):
            self._publishers.add(Image, name)
        # The name that image_transport gives it: that of the mask after remapping, with /compressed.
        compressed = f"{self._node.resolve_topic_name('~/mask')}/compressed"
        self._publishers.add(CompressedImage, "mask/compressed", compressed)
        publish_labels(self._publishers, "~/", bundle)
        self._classes = ClassOutputs(self._publishers, bundle, settings)
        self._views = ViewOutputs(self._publishers, settings)

    @property
    def incompatible(self) -> Mapping[str, str]:
        """Topics with a subscriber that cannot be served, and the QoS policy that keeps it away."""
        return self._publishers.incompatible

    def values(self) -> list[tuple[str, str]]:
        """Figures for the report on /diagnostics."""
        return self._views.values()

    def wanted(self) -> frozenset[str]:
        """Names of the outputs that somebody subscribes to."""
        return self._publishers.wanted()

    def need_confidence(self, wanted: frozenset[str]) -> bool:
        """Whether these outputs cannot be made without the confidence of each pixel."""
        return "confidence" in wanted or self._settings["min_confidence"] > 0.0

    def publish(self, segmented: Segmented, wanted: frozenset[str]) -> None:
        """Publish the wanted outputs of one frame, the mask first."""
        header, image, result, _ = segmented
        mask = _sure(result, self._settings["min_confidence"])
        if "mask" in wanted:
            self._publishers.publish("mask", messages.to_image(header, "mono8", mask))
        if "mask/compressed" in wanted:
            self._publishers.publish("mask/compressed", messages.to_png(header, mask))
        self._classes.publish(header, mask, wanted)
        self._views.publish(header, image, mask, wanted)
        if "confidence" in wanted and result.confidence is not None:
            self._publishers.publish("confidence", messages.to_image(header, "mono8", result.confidence))
        if not wanted & {"color", "overlay"}:
            return
        color = drawing.colorize(mask, self._table)
        if "color" in wanted:
            self._publishers.publish("color", messages.to_image(header, "bgr8", color))
        if "overlay" in wanted:
            if image.shape != color.shape:
                image = cv2.resize(image, (color.shape[1], color.shape[0]), interpolation=cv2.INTER_AREA)
            drawn = drawing.overlay(image, color, self._settings["overlay_alpha"])
            self._publishers.publish("overlay", messages.to_image(header, "bgr8", drawn))

    def close(self) -> None:
        self._publishers.close()


def _sure(result: Result, least: float) -> np.ndarray:
    """The mask, unlabelled where its probability is below `least` (0..1)."""
    if result.confidence is None or least == 0.0:
        return result.mask
    # 255 where it is below, 0 elsewhere; and any id with 255 over it is 255.
    below = cv2.threshold(result.confidence, math.ceil(least * 255.0) - 1, UNLABELED, cv2.THRESH_BINARY_INV)[
        1
    ]
    return cv2.bitwise_or(result.mask, below)
