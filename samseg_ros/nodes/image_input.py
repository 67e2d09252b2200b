# SPDX-License-Identifier: Apache-2.0
"""One image topic that a node listens to, raw or compressed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind
from sensor_msgs.msg import CompressedImage, Image

from samseg_ros.flow.window import Window
from samseg_ros.images import ImageError
from samseg_ros.nodes import messages
from samseg_ros.nodes.qos import has_incompatible_writer, overridable

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

# What REP-2003 asks of who reads a sensor. Only the newest frame is kept in the end, but it is chosen among
# those that are sound: at a depth of 1 the middleware itself would let a malformed one replace a good one.
QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)

WARNING_PERIOD = 5.0  # seconds between warnings about malformed images


class Arrival(NamedTuple):
    """An image message that looks sound, and when it came (monotonic clock, seconds)."""

    message: messages.AnyImage
    at: float


class ImageInput:
    """Subscribes to an image topic and hands each message that looks sound to `keep`.

    A message that is not sound is counted and warned of, and goes no further: it cannot take the place of
    a good one that waits. With transport ``compressed`` the topic is the image's with ``/compressed``
    appended after remapping, as image_transport does it, unless that is how it ends already. `content` says
    how the pixels are read.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        transport: str,
        keep: Callable[[Arrival], None],
        content: messages.Content = messages.COLOR,
    ) -> None:
        self._node = node
        self._keep = keep
        self._content = content
        self._counting = threading.Lock()
        self.name = topic.removeprefix("~/")  # of the input, whatever its topic is called outside
        self.began = time.monotonic()
        self.last: float | None = None  # monotonic time of the last message
        self.received = 0
        self.malformed = 0
        self.last_reason = ""
        self._incompatible = ""  # the QoS policy that kept a publisher of this topic away last
        self.arrivals = Window()
        self.refusals = Window()
        self.transport_ms = Window()
        base = node.resolve_topic_name(topic)
        kind, name = Image, base
        if transport == "compressed":
            kind, name = CompressedImage, f"{base.removesuffix('/compressed')}/compressed"
        self._type = kind
        events = SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible)
        self._subscription = node.create_subscription(
            kind,
            name,
            self._receive,
            **overridable(node, name, "subscription", QOS),
            event_callbacks=events,
        )
        self.topic = self._subscription.topic_name

    def pixels(self, arrival: Arrival) -> np.ndarray | None:
        """The image as its `content` reads it; None where it is malformed after all, which is counted."""
        try:
            return self._content.pixels(arrival.message)
        except ImageError as error:
            self.refuse(error)
            return None

    @property
    def incompatible(self) -> str:
        """The QoS policy that keeps a publisher of this topic away now; empty where none is kept away."""
        clash = self._incompatible and has_incompatible_writer(self._node, self._subscription)
        return self._incompatible if clash else ""

    def why_silent(self) -> str:
        """What is known of why nothing comes, to go on with a sentence; empty where nothing is known."""
        known = self._node.get_publishers_info_by_topic(self.topic)
        if not known:
            return "; nobody publishes it"
        types = {one.topic_type.replace("/msg/", "/") for one in known}
        expected = f"sensor_msgs/{self._type.__name__}"
        if expected in types:
            return ""
        return f"; what is published there is {' and '.join(sorted(types))}, not {expected}"

    def forget_times(self) -> None:
        """After a jump of time: durations across it mean nothing."""
        self.transport_ms.clear()

    def close(self) -> None:
        self._node.destroy_subscription(self._subscription)

    def _receive(self, message: messages.AnyImage) -> None:
        now = time.monotonic()
        self.received += 1
        self.last = now
        self.arrivals.add(now)
        try:
            if message.header.stamp.sec < 0:  # rclpy knows no such time
                raise ImageError(f"the stamp is {message.header.stamp.sec} s; it must not be negative.")
            self._content.check(message)
        except ImageError as error:
            self.refuse(error)
            return
        travelled = messages.age(message.header, self._node.get_clock().now())
        if travelled is not None:
            self.transport_ms.add(now, travelled * 1e3)
        self._keep(Arrival(message, now))

    def refuse(self, error: ValueError) -> None:
        """Count a message of which nothing can be made, and tell why."""
        with self._counting:  # the executor's thread and the worker's both come here
            self.malformed += 1
            self.last_reason = str(error)
        self.refusals.add(time.monotonic())
        self._node.get_logger().warning(
            f"malformed image on {self.topic} ({self.malformed} so far): {error}",
            throttle_duration_sec=WARNING_PERIOD,
        )

    def _on_incompatible(self, event: Any) -> None:
        self._incompatible = qos_policy_name_from_kind(event.last_policy_kind)
        self._node.get_logger().warning(
            f"a publisher of {self.topic} offers an incompatible QoS ({self._incompatible}); "
            "nothing will be received from it."
        )
