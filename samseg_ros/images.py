# SPDX-License-Identifier: Apache-2.0
"""The pixels of a ``sensor_msgs`` image, whatever its encoding, as BGR or as thermal values; no ROS needed.

Raw images are read in place (padded rows included), then converted once with OpenCV. cv_bridge would copy
twice and ties the package to one NumPy ABI.
"""

from __future__ import annotations

import array

import cv2
import numpy as np

Buffer = bytes | bytearray | memoryview | array.array | np.ndarray


class ImageError(ValueError):
    """An image that cannot be what it says it is; the message is one sentence for the log."""


# encoding: (channels as stored, OpenCV conversion to BGR or None when it is BGR already)
_TO_BGR: dict[str, tuple[int, int | None]] = {
    "bgr8": (3, None),
    "8UC3": (3, None),
    "rgb8": (3, cv2.COLOR_RGB2BGR),
    "bgra8": (4, cv2.COLOR_BGRA2BGR),
    "8UC4": (4, cv2.COLOR_BGRA2BGR),
    "rgba8": (4, cv2.COLOR_RGBA2BGR),
    "mono8": (1, cv2.COLOR_GRAY2BGR),
    "8UC1": (1, cv2.COLOR_GRAY2BGR),
    # OpenCV names a Bayer pattern by its second row; ROS by its first: the names are crosswise.
    "bayer_rggb8": (1, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": (1, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": (1, cv2.COLOR_BayerGB2BGR),
    "yuv422": (2, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2BGR_YUY2),
    "yuyv": (2, cv2.COLOR_YUV2BGR_YUY2),
}

ENCODINGS = tuple(_TO_BGR)

_THERMAL = {
    "mono8": np.uint8,
    "8UC1": np.uint8,
    "mono16": np.uint16,
    "16UC1": np.uint16,
    "32FC1": np.float32,
}

THERMAL_ENCODINGS = tuple(_THERMAL)

# How to decode a thermal picture: its values as they are, but turned as its EXIF says, like the RGB one.
THERMAL = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR

_GREY = 16  # levels by which the channels of a grey picture may differ, after some codec or other


def check(encoding: str, height: int, width: int, step: int, size: int) -> None:
    """ImageError, in one sentence, unless a raw image with these fields and `size` bytes can be decoded.

    Costs microseconds: fit for the callback that receives it.
    """
    if encoding not in _TO_BGR:
        raise ImageError(f"encoding '{encoding}' is not supported; send one of: {', '.join(ENCODINGS)}.")
    channels, _ = _TO_BGR[encoding]
    _check_layout(encoding, height, width, step, size, width * channels)
    if channels == 2 and width % 2:
        raise ImageError(f"the image is {width} pixels wide; {encoding} needs an even width.")
    if encoding.startswith("bayer") and (height < 2 or width < 2):
        raise ImageError(f"the image is {width}x{height} pixels; {encoding} needs at least 2x2.")


def check_thermal(encoding: str, height: int, width: int, step: int, size: int) -> None:
    """As :func:`check`, for :func:`decode_thermal`."""
    if encoding not in _THERMAL:
        raise ImageError(
            f"encoding '{encoding}' is not supported for thermal images; send one of: "
            f"{', '.join(THERMAL_ENCODINGS)}."
        )
    _check_layout(encoding, height, width, step, size, width * np.dtype(_THERMAL[encoding]).itemsize)


def _check_layout(encoding: str, height: int, width: int, step: int, size: int, row: int) -> None:
    """ImageError unless `size` bytes hold rows `step` apart of which each takes `row` bytes."""
    if height < 1 or width < 1:
        raise ImageError(f"the image is {width}x{height} pixels; both sides must be at least 1.")
    if step < row:
        raise ImageError(f"step is {step} bytes, but a row of {width} pixels in {encoding} takes {row}.")
    # The last row need not be padded: some drivers leave it short.
    if size < (height - 1) * step + row:
        raise ImageError(f"data holds {size} bytes, but {height} rows of {step} bytes were announced.")


def decode(encoding: str, height: int, width: int, step: int, data: Buffer) -> np.ndarray:
    """uint8 [height, width, 3] BGR of a raw image message's fields.

    The result shares memory with `data` where the encoding is BGR already: read it, do not write to it.
    Raises ImageError for zero size, an encoding that is not in ENCODINGS, rows shorter than the width
    needs, or data shorter than its rows.
    """
    buffer = np.frombuffer(data, np.uint8)
    check(encoding, height, width, step, buffer.size)
    channels, conversion = _TO_BGR[encoding]
    rows = np.lib.stride_tricks.as_strided(buffer, (height, width * channels), (step, 1), writeable=False)
    pixels = rows if channels == 1 else rows.reshape(height, width, channels)
    return pixels if conversion is None else cv2.cvtColor(pixels, conversion)


def decode_thermal(
    encoding: str, height: int, width: int, step: int, data: Buffer, is_bigendian: bool = False
) -> np.ndarray:
    """The values of a thermal image message, as the camera gives them: [height, width] uint8 (``mono8``,
    ``8UC1``), uint16 (``mono16``, ``16UC1``) or float32 (``32FC1``).

    The result shares memory with `data` where its bytes are in this machine's order and its rows are whole
    pixels apart: read it, do not write to it. Raises ImageError for zero size, an encoding that is not in
    THERMAL_ENCODINGS, rows shorter than the width needs, or data shorter than its rows.
    """
    buffer = np.frombuffer(data, np.uint8)
    check_thermal(encoding, height, width, step, buffer.size)
    native = np.dtype(_THERMAL[encoding])
    stored = native.newbyteorder(">" if is_bigendian else "<")
    if step % native.itemsize:  # OpenCV takes whole pixels from row to row only
        rows = np.lib.stride_tricks.as_strided(buffer, (height, width * native.itemsize), (step, 1))
        values = np.ascontiguousarray(rows).view(stored)
    else:
        values = np.ndarray((height, width), stored, buffer, strides=(step, native.itemsize))
        values.flags.writeable = False
    return values.astype(native, copy=False)


# How the formats begin that cameras and image_transport send.
_SIGNATURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"RIFF": "WebP"}
_END_OF_JPEG = b"\xff\xd9"


