# SPDX-License-Identifier: Apache-2.0
"""Between ROS messages and arrays, label sets and messages."""

from __future__ import annotations

import array
from typing import Any, TypeAlias

import numpy as np
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from samseg_ros import images
from samseg_ros.labels import LabelSet

AnyImage: TypeAlias = Image | CompressedImage
MOST_AGE = 3600.0  # seconds; a stamp that is older was not made by this clock


def check(message: AnyImage) -> None:
    """ImageError, in one sentence, unless the message looks sound. Takes microseconds: no pixel is read."""
    if isinstance(message, CompressedImage):
        images.check_compressed(message.data)
    else:
        images.check(message.encoding, message.height, message.width, message.step, len(message.data))


def pixels(message: AnyImage) -> np.ndarray:
    """uint8 [h, w, 3] BGR, in the message's memory where it can be: do not write to it. Raises ImageError."""
    if isinstance(message, CompressedImage):
        return images.decode_compressed(message.data)
    return images.decode(message.encoding, message.height, message.width, message.step, message.data)


def to_image(header: Header, encoding: str, image: np.ndarray) -> Image:
    """A message of uint8 [h, w] (``mono8``) or [h, w, 3] (``bgr8``) under a header, which it shares."""
    message = Image(header=header, encoding=encoding, height=image.shape[0], width=image.shape[1])
    message.step = image.size // image.shape[0]
    # The setter takes an array of bytes as it is; anything else it checks one element at a time.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(image).data.cast("B"))
    message.data = data
    return message


def age(header: Header, now: Time) -> float | None:
    """Seconds from the header's stamp until `now`.

    None where the two are not of one clock: the stamp is unset, in the future, or over MOST_AGE old.
    """
    stamp = Time.from_msg(header.stamp)
    seconds = (now.nanoseconds - stamp.nanoseconds) * 1e-9
    return seconds if 0.0 <= seconds <= MOST_AGE else None


def label_info_type() -> type | None:
    """``vision_msgs/LabelInfo``, or None where vision_msgs is not installed."""
    try:
        from vision_msgs.msg import LabelInfo
    except ImportError:
        return None
    return LabelInfo


def label_info(header: Header, labels: LabelSet) -> Any:
    """What the ids of the mask mean, as ``vision_msgs/LabelInfo``; for where it is installed."""
    from vision_msgs.msg import LabelInfo, VisionClass

    classes = [VisionClass(class_id=i, class_name=name) for i, name in enumerate(labels.names)]
    return LabelInfo(header=header, class_map=classes)
