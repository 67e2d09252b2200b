# SPDX-License-Identifier: Apache-2.0
"""Which topics of a bag are its RGB and its thermal camera."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np

from samseg_ros import images
from samseg_ros.bags.read import COMPRESSED_IMAGE, Bag, Message, deserialize, image_topics
from samseg_ros.errors import UserError
from samseg_ros.flow.modality import STREAMS

_THERMAL_NAME = re.compile(r"(?:^|[/_-])(?:thermal|lwir|ir|infrared|infra|flir)(?=\d*(?:[/_-]|$))", re.I)
# Single-channel too, and no camera's; or made from a camera's pictures.
_OTHER_NAME = re.compile(r"(?:^|[/_-])(?:depth|disparity|mask|confidence|overlay)(?=[/_-]|$)", re.I)
_THERMAL_ENCODINGS = ("mono8", "8UC1", "mono16", "16UC1", "32FC1")
_TRIED = 10  # messages of a topic, until one can be read


@dataclass(frozen=True)
class Streams:
    """Topic names of the two cameras; None where the bag need not have it."""

    rgb: str | None
    thermal: str | None


def find_streams(
    bag: Bag,
    rgb: str | None = None,
    thermal: str | None = None,
    needed: Collection[str] = STREAMS,
) -> Streams:
    """The topics of the two cameras: those given, others by their names and by what their first image is.

    `needed` names the streams ("rgb", "thermal") that there must be. UserError where one of these is not to
    be found, or where several topics could be it: it names them.
    """
    available = image_topics(bag)
    if not available:
        listed = ", ".join(sorted({c.topic for c in bag.channels})) or "none"
        raise UserError(f"{bag.path} holds no images; its topics: {listed}.")
    for topic in (rgb, thermal):
        if topic is not None and topic not in available:
            raise UserError(
                f"{bag.path} has no images on '{topic}'; choose from: {', '.join(sorted(available))}."
            )
    if rgb is not None and rgb == thermal:
        raise UserError(f"'{rgb}' cannot be both cameras; give --rgb-topic and --thermal-topic of their own.")
    given = {"rgb": rgb, "thermal": thermal}
    found: dict[str, str | None] = {}
    for stream in STREAMS:
        found[stream] = given[stream]
        if stream in needed and given[stream] is None:
            other = [topic for topic in given.values() if topic is not None]
            found[stream] = _only(bag, stream, [t for t in available if t not in other])
    return Streams(found["rgb"], found["thermal"])


def _only(bag: Bag, stream: str, available: list[str]) -> str:
    """The one topic that looks like this stream's; UserError where there is none, or more than one."""
    candidates = [topic for topic in available if _looks_like(bag, topic) == stream]
    if stream == "thermal":
        candidates = [t for t in candidates if _THERMAL_NAME.search(t)] or candidates
    candidates = _each_once(candidates)
    if len(candidates) == 1:
        return candidates[0]
    option = f"--{stream}-topic"
    what = "an RGB" if stream == "rgb" else "a thermal"
    if not candidates:
        raise UserError(
            f"no topic of {bag.path} looks like {what} camera's; choose with {option} from: "
            f"{', '.join(sorted(available)) or 'none'}."
        )
    raise UserError(
        f"several topics of {bag.path} may be {what} camera's ({', '.join(sorted(candidates))}); choose "
        f"with {option}."
    )


def cameras(bag: Bag) -> list[str]:
    """The image topics that are a camera's, as far as their names tell, each camera's once; if none, all."""
    available = image_topics(bag)
    return _each_once([topic for topic in available if not _OTHER_NAME.search(topic)]) or available


def _each_once(topics: list[str]) -> list[str]:
    """Without the compressed pictures of cameras that were recorded raw as well."""
    return [
        topic
        for topic in topics
        if topic.removesuffix("/compressed") not in topics or not topic.endswith("/compressed")
    ]


def _looks_like(bag: Bag, topic: str) -> str:
    """``rgb``, ``thermal``, or empty where it is neither or cannot be read."""
    if _OTHER_NAME.search(topic):
        return ""
    if _THERMAL_NAME.search(topic):
        return "thermal"
    for message in islice(bag.messages({topic}), _TRIED):
        try:
            return _content(message)
        except (UserError, images.ImageError):
            continue
    return ""


def _content(message: Message) -> str:
    content = deserialize(message)
    if message.channel.msgtype != COMPRESSED_IMAGE:
        if content.encoding in _THERMAL_ENCODINGS:
            return "thermal"
        return "rgb" if content.encoding in images.ENCODINGS else ""
    images.check_compressed(content.data)
    pixels = cv2.imdecode(np.asarray(content.data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise images.ImageError("it cannot be decoded.")
    return "thermal" if pixels.ndim == 2 and images.compressed_mosaic(content.format) is None else "rgb"
