# SPDX-License-Identifier: Apache-2.0
"""The drive that the demonstration replays: a bag of one camera, or of an RGB and a thermal one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from samseg_ros.bags.image_messages import nanoseconds, read_image, read_thermal
from samseg_ros.bags.pairs import Frames, Pair, plan
from samseg_ros.bags.read import Bag, Message, deserialize
from samseg_ros.bags.streams import Streams

Stamp = tuple[int, int]


@dataclass(frozen=True)
class Stream:
    """A camera of the drive: the node's `input` ("image", "rgb" or "thermal") and its topic in the bag."""

    input: str
    topic: str
    compressed: bool = False

    @property
    def image(self) -> str:
        """The topic as a node is told it: of compressed images the one above, as image_transport has it."""
        return self.topic.removesuffix("/compressed") if self.compressed else self.topic

    @property
    def sent_on(self) -> str:
        """The topic on which the images travel."""
        return f"{self.image}/compressed" if self.compressed else self.image


@dataclass(frozen=True)
class Frame:
    """What the cameras saw at one moment; None for a camera that saw nothing.

    `stamp` is the (sec, nanosec) that the mask will have, `sent` topic and log time in nanoseconds of each
    message. `image` is BGR uint8 [h, w, 3], `thermal` as its camera gives it, `truth` uint8 [h, w] or not
    known. `light` is that of a rendered street. `is_of_two`: the drive has an RGB and a thermal camera.
    """

    stamp: Stamp
    sent: tuple[tuple[str, int], ...]
    image: np.ndarray | None
    thermal: np.ndarray | None = None
    truth: np.ndarray | None = None
    light: str = ""
    is_of_two: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture that the mask belongs to."""
        picture = self.thermal if self.image is None else self.image
        assert picture is not None  # one of them is there
        return picture.shape[0], picture.shape[1]

    @property
    def given(self) -> str:
        """Which cameras saw something: ``both``, ``rgb`` or ``thermal``."""
        if self.image is None:
            return "thermal"
        return "rgb" if self.thermal is None else "both"


@dataclass(frozen=True)
class Drive:
    """A bag with a camera, or an RGB and a thermal one, and nothing else.

    `hz` is its own frame rate; `truth`, if known, holds ``<index>.png``, and `lights` the light of each
    frame. A camera that gives nothing for `silence` seconds of the bag is silent.
    """

    bag: Path
    streams: tuple[Stream, ...]
    frames: int
    hz: float
    source: str
    truth: Path | None = None
    lights: tuple[str, ...] = ()
    silence: float = 1.0

    @property
    def has_two(self) -> bool:
        """Whether it is of an RGB and a thermal camera."""
        return len(self.streams) == 2

    def play(self) -> Iterator[Frame]:
        """The frames in order."""
        with Bag(self.bag) as bag:
            for index, pair in enumerate(self._pairs(bag)):
                path = self.truth / f"{index:06d}.png" if self.truth else None
                yield Frame(
                    _stamp(pair),
                    tuple(
                        (stream.sent_on, message.time)
                        for stream, message in zip(self.streams, (pair.rgb, pair.thermal), strict=False)
                        if message
                    ),
                    read_image(pair.rgb)[1] if pair.rgb else None,
                    read_thermal(pair.thermal)[1] if pair.thermal else None,
                    cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path else None,
                    self.lights[index] if self.lights else "",
                    self.has_two,
                )

    def stamps(self) -> Iterator[Stamp]:
        """Those of the frames, without their pictures."""
        with Bag(self.bag) as bag:
            yield from map(_stamp, self._pairs(bag))

    def kinds(self) -> list[tuple[str, str]]:
        """Of each frame its light and which cameras saw it (see :attr:`Frame.given`)."""
        with Bag(self.bag) as bag:
            given = [
                "both" if pair.rgb and pair.thermal else "rgb" if pair.rgb else "thermal"
                for pair in self._pairs(bag)
            ]
        return list(zip(self.lights or [""] * len(given), given, strict=True))

    def _pairs(self, bag: Bag) -> Iterator[Pair]:
        if self.has_two:
            yield from paired(bag, Streams(*(stream.topic for stream in self.streams)), self.silence)
        else:
            yield from (Pair(message, None) for message in bag.messages({self.streams[0].topic}))


def paired(bag: Bag, streams: Streams, silence: float) -> Iterator[Pair]:
    """What a node that prefers both cameras should make masks of."""
    return Frames(plan(bag, streams, silence=silence, every_rgb=False)).of(bag)


def header_stamp(message: Message) -> Stamp:
    """The (sec, nanosec) of an image message's header."""
    sec, nanosec = divmod(nanoseconds(deserialize(message).header), 10**9)
    return sec, nanosec


def _stamp(pair: Pair) -> Stamp:
    first = pair.rgb or pair.thermal
    assert first is not None  # one of them is there
    return header_stamp(first)