def check_compressed(data: Buffer) -> None:
    """ImageError, in one sentence, unless the data begins as JPEG, PNG or WebP and a JPEG is not cut off.

    Costs about as much as to copy the data: fit for the callback that receives it. (OpenCV fills a JPEG that
    was cut off with grey, and would have us label the grey.)
    """
    encoded = np.frombuffer(data, np.uint8)
    head = encoded[:8].tobytes()
    kind = next((name for signature, name in _SIGNATURES.items() if head.startswith(signature)), None)
    what = f"the compressed image ({encoded.size} bytes) cannot be decoded"
    if kind is None:
        raise ImageError(f"{what}: it is no JPEG, PNG or WebP; send one of these.")
    if kind == "JPEG" and is_cut_off(encoded.tobytes()):
        raise ImageError(f"{what}: it is a JPEG that was cut off; send it whole.")


def is_cut_off(data: bytes) -> bool:
    """Whether this is a JPEG that ends before its picture does; what comes behind that is no matter."""
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    place = 2
    while data[place : place + 1] == b"\xff" and place + 4 <= len(data):
        if data[place + 1] == 0xFF:  # any number of these may fill up before a marker
            place += 1
            continue
        if data[place + 1] == 0xDA:  # the picture begins, and no marker but its own end is in it
            return data.rfind(_END_OF_JPEG, place) < 0
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")  # a thumbnail is in such a part
    return True


def check_color(data: Buffer) -> None:
    """As :func:`check_compressed`, and ImageError for a grey PNG of 16 bits: it is no colour camera's, and 8
    bits would leave little of it.
    """
    check_compressed(data)
    if is_deep_grey(np.frombuffer(data, np.uint8)[:26].tobytes()):
        raise ImageError(
            "the compressed image is a grey PNG of 16 bits, as of a thermal camera; send colours, or 8 bits."
        )


def is_deep_grey(data: bytes) -> bool:
    """Whether this is a PNG of 16 grey bits; its first 26 bytes tell."""
    return data.startswith(b"\x89PNG\r\n\x1a\n") and data[24:26] in (b"\x10\x00", b"\x10\x04")


def decode_compressed(data: Buffer, stored_as: str = "") -> np.ndarray:
    """uint8 [h, w, 3] BGR of a ``sensor_msgs/CompressedImage``'s data (JPEG, PNG, WebP).

    `stored_as` is its ``format``: image_transport compresses the mosaic of a Bayer camera as it is. Raises
    ImageError where it is none of these, is cut off, has 16 grey bits, or OpenCV cannot read it.
    """
    check_color(data)
    pattern = compressed_mosaic(stored_as)
    if pattern is None:
        return _decoded(data, cv2.IMREAD_COLOR)
    mosaic = _decoded(data, cv2.IMREAD_UNCHANGED)
    if mosaic.ndim == 3 or min(mosaic.shape) < 2:  # no mosaic after all
        return _decoded(data, cv2.IMREAD_COLOR)
    _, conversion = _TO_BGR[pattern]
    assert conversion is not None
    return cv2.cvtColor(mosaic, conversion)


def compressed_mosaic(stored_as: str) -> str | None:
    """The Bayer encoding of the mosaic that was compressed, of a CompressedImage's ``format`` such as
    ``bayer_rggb8; png compressed ``; None where it was something else, or was made into something else first.
    """
    encoding, _, how = stored_as.partition(";")
    encoding, target = encoding.strip(), how.partition("compressed")[2].strip()
    is_mosaic = encoding.startswith("bayer") and encoding in _TO_BGR and target in ("", encoding)
    return encoding if is_mosaic else None


def decode_compressed_thermal(data: Buffer) -> np.ndarray:
    """[h, w] uint8, or uint16 of a 16-bit PNG, of a thermal ``sensor_msgs/CompressedImage``'s data.

    Grey pictures stored as colour are taken as grey. Raises ImageError as :func:`check_compressed`, where
    OpenCV cannot read it, and for false colours: their brightness is no temperature.
    """
    check_compressed(data)
    return single_channel(_decoded(data, THERMAL))


def single_channel(picture: np.ndarray) -> np.ndarray:
    """The grey values [h, w] of a picture [h, w] or [h, w, 3 or 4]; ImageError where it has colours."""
    if picture.ndim == 2:
        return picture
    blue, green, red = (picture[..., i] for i in range(3))
    if max(cv2.norm(blue, green, cv2.NORM_INF), cv2.norm(red, green, cv2.NORM_INF)) > _GREY:
        raise ImageError("the thermal picture is in false colours; send the camera's grey or 16-bit values.")
    return green.copy()


def _decoded(data: Buffer, flags: int) -> np.ndarray:
    encoded = np.frombuffer(data, np.uint8)
    try:
        image = cv2.imdecode(encoded, flags)
    except cv2.error:  # some damage makes OpenCV raise, some makes it return nothing
        image = None
    if image is None:
        raise ImageError(f"the compressed image ({encoded.size} bytes) cannot be decoded; send JPEG or PNG.")
    return image
