# SPDX-License-Identifier: Apache-2.0
"""A bag made from folders of pictures: what a camera, or an RGB and a thermal camera together, would send."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import images
from samseg_ros.bags.image_messages import image_header, image_message
from samseg_ros.bags.pictures import by_stem, pictures_in, read_as_stored, read_picture, read_thermal_picture
from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, TYPES, Channel
from samseg_ros.bags.write import channel, new_bag, offered_qos
from samseg_ros.draft import refuse_existing
from samseg_ros.errors import UserError

START = 1_700_000_000.0
_LATEST = 2.0**31  # seconds that a stamp cannot hold any more
_NAMED = 3  # files that a sentence names before it only counts them
_SIGNATURES = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}


@dataclass(frozen=True)
class Folders:
    """Where pictures are, and the topics that they go to. None for a camera that there is not.

    `rgb` and `thermal` go together, paired by stem. `rgbt` has both in one: PNGs of 4 channels, BGR and
    thermal, as MFNet has them. `camera` is an ordinary or a 360° one.
    """

    rgb: Path | None = None
    thermal: Path | None = None
    rgbt: Path | None = None
    camera: Path | None = None
    rgb_topic: str = "/rgb/image_raw"
    thermal_topic: str = "/thermal/image_raw"
    camera_topic: str = "/camera/image_raw"


def bag_of_folders(
    folders: Folders, out: Path, hz: float = 10.0, *, start: float = START, compressed: bool = False
) -> dict[str, Any]:
    """Write the pictures, in the order of their names, to a bag and sum it up as ``samseg bag --json`` does.

    Frame i of each camera has the stamp `start` (seconds of UNIX time) + i / `hz`, a pair one stamp; the
    frame_id is the topic's namespace. Colour goes as bgr8, thermal as it is: mono8, mono16, 32FC1. With
    `compressed` JPEG and PNG files go byte for byte to ``TOPIC/compressed``, others as PNG. UserError for
    missing partners, and for pictures that cannot be read or written so.
    """
    refuse_existing(out)
    cameras = _cameras(folders, compressed)
    frames = max(len(camera.paths) for camera in cameras)
    if not 0.0 <= start < _LATEST - frames / hz:
        raise UserError(f"a stamp cannot be {start:g} s; give a --start from 0, and an end before 2038.")
    with new_bag(out) as bag, tqdm(total=frames, unit="frame", disable=None) as progress:
        for index in range(frames):
            stamp = round(start * 1e9) + round(index * 1e9 / hz)
            for camera in cameras:
                if index < len(camera.paths):
                    bag.write_message(camera.channel, stamp, camera.message(camera.paths[index], stamp))
            progress.update()
    return {
        "out": str(out),
        "frames": frames,
        "messages": sum(len(camera.paths) for camera in cameras),
        "topics": {camera.channel.topic: len(camera.paths) for camera in cameras},
        "hz": hz,
    }


@dataclass(frozen=True)
class _Camera:
    """Its pictures in order. `is_whole`: a file holds this camera's picture and nothing else."""

    channel: Channel
    paths: list[Path]
    read: Callable[[Path], np.ndarray]
    is_whole: bool = True

    def message(self, path: Path, stamp: int) -> Any:
        pixels = self.read(path)
        encoding = "bgr8" if pixels.ndim == 3 else _ENCODINGS[pixels.dtype.name]
        header = image_header(stamp, _frame_id(self.channel.topic))
        if self.channel.msgtype == IMAGE:
            return image_message(header, encoding, pixels)
        kind, data = self._encoded(path, pixels)
        # As image_transport writes it: it names the colours of colour pictures only.
        form = f"{encoding}; {kind} compressed {'bgr8' if pixels.ndim == 3 else ''}"
        return TYPES.types[COMPRESSED_IMAGE](header=header, format=form, data=data)

    def _encoded(self, path: Path, pixels: np.ndarray) -> tuple[str, np.ndarray]:
        """The format and the bytes of a compressed picture: those of the file, where they will do."""
        data = path.read_bytes()
        for signature, kind in _SIGNATURES.items():
            if self.is_whole and data.startswith(signature):
                try:
                    images.check_compressed(data)
                except images.ImageError as error:
                    raise UserError(f"{path}: {error}") from error
                return kind, np.frombuffer(data, np.uint8)
        if pixels.dtype == np.float32:
            raise UserError(f"{path} is float32, which no compressed image can hold; leave --compressed out.")
        return "png", cv2.imencode(".png", pixels)[1].reshape(-1)


