# SPDX-License-Identifier: Apache-2.0
"""Publishes a bag as it was recorded: raw CDR, original timing."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock

from samseg_ros.bags.read import Bag, Channel
from samseg_ros.draft import draft
from samseg_ros.errors import UserError
from samseg_ros.nodes.message_types import message_class, publisher_profile

CLOCK_HZ = 40.0  # as `ros2 bag play --clock`
DISCOVERY_S = 3.0  # for a first subscriber, where the caller was not willing to wait
_MOMENT_S = 1.0  # for the others then
_NAMED_S = 60.0  # for the rest of the topics that the caller named, once one has a subscriber
_OTHERS_S = 3.0  # for the other topics, where the caller was willing to wait
_SETTLE_S = 0.3  # a subscriber that has been matched here may still be matching us
_ACKNOWLEDGE_S = 2.0

# Told (topic, log time, wall time sent), both times in nanoseconds.
Sent = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ReplayOptions:
    """`rate` 2 is twice as fast. `remaps` renames topics. `wait_s` is how long to wait for a subscriber:
    None waits a moment and then starts anyway. `wait_topics`, as they are called after remapping, are those
    whose subscribers count, on the topic itself or with ``/compressed``; none named: any. `times` names a CSV
    to write when each message was sent.
    """

    rate: float = 1.0
    loop: bool = False
    clock: bool = False
    topics: tuple[str, ...] = ()
    remaps: dict[str, str] = field(default_factory=dict)
    wait_s: float | None = None
    wait_topics: tuple[str, ...] = ()
    times: Path | None = None


def replay(source: Path, options: ReplayOptions) -> dict[str, Any]:
    """Publish the bag and return ``{"messages", "topics": {name: count}, "skipped_topics", "seconds"}``.

    Topics whose type is not installed are announced and left out. UserError where the bag cannot be read,
    a topic asked for is not in it, nothing can be published, nobody subscribes within `wait_s`, or `times`
    are wanted of a loop.
    """
    if options.loop and options.times is not None:
        raise UserError("a replay in a loop is never over, and --times is written at the end; leave one out.")
    with Bag(source) as bag, _node("samseg_replay") as node:
        wanted = _wanted(bag, options)
        publishers, skipped = _publishers(bag, node, wanted, options)
        if not publishers:
            raise UserError(
                f"{source} holds nothing that can be published here; its types are not installed."
            )
        clock = _ClockTicker(node) if options.clock else None
        _await_subscribers(bag.path, list(publishers.values()), options)
        counts = dict.fromkeys((publisher.topic_name for publisher in publishers.values()), 0)
        started = time.perf_counter()
        with _times(options.times) as write_time:
            while True:
                for topic in _play(bag, publishers, options.rate, clock, write_time):
                    counts[topic] += 1
                if not options.loop or not any(counts.values()):
                    break
                pause = _interval(bag, {topic for topic, _ in publishers}) / options.rate
                then = bag.end() + int(pause * options.rate * 1e9)
                _sleep(time.monotonic() + pause, clock, then, options.rate)
        seconds = time.perf_counter() - started
        for publisher in publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=_ACKNOWLEDGE_S))
        return {
            "messages": sum(counts.values()),
            "topics": counts,
            "skipped_topics": skipped,
            "seconds": round(seconds, 3),
        }


def _wanted(bag: Bag, options: ReplayOptions) -> set[str]:
    there = {channel.topic for channel in bag.channels}
    for topic in (*options.topics, *options.remaps):
        if topic not in there:
            raise UserError(
                f"{bag.path} has no topic '{topic}'; choose from: {', '.join(sorted(there)) or 'none'}."
            )
    wanted = set(options.topics) or there
    # Two sources of time would make it jump.
    return wanted - {"/clock"} if options.clock else wanted


def _publishers(
    bag: Bag, node: Node, wanted: set[str], options: ReplayOptions
) -> tuple[dict[tuple[str, str], Publisher], list[str]]:
    """A publisher per topic and type, and the topics whose type is not installed."""
    offered: dict[tuple[str, str], list[Channel]] = {}
    for channel in bag.channels:
        if channel.topic in wanted:
            offered.setdefault((channel.topic, channel.msgtype), []).append(channel)
    publishers: dict[tuple[str, str], Publisher] = {}
    skipped: list[str] = []
    for (topic, msgtype), channels in offered.items():
        kind = message_class(msgtype)
        if kind is None:
            print(f"skipping {topic}: its type {msgtype} is not installed here", file=sys.stderr)
            skipped.append(topic)
            continue
        qos = tuple(qos for channel in channels for qos in channel.qos)
        profile = publisher_profile(qos, bag.count({topic}))
        publishers[topic, msgtype] = node.create_publisher(kind, options.remaps.get(topic, topic), profile)
    return publishers, skipped


def _await_subscribers(path: Path, publishers: list[Publisher], options: ReplayOptions) -> None:
    """Wait for a first subscriber, then a while for others: nodes take their time, and so does discovery."""
    wait_s = options.wait_s
    named = [
        [publisher for publisher in publishers if publisher.topic_name in (topic, f"{topic}/compressed")]
        for topic in options.wait_topics
    ]
    counted = [publisher for found in named for publisher in found] or publishers
    if named and counted is publishers:
        raise UserError(
            f"{path} publishes none of {', '.join(options.wait_topics)}; it has: "
            f"{', '.join(publisher.topic_name for publisher in publishers)}."
        )

    def heard(some: list[Publisher]) -> bool:
        return any(publisher.get_subscription_count() > 0 for publisher in some)

    if not _wait(lambda: heard(counted), DISCOVERY_S if wait_s is None else wait_s):
        if wait_s is None:
            return
        topics = ", ".join(publisher.topic_name for publisher in counted)
        raise UserError(f"nobody subscribed to {topics} within {wait_s:g} s; start a subscriber first.")
    _wait(lambda: all(heard(found) for found in named if found), _NAMED_S)
    _wait(
        lambda: all(heard([publisher]) for publisher in publishers),
        _MOMENT_S if wait_s is None else _OTHERS_S,
    )
    time.sleep(_SETTLE_S)


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _interval(bag: Bag, topics: set[str]) -> float:
    """Seconds from one message of the fullest of these topics to the next, in the mean; a tenth where there
    is none.
    """
    seconds = (bag.end() - bag.start()) * 1e-9
    most = max(bag.count({topic}) for topic in topics)
    return seconds / (most - 1) if seconds > 0.0 and most > 1 else 0.1


def _sleep(due: float, clock: _ClockTicker | None, time_then: int, rate: float) -> None:
    """Until the monotonic time `due`, at which the time of the bag is `time_then`; the clock goes on."""
    while (now := time.monotonic()) < due:
        if clock:
            clock.tick(time_then - int((due - now) * rate * 1e9))
            time.sleep(max(0.0, min(due, clock.due) - time.monotonic()))
        else:
            time.sleep(due - now)


def _play(
    bag: Bag,
    publishers: dict[tuple[str, str], Publisher],
    rate: float,
    clock: _ClockTicker | None,
    sent: Sent | None,
) -> Iterator[str]:
    """Publish the bag once; yields the topic of each message that went out."""
    first = bag.start()
    began = time.monotonic()
    for message in bag.messages({topic for topic, _ in publishers}):
        publisher = publishers.get((message.channel.topic, message.channel.msgtype))
        if publisher is None:
            continue
        _sleep(began + (message.time - first) / rate * 1e-9, clock, message.time, rate)
        if clock:
            clock.tick(message.time)
        if sent:
            sent(publisher.topic_name, message.time, time.time_ns())
        publisher.publish(message.data)
        yield publisher.topic_name


class _ClockTicker:
    """Publishes /clock at CLOCK_HZ."""

    def __init__(self, node: Node) -> None:
        self._publisher = node.create_publisher(Clock, "/clock", QoSProfile(depth=1))
        self.due = 0.0

    def tick(self, stamp_ns: int) -> None:
        """Publish bag time `stamp_ns` if it is time to."""
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + 1.0 / CLOCK_HZ
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(stamp_ns, 10**9)
        self._publisher.publish(message)


@contextmanager
def _times(path: Path | None) -> Iterator[Sent | None]:
    with draft(path) if path else nullcontext() as unfinished:
        if unfinished is None:
            yield None
            return
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(("topic", "log_time_ns", "sent_ns"))
            yield lambda *row: rows.writerow(row)


@contextmanager
def _node(name: str) -> Iterator[Node]:
    # Ctrl-C stays Python's own, so that it ends this command like any other.
    context = rclpy.Context()
    # No arguments of this process: rcl would take FROM:=TO among them for its own.
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node(name, context=context, start_parameter_services=False, enable_rosout=False)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
