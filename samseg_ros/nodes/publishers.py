# SPDX-License-Identifier: Apache-2.0
"""The publishers of a configured node: which are wanted, and who cannot be served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, qos_policy_name_from_kind

from samseg_ros.nodes.qos import IMAGE_QOS, LATCHED_QOS, has_incompatible_reader, overridable

try:
    from rclpy.event_handler import PublisherEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks


class Publishers:
    """Those of what is made for each frame, by name (``mask`` publishes on ``~/mask``), and latched ones."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._incompatible: dict[str, str] = {}  # topic: the QoS policy that kept a subscriber away last
        self._per_frame: dict[str, Publisher] = {}
        self._latched: dict[str, Publisher] = {}

    def add(self, kind: type, name: str, topic: str = "") -> None:
        """Publish messages of this kind for each frame, on `topic` where it is not ``~/name``."""
        self._per_frame[name] = self._create(kind, topic or f"~/{name}", IMAGE_QOS)

    def wanted(self) -> frozenset[str]:
        """Names of those made for each frame that somebody subscribes to."""
        return frozenset(name for name, it in self._per_frame.items() if it.get_subscription_count())

    @property
    def incompatible(self) -> dict[str, str]:
        """By topic, the QoS policy that keeps a subscriber away now."""
        everyone = (*self._per_frame.values(), *self._latched.values())
        return {
            it.topic_name: self._incompatible[it.topic_name]
            for it in everyone
            if it.topic_name in self._incompatible and has_incompatible_reader(self.node, it)
        }

    def publish(self, name: str, message: Any) -> None:
        self._per_frame[name].publish(message)

    def latch(self, topic: str, message: Any) -> None:
        """Publish a message that is also for those who subscribe later, in place of the last one."""
        if topic not in self._latched:
            self._latched[topic] = self._create(type(message), topic, LATCHED_QOS)
        self._latched[topic].publish(message)

    def close(self) -> None:
        for publisher in (*self._per_frame.values(), *self._latched.values()):
            self.node.destroy_publisher(publisher)

    def _create(self, kind: type, topic: str, profile: QoSProfile) -> Publisher:
        events = PublisherEventCallbacks(incompatible_qos=self._incompatible_with(topic))
        return self.node.create_publisher(
            kind, topic, **overridable(self.node, topic, "publisher", profile), event_callbacks=events
        )

    def _incompatible_with(self, topic: str) -> Callable[[Any], None]:
        name = self.node.resolve_topic_name(topic)

        def note(event: Any) -> None:
            self._incompatible[name] = qos_policy_name_from_kind(event.last_policy_kind)
            self.node.get_logger().warning(
                f"a subscriber of {name} asks for an incompatible QoS ({self._incompatible[name]}); "
                "nothing will be sent to it."
            )

        return note