_ENCODINGS = {"uint8": "mono8", "uint16": "mono16", "float32": "32FC1"}


def _cameras(folders: Folders, compressed: bool) -> list[_Camera]:
    if (folders.rgb is None) != (folders.thermal is None):
        raise UserError("--rgb and --thermal go together; give both (a camera alone is given with --image).")
    if folders.rgb and folders.rgbt:
        raise UserError("--rgbt holds RGB and thermal; give it, or --rgb and --thermal.")
    given: list[tuple[str, list[Path], Callable[[Path], np.ndarray], bool]] = []
    if folders.rgb and folders.thermal:
        rgb, thermal = _paired(_ordered(folders.rgb), _ordered(folders.thermal))
        given.append((folders.rgb_topic, rgb, read_picture, True))
        given.append((folders.thermal_topic, thermal, read_thermal_picture, True))
    if folders.rgbt:
        both = list(_ordered(folders.rgbt).values())
        given.append((folders.rgb_topic, both, partial(_read_both, thermal=False), False))
        given.append((folders.thermal_topic, both, partial(_read_both, thermal=True), False))
    if folders.camera:
        given.append((folders.camera_topic, list(_ordered(folders.camera).values()), read_picture, True))
    if not given:
        raise UserError(
            "there is nothing to put in; give --rgb and --thermal, --rgbt, --panorama or --image."
        )
    cameras = [
        _Camera(_channel(topic, compressed), paths, read, is_whole) for topic, paths, read, is_whole in given
    ]
    topics = [camera.channel.topic for camera in cameras]
    if len(set(topics)) < len(topics):
        raise UserError(f"two cameras cannot share a topic ({', '.join(topics)}); give each its own.")
    return cameras


def _channel(topic: str, compressed: bool) -> Channel:
    topic = f"/{topic.strip('/')}"
    if not compressed:
        return channel(topic, IMAGE, (offered_qos(5),))
    return channel(f"{topic.removesuffix('/compressed')}/compressed", COMPRESSED_IMAGE, (offered_qos(5),))


def _frame_id(topic: str) -> str:
    """``front/rgb`` of ``/front/rgb/image_raw`` and of ``/front/rgb/image_raw/compressed``."""
    namespace, _, name = topic.strip("/").removesuffix("/compressed").rpartition("/")
    return namespace or name


def _ordered(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their stems, 2 before 10; UserError where two have one."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give a folder of pictures.")
    return by_stem(sorted(pictures_in(folder), key=_natural))


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts names as people do: numbers by value."""
    words = re.split(r"([0-9]+)", path.stem)
    return [(int(word), "") if word.isdecimal() else (-1, word) for word in words] + [(0, path.name)]


def _paired(rgb: dict[str, Path], thermal: dict[str, Path]) -> tuple[list[Path], list[Path]]:
    """The pictures of both cameras, in the RGB pictures' order; UserError where one has no partner."""
    alone = [path for stem, path in rgb.items() if stem not in thermal]
    alone += [path for stem, path in thermal.items() if stem not in rgb]
    if alone:
        named = ", ".join(str(path) for path in alone[:_NAMED])
        more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
        raise UserError(
            f"{named}{more} {'has' if len(alone) == 1 else 'have'} no partner of the same stem in the other "
            "folder; add what is missing, or move what is too much."
        )
    return list(rgb.values()), [thermal[stem] for stem in rgb]


def _read_both(path: Path, thermal: bool) -> np.ndarray:
    """Thermal, uint8 [h, w], or BGR, uint8 [h, w, 3], of a picture that has both."""
    both = read_as_stored(path)
    if both.ndim != 3 or both.shape[2] != 4 or both.dtype != np.uint8:
        raise UserError(
            f"{path} is {both.dtype} {list(both.shape)}; --rgbt takes 8-bit PNGs of 4 channels, thermal last."
        )
    return both[..., 3] if thermal else both[..., :3]
