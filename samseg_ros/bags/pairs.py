# SPDX-License-Identifier: Apache-2.0
"""Which frames of an RGB and a thermal camera in a bag belong together, and which stand alone.

A bag is read twice: :func:`plan` reads the stamps, with which the whole is decided; :class:`Frames` then
puts the messages together as they come by, so that few of them are held at a time.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from samseg_ros.bags.image_messages import nanoseconds, read_header
from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, Bag, Message
from samseg_ros.bags.streams import Streams
from samseg_ros.errors import UserError
from samseg_ros.flow.modality import STREAMS
from samseg_ros.flow.pairing import Pairing
from samseg_ros.images import ImageError

CAPACITY = 64  # frames of one camera by which the other may lag behind in the bag


@dataclass(frozen=True)
class Plan:
    """What is to become of each frame. Frames are numbered per stream (RGB, thermal) as they come in the bag.

    `pairs` maps RGB to thermal; `alone` are those to be used by themselves; `unreadable` tells why; whatever
    is in none of these has no partner and is left out. `periods` are the streams' median ones in seconds
    (0 where there are not two frames), `skews_ms` those of the pairs, `frame_id` the RGB camera's.
    """

    streams: Streams
    pairs: dict[int, int] = field(default_factory=dict)
    alone: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    unreadable: tuple[dict[int, str], dict[int, str]] = field(default_factory=lambda: ({}, {}))
    left_out: tuple[int, int] = (0, 0)
    periods: tuple[float, float] = (0.0, 0.0)
    skews_ms: tuple[float, ...] = ()
    frame_id: str = ""

    def __len__(self) -> int:
        """How many pairs and single frames there are to label."""
        return len(self.pairs) + sum(map(len, self.alone))


@dataclass(frozen=True)
class Pair:
    """Messages that belong together; None for the one that is missing. At least one is there."""

    rgb: Message | None
    thermal: Message | None


def plan(
    bag: Bag,
    streams: Streams,
    policy: str = "prefer_both",
    tolerance: float = 0.02,
    silence: float = 1.0,
    every_rgb: bool = True,
) -> Plan:
    """Decide what becomes of each frame under a policy of :data:`samseg_ros.flow.modality.POLICIES`.

    Pairs are those of :class:`samseg_ros.flow.pairing.Pairing` within `tolerance` seconds. With
    ``prefer_both`` a frame without a partner stands alone where the other camera was silent for more than
    `silence` seconds, and, with `every_rgb`, each RGB frame without one does: masks are made for the RGB
    camera, and a thermal frame between two of its pictures adds none. With ``both`` none does.
    """
    topics = (streams.rgb, streams.thermal)
    wanted = [i for i, name in enumerate(STREAMS) if policy not in STREAMS or policy == name]
    stamps: tuple[dict[int, int], dict[int, int]] = ({}, {})
    unreadable: tuple[dict[int, str], dict[int, str]] = ({}, {})
    pairs: dict[int, int] = {}
    pairing: Pairing[int] = Pairing(tolerance, CAPACITY)
    frame_id = ""
    counts = [0, 0]
    for message in _images(bag, {topics[i] for i in wanted}):
        stream = topics.index(message.channel.topic)
        number = counts[stream]
        counts[stream] += 1
        try:
            header = read_header(message, thermal=stream == 1)
        except (UserError, ImageError) as error:
            unreadable[stream][number] = str(error)
            continue
        if stream == 0 and not frame_id:
            frame_id = header.frame_id
        stamps[stream][number] = nanoseconds(header)
        if len(wanted) == 2:
            pairs.update(pairing.add(stream, stamps[stream][number], number))
    pairs.update(pairing.finish())
    single = (stamps[0].keys() - pairs.keys(), stamps[1].keys() - set(pairs.values()))
    alone: tuple[set[int], set[int]] = (set(), set())
    if policy != "both":
        for stream in wanted:
            if stream == 0 and every_rgb:
                alone[0].update(single[0])
            elif single[stream]:
                own, others = stamps[stream], sorted(stamps[1 - stream].values())
                edges = min(own.values()), max(own.values())
                alone[stream].update(n for n in single[stream] if _gap(others, edges, own[n]) > silence * 1e9)
    return Plan(
        streams,
        pairs,
        alone,
        unreadable,
        (len(single[0] - alone[0]), len(single[1] - alone[1])),
        (_period(stamps[0]), _period(stamps[1])),
        tuple(abs(stamps[0][rgb] - stamps[1][thermal]) * 1e-6 for rgb, thermal in pairs.items()),
        frame_id,
    )


class Frames:
    """Puts the frames of a plan together, in the order in which their first messages come."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rgb_of = {thermal: rgb for rgb, thermal in plan.pairs.items()}
        self._counts = [0, 0]
        # Each frame by its stream and number, a pair by its RGB frame's.
        self._waiting: dict[tuple[int, int], Pair] = {}

    def add(self, message: Message) -> Iterator[Pair]:
        """The frames that are complete with this message of the bag, of whatever topic."""
        topics = (self._plan.streams.rgb, self._plan.streams.thermal)
        if message.channel.topic not in topics or message.channel.msgtype not in (IMAGE, COMPRESSED_IMAGE):
            return
        stream = topics.index(message.channel.topic)
        number = self._counts[stream]
        self._counts[stream] += 1
        key = (0, self._rgb_of[number]) if stream and number in self._rgb_of else (stream, number)
        if key not in self._waiting and not self._is_wanted(key):
            return
        before = self._waiting.get(key, Pair(None, None))
        self._waiting[key] = Pair(message, before.thermal) if stream == 0 else Pair(before.rgb, message)
        while self._waiting:
            first = next(iter(self._waiting))
            pair = self._waiting[first]
            if first[0] == 0 and first[1] in self._plan.pairs and None in (pair.rgb, pair.thermal):
                return
            yield self._waiting.pop(first)

    def of(self, bag: Bag) -> Iterator[Pair]:
        """All frames of the bag that the plan was made of."""
        for message in bag.messages({t for t in (self._plan.streams.rgb, self._plan.streams.thermal) if t}):
            yield from self.add(message)

    def _is_wanted(self, key: tuple[int, int]) -> bool:
        stream, number = key
        return number in self._plan.alone[stream] or (stream == 0 and number in self._plan.pairs)


def _images(bag: Bag, topics: set[str | None]) -> Iterator[Message]:
    for message in bag.messages({topic for topic in topics if topic is not None}):
        if message.channel.msgtype in (IMAGE, COMPRESSED_IMAGE):
            yield message


def _gap(others: list[int], edges: tuple[int, int], stamp: int) -> float:
    """Nanoseconds from the last of the sorted `others` before this stamp to the first after it.

    `edges` are the first and the last stamp of the stamp's own stream, where the others may have none.
    """
    if not others:
        return math.inf
    after = bisect(others, stamp)
    start = others[after - 1] if after else min(edges[0], others[0])
    end = others[after] if after < len(others) else max(edges[1], others[-1])
    return end - start


def _period(stamps: dict[int, int]) -> float:
    return float(np.median(np.abs(np.diff(list(stamps.values()))))) * 1e-9 if len(stamps) > 1 else 0.0
