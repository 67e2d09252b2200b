# SPDX-License-Identifier: Apache-2.0
"""Small bags whose pixels are known."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, TYPES, Bag, Message
from samseg_ros.bags.write import channel, new_bag, offered_qos

START = 1_700_000_000_000_000_000
PERIOD = 100_000_000
STRING = "std_msgs/msg/String"


def half_red(height: int = 32, width: int = 64) -> np.ndarray:
    """BGR uint8: black on the left, red on the right; the red bundle makes 0 and 8 of it."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :, 2] = 255
    return image


def grey_png(values: np.ndarray, bits: int) -> bytes:
    """A PNG of 1, 2 or 4 grey bits, which OpenCV does not write; rows of `values` must fill whole bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = values.shape
    low = np.unpackbits(values[..., None], axis=2)[..., 8 - bits :]
    rows = np.packbits(low.reshape(height, -1), axis=1)
    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def header(time: int, frame_id: str = "front") -> Any:
    stamp = TYPES.types["builtin_interfaces/msg/Time"](*divmod(time, 10**9))
    return TYPES.types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def image_message(image: np.ndarray, time: int, encoding: str = "bgr8", step: int | None = None) -> Any:
    height, width = image.shape[:2]
    return TYPES.types[IMAGE](
        header=header(time),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=step or 3 * width,
        data=image.reshape(-1),
    )


def compressed_message(image: np.ndarray, time: int) -> Any:
    data = cv2.imencode(".png", image)[1].reshape(-1)
    return TYPES.types[COMPRESSED_IMAGE](header=header(time), format="png", data=data)


def write_recording(path: Path, frames: int = 3, malformed: tuple[int, ...] = (), **settings: Any) -> Path:
    """A bag with /front (raw), /rear/compressed, /note (latched) and /odd of a type nobody knows.

    Of the frames numbered in `malformed` the raw image has rows too short for its width, or (odd numbers)
    bytes that are cut off.
    """
    front = channel("/front", IMAGE, (offered_qos(5, reliable=False),))
    rear = channel("/rear/compressed", COMPRESSED_IMAGE)
    note = channel("/note", STRING, (offered_qos(1, latched=True),))
    odd = channel("/odd", "nobody_msgs/msg/Knows")
    image = half_red()
    with new_bag(path, **settings) as bag:
        bag.write_message(note, START, TYPES.types[STRING](data="a note"))
        for index in range(frames):
            time = START + index * PERIOD
            broken = index in malformed
            message = image_message(image, time, step=10 if broken and index % 2 == 0 else None)
            data = bytes(TYPES.serialize_cdr(message, IMAGE))
            bag.write(front, time + 1, data[:100] if broken and index % 2 else data)
            bag.write_message(rear, time + 2, compressed_message(image, time + 7))
            bag.write(odd, time + 3, b"\x00\x01\x00\x00" + bytes([index] * 8))
    return path


def messages(path: Path, topics: set[str] | None = None) -> list[Message]:
    with Bag(path) as bag:
        return list(bag.messages(topics))
