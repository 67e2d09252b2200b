# SPDX-License-Identifier: Apache-2.0
"""Records topics to a bag: raw CDR, as it arrives."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription

from samseg_ros import ending
from samseg_ros.bags.read import IMAGE, Channel
from samseg_ros.bags.write import BagWriter, channel, new_bag
from samseg_ros.draft import refuse_existing
from samseg_ros.errors import UserError
from samseg_ros.nodes.message_types import message_class, recorded_qos, subscriber_profile

_POLL_S = 0.1
_DEPTH = 100  # enough for a slow disk to catch up


def record(out: Path, topics: list[str], duration: float | None = None) -> dict[str, Any]:
    """Record until Ctrl-C, SIGTERM, SIGHUP or `duration` seconds; the bag then stands at `out`, whole.

    Returns ``{"out", "messages", "topics": {name: count}, "seconds"}``. A topic is subscribed to when its
    first publisher appears, with QoS that hears all of its publishers. Log times are those of arrival, in
    wall time. UserError where `out` exists or where nothing arrived (then there is no bag), and where the
    recording cannot go on (a full disk): what there is of it is then kept, and named.
    """
    refuse_existing(out)
    topics = list(dict.fromkeys(f"/{topic.lstrip('/')}" for topic in topics))
    started = time.perf_counter()
    with (
        _stop_signals() as stopped,
        _spinning_node() as (node, executor),
        new_bag(out, salvage=True) as writer,
    ):
        for usual in (IMAGE, "std_msgs/msg/String"):  # to import them takes a time in which messages are lost
            message_class(usual)
        tracks = [_Track(node, writer, topic) for topic in topics]
        print(f"waiting for {', '.join(topics)}", file=sys.stderr, flush=True)
        next_poll = 0.0
        while not stopped() and (duration is None or time.perf_counter() - started < duration):
            if time.monotonic() >= next_poll:
                next_poll = time.monotonic() + _POLL_S
                for track in tracks:
                    track.follow()
            executor.spin_once(timeout_sec=_POLL_S / 2)
        counts = {track.topic: track.count for track in tracks}
        for topic, count in counts.items():
            if not count:
                print(f"nothing arrived on {topic}", file=sys.stderr)
        if not any(counts.values()):
            raise UserError(f"nothing arrived on {', '.join(topics)}, so no bag was written.")
    return {
        "out": str(out),
        "messages": sum(counts.values()),
        "topics": counts,
        "seconds": round(time.perf_counter() - started, 3),
    }


class _Track:
    """One topic on its way into the bag."""

    def __init__(self, node: Node, writer: BagWriter, topic: str) -> None:
        self.topic = topic
        self.count = 0
        self._node = node
        self._writer = writer
        self._channel: Channel | None = None
        self._subscription: Subscription | None = None
        self._profile: QoSProfile | None = None
        self._unusable: str | None = None

    def follow(self) -> None:
        """Subscribe when there is a publisher; again, less strictly, when one joins that would go unheard."""
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        if not publishers:
            return
        msgtype = self._channel.msgtype if self._channel else publishers[0].topic_type
        kind = message_class(msgtype)
        if kind is None:
            if self._unusable != msgtype:
                print(
                    f"cannot record {self.topic}: its type {msgtype} is not installed here", file=sys.stderr
                )
                self._unusable = msgtype
            return
        offered = [info.qos_profile for info in publishers if info.topic_type == msgtype]
        profile = subscriber_profile(offered, _DEPTH)
        if self._channel is None:
            qos = tuple(dict.fromkeys(recorded_qos(one) for one in offered))
            self._channel = channel(self.topic, msgtype, qos)
            self._writer.add(self._channel)
        if self._profile is not None and not _weaker(profile, self._profile):
            return
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription = self._node.create_subscription(kind, self.topic, self._keep, profile, raw=True)
        self._profile = profile
        print(f"recording {self.topic} ({msgtype})", file=sys.stderr, flush=True)

    def _keep(self, data: bytes) -> None:
        assert self._channel is not None
        self._writer.write(self._channel, time.time_ns(), data)
        self.count += 1


def _weaker(profile: QoSProfile, than: QoSProfile) -> bool:
    return (
        than.reliability is ReliabilityPolicy.RELIABLE
        and profile.reliability is not ReliabilityPolicy.RELIABLE
    ) or (
        than.durability is DurabilityPolicy.TRANSIENT_LOCAL
        and profile.durability is not DurabilityPolicy.TRANSIENT_LOCAL
    )


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and its like end a recording in good order; the function given tells whether one came."""
    came = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, *ending.signals())}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _spinning_node() -> Iterator[tuple[Node, SingleThreadedExecutor]]:
    context = rclpy.Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node("samseg_record", context=context, start_parameter_services=False, enable_rosout=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
