# SPDX-License-Identifier: Apache-2.0
"""What a node publishes for each frame, and what it says about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String

from samseg_ros import drawing
from samseg_ros.bundle import Bundle
from samseg_ros.nodes import messages
from samseg_ros.pipeline import Result

try:
    from rclpy.event_handler import PublisherEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks

# Reliable and volatile reaches every kind of subscriber but one that asks for latched images.
IMAGE_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=2, reliability=ReliabilityPolicy.RELIABLE)
LATCHED_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)

IMAGES = ("mask", "confidence", "color", "overlay")


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
    """The publishers of a configured node, under its own name: ``~/mask`` and so on."""

    def __init__(self, node: Node, bundle: Bundle) -> None:
        self._node = node
        self._table = drawing.bgr_table(bundle.labels)
        self.incompatible: dict[str, str] = {}  # topic: the QoS policy that keeps a subscriber away
        self._images = {name: self._advertise(Image, f"~/{name}", IMAGE_QOS) for name in IMAGES}
        self._latched = [self._advertise(String, "~/labels", LATCHED_QOS)]
        self._latched[0].publish(String(data=json.dumps(bundle.label_document())))
        if kind := messages.label_info_type():
            self._latched.append(self._advertise(kind, "~/label_info", LATCHED_QOS))
            header = Header(stamp=node.get_clock().now().to_msg())
            self._latched[1].publish(messages.label_info(header, bundle.labels))

    def wanted(self) -> frozenset[str]:
        """Names of the images that somebody subscribes to."""
        return frozenset(name for name, it in self._images.items() if it.get_subscription_count())

    def publish(self, segmented: Segmented, wanted: frozenset[str], alpha: float) -> None:
        """Publish the wanted images of one frame, the mask first; `alpha` is the overlay's."""
        header, image, result, _ = segmented
        if "mask" in wanted:
            self._images["mask"].publish(messages.to_image(header, "mono8", result.mask))
        if "confidence" in wanted and result.confidence is not None:
            self._images["confidence"].publish(messages.to_image(header, "mono8", result.confidence))
        if not wanted & {"color", "overlay"}:
            return
        color = drawing.colorize(result.mask, self._table)
        if "color" in wanted:
            self._images["color"].publish(messages.to_image(header, "bgr8", color))
        if "overlay" in wanted:
            if image.shape != color.shape:
                image = cv2.resize(image, (color.shape[1], color.shape[0]), interpolation=cv2.INTER_AREA)
            drawn = drawing.overlay(image, color, alpha)
            self._images["overlay"].publish(messages.to_image(header, "bgr8", drawn))

    def close(self) -> None:
        for publisher in (*self._images.values(), *self._latched):
            self._node.destroy_publisher(publisher)

    def _advertise(self, kind: type, topic: str, qos: QoSProfile) -> Publisher:
        events = PublisherEventCallbacks(incompatible_qos=self._incompatible_with(topic))
        return self._node.create_publisher(kind, topic, qos, event_callbacks=events)

    def _incompatible_with(self, topic: str) -> Callable[[Any], None]:
        name = self._node.resolve_topic_name(topic)

        def note(event: Any) -> None:
            self.incompatible[name] = qos_policy_name_from_kind(event.last_policy_kind)
            self._node.get_logger().warning(
                f"a subscriber of {name} asks for an incompatible QoS ({self.incompatible[name]}); "
                "nothing will be sent to it."
            )

        return note
