# SPDX-License-Identifier: Apache-2.0
"""A drive taken from a bag: its first frames that can be read."""

from __future__ import annotations

import sys
from pathlib import Path

from samseg_ros.bags.image_messages import read_image, read_thermal
from samseg_ros.bags.pairs import Pair, plan
from samseg_ros.bags.read import COMPRESSED_IMAGE, TYPES, Bag, Message, deserialize, image_topics
from samseg_ros.bags.streams import cameras, find_streams
from samseg_ros.bags.write import new_bag
from samseg_ros.demo import folder as places
from samseg_ros.demo.drive import Drive, Stamp, Stream, header_stamp, paired
from samseg_ros.errors import UserError
from samseg_ros.images import ImageError

_USUAL_HZ = 10.0  # of a bag with one frame
_PERIODS_OF_SILENCE = 2.5  # recorded cameras keep no strict time


def take(folder: Path, source: Path, topic: str | None, frames: int) -> Drive:
    """The first `frames` readable images of one topic of a bag, as a bag in `folder`.

    Where none is named it is the first camera's; of several that is said.
    """
    with Bag(source) as bag:
        available = image_topics(bag)
        if not available:
            raise UserError(f"{source} holds no images.")
        if topic is not None and topic not in available:
            raise UserError(f"{source} has no images on '{topic}'; choose from: {', '.join(available)}.")
        found = cameras(bag)
        chosen = topic or found[0]
        if topic is None and len(found) > 1:
            print(
                f"taking {chosen}; --topic takes another of {source}: {', '.join(found[1:])}", file=sys.stderr
            )
        times: list[int] = []
        stamps: set[Stamp] = set()
        with new_bag(folder / places.DRIVE) as new:
            for message in bag.messages({chosen}):
                if len(times) == frames:
                    break
                restamped = _usable(message, stamps)
                if restamped is not None:
                    times.append(_after(times[-1:], message))
                    new.write(message.channel, times[-1], restamped)
            if not times:
                raise UserError(f"{source} has no readable image on '{chosen}'.")
        stream = Stream("image", chosen, _is_compressed(bag, chosen))
    return Drive(folder / places.DRIVE, (stream,), len(times), _rate(times), str(source))


def take_pairs(
    folder: Path, source: Path, rgb_topic: str | None, thermal_topic: str | None, frames: int
) -> Drive:
    """The first `frames` moments of an RGB and a thermal camera, as a bag in `folder`.

    UserError where the cameras are not to be found, or their pictures are not to be read.
    """
    with Bag(source) as bag:
        streams = find_streams(bag, rgb_topic, thermal_topic)
        silence = _PERIODS_OF_SILENCE * max(plan(bag, streams).periods) or 1.0
        times: list[int] = []
        stamps: set[Stamp] = set()
        kept: set[tuple[str, int, Stamp | None]] = set()
        for pair in paired(bag, streams, silence):
            if len(times) == frames:
                break
            found = [message for message in (pair.rgb, pair.thermal) if message is not None]
            # Frames are told apart by their stamps.
            if header_stamp(found[0]) in stamps or not _readable(pair):
                continue
            stamps.add(header_stamp(found[0]))
            times.append(found[0].time)
            kept.update(map(_name, found))
        if not times:
            raise UserError(f"{source} has no readable pair on '{streams.rgb}' and '{streams.thermal}'.")
        with new_bag(folder / places.DRIVE) as new:
            written: list[int] = []
            moments = {(topic, time) for topic, time, _ in kept}  # only there a stamp need be read
            for message in bag.messages({topic for topic, *_ in kept}):
                if (message.channel.topic, message.time) in moments and _name(message) in kept:
                    written = [_after(written, message)]
                    new.write(message.channel, written[0], message.data)
        cameras = tuple(
            Stream(name, topic, _is_compressed(bag, topic))
            for name, topic in (("rgb", streams.rgb), ("thermal", streams.thermal))
            if topic is not None
        )
    return Drive(folder / places.DRIVE, cameras, len(times), _rate(times), str(source), silence=silence)


def holds_pairs(source: Path) -> bool:
    """Whether a bag plainly has one RGB and one thermal camera."""
    with Bag(source) as bag:
        try:
            find_streams(bag)
        except UserError:  # which would tell what was not plain
            return False
    return True


def _name(message: Message) -> tuple[str, int, Stamp | None]:
    """What tells a message from others, even from those of the same moment; no stamp where it is broken."""
    try:
        stamp = header_stamp(message)
    except UserError:
        stamp = None
    return message.channel.topic, message.time, stamp


def _after(before: list[int], message: Message) -> int:
    """The message's log time, or one after the last of `before`: messages of a drive are told apart by it."""
    return max(message.time, *(time + 1 for time in before[-1:]), 0)


def _usable(message: Message, stamps: set[Stamp]) -> bytes | memoryview | None:
    """What to write for a message of the source: as it is; None where it holds no image.

    Frames are told apart by their stamps, so one whose stamp was there before gets its log time for one.
    """
    try:
        header, _ = read_image(message)
    except (UserError, ImageError):
        return None
    data: bytes | memoryview = message.data
    stamp = (header.stamp.sec, header.stamp.nanosec)
    if stamp in stamps:
        content = deserialize(message)
        stamp = divmod(message.time, 10**9)
        content.header.stamp.sec, content.header.stamp.nanosec = stamp
        data = TYPES.serialize_cdr(content, message.channel.msgtype)
    stamps.add(stamp)
    return data


def _readable(pair: Pair) -> bool:
    try:
        if pair.rgb:
            read_image(pair.rgb)
        if pair.thermal:
            read_thermal(pair.thermal)
    except (UserError, ImageError):
        return False
    return True


def _rate(times: list[int]) -> float:
    span = (times[-1] - times[0]) * 1e-9
    return (len(times) - 1) / span if span > 0 else _USUAL_HZ


def _is_compressed(bag: Bag, topic: str) -> bool:
    return next(c.msgtype for c in bag.channels if c.topic == topic) == COMPRESSED_IMAGE
