# SPDX-License-Identifier: Apache-2.0
"""Between ROS messages and arrays, label sets and messages."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from samseg_ros import images
from samseg_ros.labels import LabelSet

AnyImage: TypeAlias = Image | CompressedImage
MOST_AGE = 3600.0  # seconds; a stamp that is older was not made by this clock

# Rows of a mask are mostly like the row above. So a mask of 2048×1024 takes 5 ms and 33 kB; by the levels 1
# and 3 that image_transport would use it takes 16 ms and 50 kB.
_PNG = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # older OpenCV compares with the pixel to the left: 69 kB
    _PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]


class Content(NamedTuple):
    """How the pixels of a message are read.

    `check` raises ImageError, in one sentence, unless the message looks sound; it takes microseconds, since
    no pixel is read. `pixels` gives the image, in the message's memory where it can (do not write to it), or
    raises ImageError.
    """

    check: Callable[[AnyImage], None]
    pixels: Callable[[AnyImage], np.ndarray]


def _check_color(message: AnyImage) -> None:
    if isinstance(message, CompressedImage):
        images.check_color(message.data)
    else:
        images.check(message.encoding, message.height, message.width, message.step, len(message.data))


def _color(message: AnyImage) -> np.ndarray:
    if isinstance(message, CompressedImage):
        return images.decode_compressed(message.data, message.format)
    return images.decode(message.encoding, message.height, message.width, message.step, message.data)


def _check_thermal(message: AnyImage) -> None:
    if isinstance(message, CompressedImage):
        images.check_compressed(message.data)
    else:
        images.check_thermal(message.encoding, message.height, message.width, message.step, len(message.data))


def _thermal(message: AnyImage) -> np.ndarray:
    if isinstance(message, CompressedImage):
        return images.decode_compressed_thermal(message.data)
    return images.decode_thermal(
        message.encoding,
        message.height,
        message.width,
        message.step,
        message.data,
        bool(message.is_bigendian),
    )


COLOR = Content(_check_color, _color)  # uint8 [h, w, 3] BGR
THERMAL = Content(_check_thermal, _thermal)  # uint8, uint16 or float32 [h, w], as the camera gives it


def to_image(header: Header, encoding: str, image: np.ndarray) -> Image:
    """A message of uint8 [h, w] (``mono8``) or [h, w, 3] (``bgr8``) under a header, which it shares."""
    message = Image(header=header, encoding=encoding, height=image.shape[0], width=image.shape[1])
    message.step = image.size // image.shape[0]
    message.data = _bytes(image)
    return message


def to_png(header: Header, mask: np.ndarray) -> CompressedImage:
    """A mask uint8 [h, w] without loss, as image_transport would send it, under a header, which it shares."""
    # The blank at the end is image_transport's: for colours the encoding of the picture follows it.
    message = CompressedImage(header=header, format="mono8; png compressed ")
    message.data = _bytes(cv2.imencode(".png", mask, _PNG)[1])
    return message


def _bytes(values: np.ndarray) -> array.array:
    # The setters take an array of bytes as it is; anything else they check one element at a time.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(values).data.cast("B"))
    return data


def camera_info(header: Header, info: CameraInfo, width: int, height: int) -> CameraInfo:
    """`info` for pictures of another size under another header; distortion has no unit and stays.

    Pixel centres are whole numbers, and the edges of both pictures coincide, as of cv2.resize. Of a region of
    interest, which is all that its pictures show, the result is the whole.
    """
    roi = info.roi
    shown = (roi.width, roi.height) if roi.width and roi.height else (info.width, info.height)
    left, top = (roi.x_offset, roi.y_offset) if roi.width and roi.height else (0, 0)
    across, down = width / max(shown[0], 1), height / max(shown[1], 1)
    right, lower = (across - 1.0) / 2.0 - left * across, (down - 1.0) / 2.0 - top * down
    change = np.array([[across, 0.0, right], [0.0, down, lower], [0.0, 0.0, 1.0]])
    scaled = CameraInfo(header=header, width=width, height=height, distortion_model=info.distortion_model)
    scaled.d, scaled.r = info.d, info.r
    scaled.k = (change @ info.k.reshape(3, 3)).ravel()
    scaled.p = (change @ info.p.reshape(3, 4)).ravel()
    return scaled


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


def tf_message_type() -> type | None:
    """``tf2_msgs/TFMessage``, or None where tf2_msgs is not installed."""
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        return None
    return TFMessage


def label_info(header: Header, labels: LabelSet) -> Any:
    """What the ids of the mask mean, as ``vision_msgs/LabelInfo``; for where it is installed."""
    from vision_msgs.msg import LabelInfo, VisionClass

    classes = [VisionClass(class_id=i, class_name=name) for i, name in enumerate(labels.names)]
    return LabelInfo(header=header, class_map=classes)
