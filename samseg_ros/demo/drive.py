# SPDX-License-Identifier: Apache-2.0
"""The drive that the demonstration replays: rendered, or taken from a bag."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import share
from samseg_ros.bags.label import read_image
from samseg_ros.bags.pictures import pictures_in, read_picture
from samseg_ros.bags.read import (
    COMPRESSED_IMAGE,
    IMAGE,
    TYPES,
    Bag,
    Channel,
    Message,
    deserialize,
    image_topics,
)
from samseg_ros.bags.write import channel, new_bag, offered_qos
from samseg_ros.demo import folder as places
from samseg_ros.errors import UserError
from samseg_ros.images import ImageError

CHECKOUT = share.SOURCE
NATIVE_HZ = 10.0
_EPOCH_NS = 1_700_000_000 * 10**9
_CAMERAS = {"panorama": "erp", "camera": "pinhole"}

# Style and light of the parts of a rendered drive: the same seed gives each its own street.
PARTS = (("a", "day"), ("b", "day"), ("a", "dusk"), ("b", "night"))

# Runs programs (name: arguments) to their ends, side by side, calling something now and then.
RunPrograms = Callable[[Mapping[str, list[str]], Callable[[], object]], None]


@dataclass(frozen=True)
class Frame:
    """One image of the drive. `stamp` is its header's (sec, nanosec), `time` its log time in nanoseconds."""

    stamp: tuple[int, int]
    time: int
    image: np.ndarray
    truth: np.ndarray | None


@dataclass(frozen=True)
class Drive:
    """A bag with one image topic. `hz` is its own frame rate; `truth`, if known, holds ``<index>.png``."""

    bag: Path
    topic: str
    compressed: bool
    frames: int
    hz: float
    source: str
    truth: Path | None

    def play(self) -> Iterator[Frame]:
        """The frames in order."""
        with Bag(self.bag) as bag:
            for index, message in enumerate(bag.messages({self.topic})):
                header, image = read_image(message)
                path = self.truth / f"{index:06d}.png" if self.truth else None
                truth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path else None
                yield Frame((header.stamp.sec, header.stamp.nanosec), message.time, image, truth)


def can_render() -> bool:
    """Whether the street generator is here: it belongs to a source checkout."""
    return (CHECKOUT / "training" / "world").is_dir()


def render(
    folder: Path, task: str, size: tuple[int, int], frames: int, *, seed: int, run: RunPrograms
) -> Drive:
    """Render `frames` pictures of `size` (height, width) to a bag in `folder`, with their truth beside."""
    if not can_render():
        raise UserError("the street generator comes with a source checkout only; give a bag with --bag.")
    scratch = folder / "rendered"
    # All parts at once: each is too short to keep more than a core or two busy.
    workers = max(1, (os.cpu_count() or 1) // len(PARTS))
    outs: list[Path] = []
    programs: dict[str, list[str]] = {}
    for part, (style, light) in enumerate(PARTS):
        count = frames * (part + 1) // len(PARTS) - frames * part // len(PARTS)
        if count:
            out = scratch / str(part)
            outs.append(out)
            settings: dict[str, object] = {
                "out": out,
                "camera": _CAMERAS[task],
                "frames": count,
                "frames-per-scene": count,
            }
            settings |= {"size": f"{size[0]}x{size[1]}", "style": style, "light": light}
            settings |= {"seed": seed + part, "workers": workers, "hz": NATIVE_HZ}
            words = [f"--{name}={value}" for name, value in settings.items()]
            programs[f"render_{style}_{light}"] = ["-m", "training", "world", *words]
    with tqdm(total=frames, unit="frame", disable=None) as bar:
        run(programs, lambda: bar.update(sum(1 for _ in scratch.glob("*/rgb/*.png")) - bar.n))
    pictures = [path for out in outs for path in pictures_in(out / "rgb")]
    truths = [path for out in outs for path in pictures_in(out / "label")]
    truth = folder / places.TRUTH
    truth.mkdir()
    for index, path in enumerate(truths):
        shutil.move(path, truth / f"{index:06d}.png")
    topic = f"/{task}/image"
    messages = channel(topic, IMAGE, (offered_qos(5),))
    with new_bag(folder / places.DRIVE) as bag:
        for index, path in enumerate(pictures):
            time = _EPOCH_NS + round(index * 1e9 / NATIVE_HZ)
            bag.write_message(messages, time, _image_message(read_picture(path), time, task))
    shutil.rmtree(scratch)
    return Drive(folder / places.DRIVE, topic, False, len(pictures), NATIVE_HZ, "rendered", truth)


def take(folder: Path, source: Path, topic: str | None, frames: int) -> Drive:
    """The first `frames` readable images of one topic of a bag, as a bag in `folder`."""
    with Bag(source) as bag:
        available = image_topics(bag)
        if not available:
            raise UserError(f"{source} holds no images.")
        if topic is None and len(available) > 1:
            raise UserError(
                f"{source} has several image topics; choose with --topic: {', '.join(available)}."
            )
        if topic is not None and topic not in available:
            raise UserError(f"{source} has no images on '{topic}'; choose from: {', '.join(available)}.")
        chosen = topic or available[0]
        times: list[int] = []
        stamps: set[tuple[int, int]] = set()
        with new_bag(folder / places.DRIVE) as new:
            for message in bag.messages({chosen}):
                if len(times) == frames:
                    break
                restamped = _usable(message, stamps)
                if restamped is not None:
                    new.write(*restamped)
                    times.append(message.time)
            if not times:
                raise UserError(f"{source} has no readable image on '{chosen}'.")
        kind = next(c.msgtype for c in bag.channels if c.topic == chosen)
    span = (times[-1] - times[0]) * 1e-9
    hz = (len(times) - 1) / span if span > 0 else NATIVE_HZ
    return Drive(folder / places.DRIVE, chosen, kind == COMPRESSED_IMAGE, len(times), hz, str(source), None)


def _usable(message: Message, stamps: set[tuple[int, int]]) -> tuple[Channel, int, bytes | memoryview] | None:
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
    return message.channel, message.time, data


def _image_message(image: np.ndarray, time: int, frame_id: str) -> Any:
    stamp = TYPES.types["builtin_interfaces/msg/Time"](*divmod(time, 10**9))
    height, width = image.shape[:2]
    return TYPES.types[IMAGE](
        header=TYPES.types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id),
        height=height,
        width=width,
        encoding="bgr8",
        is_bigendian=0,
        step=3 * width,
        data=image.reshape(-1),
    )
