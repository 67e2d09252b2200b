# SPDX-License-Identifier: Apache-2.0
"""Between the image messages of a bag and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from samseg_ros import images
from samseg_ros.bags.read import COMPRESSED_IMAGE, IMAGE, TYPES, Message, deserialize


def read_image(message: Message) -> tuple[Any, np.ndarray]:
    """The header and the pixels, uint8 [h, w, 3] BGR, of an image message, raw or compressed.

    UserError or ImageError, in one sentence, where it holds no image.
    """
    content = deserialize(message)
    if message.channel.msgtype == COMPRESSED_IMAGE:
        return content.header, images.decode_compressed(content.data, content.format)
    return content.header, images.decode(
        content.encoding, content.height, content.width, content.step, content.data
    )


def read_thermal(message: Message) -> tuple[Any, np.ndarray]:
    """The header and the values, uint8, uint16 or float32 [h, w], of a thermal image message.

    UserError or ImageError, in one sentence, where it holds no thermal image.
    """
    content = deserialize(message)
    if message.channel.msgtype == COMPRESSED_IMAGE:
        return content.header, images.decode_compressed_thermal(content.data)
    return content.header, images.decode_thermal(
        content.encoding,
        content.height,
        content.width,
        content.step,
        content.data,
        bool(content.is_bigendian),
    )


def read_header(message: Message, thermal: bool = False) -> Any:
    """The header of an image message that looks sound, as a node's callback sees it: no pixel is read.

    UserError or ImageError, in one sentence, where it does not look sound.
    """
    content = deserialize(message)
    if message.channel.msgtype == COMPRESSED_IMAGE:
        (images.check_compressed if thermal else images.check_color)(content.data)
    else:
        check = images.check_thermal if thermal else images.check
        check(content.encoding, content.height, content.width, content.step, len(content.data))
    return content.header


def nanoseconds(header: Any) -> int:
    """The stamp of a header as one number."""
    return header.stamp.sec * 10**9 + header.stamp.nanosec


def image_header(stamp: int, frame_id: str) -> Any:
    """A header with this stamp, in nanoseconds."""
    time = TYPES.types["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9))
    return TYPES.types["std_msgs/msg/Header"](stamp=time, frame_id=frame_id)


def image_message(header: Any, encoding: str, pixels: np.ndarray) -> Any:
    """A raw image message of [h, w] or [h, w, 3] pixels, little-endian, whose dtype fits `encoding`."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    return TYPES.types[IMAGE](
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=pixels.strides[0],
        data=pixels.reshape(-1).view(np.uint8),
    )
