# SPDX-License-Identifier: Apache-2.0
import array

import cv2
import numpy as np
import pytest

from samseg_ros import images

BGR = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


def test_bgr_is_read_in_place() -> None:
    data = array.array("B", BGR.tobytes())
    decoded = images.decode("bgr8", 6, 8, 24, data)
    np.testing.assert_array_equal(decoded, BGR)
    assert np.shares_memory(decoded, np.frombuffer(data, np.uint8))
    assert not decoded.flags.writeable


@pytest.mark.parametrize(
    ("encoding", "stored"),
    [
        ("bgr8", BGR),
        ("8UC3", BGR),
        ("rgb8", BGR[..., ::-1]),
        ("bgra8", np.dstack([BGR, BGR[..., :1]])),
        ("rgba8", np.dstack([BGR[..., ::-1], BGR[..., :1]])),
    ],
)
def test_colour_encodings_give_the_same_picture(encoding: str, stored: np.ndarray) -> None:
    channels = stored.shape[2]
    data = np.ascontiguousarray(stored).tobytes()
    np.testing.assert_array_equal(images.decode(encoding, 6, 8, 8 * channels, data), BGR)


def test_mono_is_grey() -> None:
    grey = BGR[..., 0]
    decoded = images.decode("mono8", 6, 8, 8, grey.tobytes())
    np.testing.assert_array_equal(decoded, np.dstack([grey] * 3))


@pytest.mark.parametrize("encoding", ["bgr8", "rgb8", "mono8", "yuv422"])
def test_padded_rows_are_skipped(encoding: str) -> None:
    bytes_per_pixel = {"bgr8": 3, "rgb8": 3, "mono8": 1, "yuv422": 2}[encoding]
    tight = np.random.default_rng(1).integers(0, 256, (6, 8 * bytes_per_pixel), np.uint8)
    padded = np.full((6, 8 * bytes_per_pixel + 5), 99, np.uint8)
    padded[:, : tight.shape[1]] = tight
    np.testing.assert_array_equal(
        images.decode(encoding, 6, 8, padded.shape[1], padded.tobytes()),
        images.decode(encoding, 6, 8, tight.shape[1], tight.tobytes()),
    )


@pytest.mark.parametrize(
    ("pattern", "red_at", "blue_at"),
    [("rggb", (0, 0), (1, 1)), ("bggr", (1, 1), (0, 0)), ("gbrg", (1, 0), (0, 1)), ("grbg", (0, 1), (1, 0))],
)
def test_bayer_patterns_put_red_where_ros_says(pattern: str, red_at: tuple, blue_at: tuple) -> None:
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[red_at[0] :: 2, red_at[1] :: 2] = 200
    mosaic[blue_at[0] :: 2, blue_at[1] :: 2] = 50
    decoded = images.decode(f"bayer_{pattern}8", 8, 8, 8, mosaic.tobytes())
    np.testing.assert_array_equal(decoded[4, 4], [50, 0, 200])


@pytest.mark.parametrize(("encoding", "luma"), [("yuv422", 1), ("uyvy", 1), ("yuv422_yuy2", 0), ("yuyv", 0)])
def test_yuv_without_colour_is_grey(encoding: str, luma: int) -> None:
    packed = np.full((2, 4, 2), 128, np.uint8)
    packed[..., luma] = [16, 90, 160, 235]
    decoded = images.decode(encoding, 2, 4, 8, packed.tobytes())
    assert (np.ptp(decoded.astype(int), axis=2) == 0).all()
    assert list(decoded[0, :, 0]) == sorted(decoded[0, :, 0])
    assert (decoded[0, 0, 0], decoded[0, 3, 0]) == (0, 255)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (("mono16", 6, 8, 16, b"\0" * 96), "encoding 'mono16' is not supported; send one of: bgr8"),
        (("", 6, 8, 24, b"\0" * 144), "encoding '' is not supported"),
        (("bgr8", 0, 8, 24, b""), "the image is 8x0 pixels"),
        (("bgr8", 6, 8, 23, b"\0" * 144), "step is 23 bytes, but a row of 8 pixels in bgr8 takes 24"),
        (("bgr8", 6, 8, 24, b"\0" * 143), "data holds 143 bytes, but 6 rows of 24 bytes were announced"),
        (("bgr8", 6, 8, 24, b""), "data holds 0 bytes"),
        (("yuv422", 6, 7, 14, b"\0" * 84), "needs an even width"),
        (("bayer_rggb8", 1, 8, 8, b"\0" * 8), "needs at least 2x2"),
    ],
)
def test_malformed_images_are_named(fields: tuple, sentence: str) -> None:
    with pytest.raises(images.ImageError, match=sentence):
        images.decode(*fields)


def test_compressed_pictures_are_decoded() -> None:
    encoded = cv2.imencode(".png", BGR)[1].tobytes()
    np.testing.assert_array_equal(images.decode_compressed(encoded), BGR)


def test_a_jpeg_file_is_cut_off_where_its_picture_does_not_end() -> None:
    jpeg = cv2.imencode(".jpg", np.random.default_rng(4).integers(0, 256, (64, 64, 3), np.uint8))[1].tobytes()
    thumbnail = b"\xff\xe1" + (len(jpeg) + 2).to_bytes(2, "big") + jpeg
    with_thumbnail = jpeg[:2] + thumbnail + jpeg[2:]
    with_fill_bytes = jpeg[:2] + b"\xff\xff" + jpeg[2:]
    png = cv2.imencode(".png", BGR)[1].tobytes()
    for whole in (jpeg, with_thumbnail, with_fill_bytes, jpeg + bytes(1 << 17), png, b""):
        assert not images.is_cut_off(whole)
    for kept in (4, 100, len(jpeg) // 2, len(jpeg) - 2):
        assert images.is_cut_off(jpeg[:kept])
        assert images.is_cut_off(with_thumbnail[: len(thumbnail) + kept])


def test_a_compressed_mosaic_gets_its_colours() -> None:
    mosaic = np.random.default_rng(3).integers(0, 256, (6, 8), np.uint8)
    png = cv2.imencode(".png", mosaic)[1].tobytes()
    colours = images.decode("bayer_grbg8", 6, 8, 8, mosaic.tobytes())
    grey = np.dstack([mosaic] * 3)
    for stored_as, expected in (
        ("bayer_grbg8; png compressed ", colours),
        ("bayer_grbg8; png compressed bayer_grbg8", colours),
        ("bayer_grbg8; jpeg compressed mono8", grey),
        ("bayer_grbg16; png compressed ", grey),
        ("mono8; png compressed ", grey),
        ("png", grey),
    ):
        np.testing.assert_array_equal(images.decode_compressed(png, stored_as), expected)
    already = cv2.imencode(".png", BGR)[1].tobytes()
    np.testing.assert_array_equal(images.decode_compressed(already, "bayer_grbg8; png compressed "), BGR)


@pytest.mark.parametrize("data", [b"", b"no picture", cv2.imencode(".jpg", BGR)[1].tobytes()[:40]])
def test_broken_compressed_pictures_are_named(data: bytes) -> None:
    with pytest.raises(images.ImageError, match=f"{len(data)} bytes\\) cannot be decoded"):
        images.decode_compressed(data)


def test_what_8_bits_would_leave_little_of_is_no_colour_picture() -> None:
    heat = np.full((4, 6), 30_000, np.uint16)
    png = cv2.imencode(".png", heat)[1].tobytes()
    with pytest.raises(images.ImageError, match="grey PNG of 16 bits"):
        images.decode_compressed(png)
    np.testing.assert_array_equal(images.decode_compressed_thermal(png), heat)
    deep_colours = cv2.imencode(".png", np.dstack([heat] * 3))[1].tobytes()
    assert images.decode_compressed(deep_colours).shape == (4, 6, 3)


HEAT = np.random.default_rng(2).integers(0, 1 << 16, (6, 8), np.uint16)


@pytest.mark.parametrize(
    ("encoding", "values"),
    [
        ("mono8", (HEAT >> 8).astype(np.uint8)),
        ("8UC1", (HEAT >> 8).astype(np.uint8)),
        ("mono16", HEAT),
        ("16UC1", HEAT),
        ("32FC1", HEAT.astype(np.float32) / 7),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("padding", [0, 5, 8])
def test_thermal_values_come_as_the_camera_gave_them(encoding, values, order, padding) -> None:
    rows = np.ascontiguousarray(values.astype(values.dtype.newbyteorder(order))).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    fields = (encoding, 6, 8, padded.shape[1], array.array("B", padded.tobytes()), order == ">")
    images.check_thermal(*fields[:4], len(fields[4]))
    decoded = images.decode_thermal(*fields)
    np.testing.assert_array_equal(decoded, values)
    assert decoded.dtype == values.dtype
    assert cv2.countNonZero(decoded) > 0  # OpenCV takes it, whatever the step
    if order == "<" and padding != 5:
        assert np.shares_memory(decoded, np.frombuffer(fields[4], np.uint8))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (("bgr8", 6, 8, 24, b"\0" * 144), "'bgr8' is not supported for thermal images; send one of: mono8"),
        (("mono16", 0, 8, 16, b""), "the image is 8x0 pixels"),
        (("mono16", 6, 8, 15, b"\0" * 96), "step is 15 bytes, but a row of 8 pixels in mono16 takes 16"),
        (("32FC1", 6, 8, 32, b"\0" * 191), "data holds 191 bytes, but 6 rows of 32 bytes were announced"),
    ],
)
def test_malformed_thermal_images_are_named(fields: tuple, sentence: str) -> None:
    with pytest.raises(images.ImageError, match=sentence):
        images.decode_thermal(*fields)
    with pytest.raises(images.ImageError, match=sentence):
        images.check_thermal(*fields[:4], len(fields[4]))


def test_16_bits_of_a_thermal_png_are_kept() -> None:
    decoded = images.decode_compressed_thermal(cv2.imencode(".png", HEAT)[1].tobytes())
    np.testing.assert_array_equal(decoded, HEAT)
    assert decoded.dtype == np.uint16


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("form", [".png", ".jpg"])
def test_grey_thermal_pictures_may_be_stored_as_colour(channels: int, form: str) -> None:
    grey = np.tile(np.arange(40, 200, 5, dtype=np.uint8), (16, 1))
    stored = grey if channels == 1 else np.dstack([grey] * channels)
    decoded = images.decode_compressed_thermal(cv2.imencode(form, stored)[1].tobytes())
    np.testing.assert_allclose(decoded.astype(int), grey, atol=0 if form == ".png" else 6)
    assert decoded.ndim == 2


def test_false_colours_are_no_temperature() -> None:
    colours = cv2.applyColorMap(np.tile(np.arange(64, dtype=np.uint8) * 4, (16, 1)), cv2.COLORMAP_INFERNO)
    with pytest.raises(images.ImageError, match="in false colours; send the camera's grey or 16-bit values"):
        images.decode_compressed_thermal(cv2.imencode(".png", colours)[1].tobytes())


@pytest.mark.parametrize("data", [b"", b"no picture", cv2.imencode(".png", HEAT)[1].tobytes()[:20]])
def test_broken_thermal_pictures_are_named(data: bytes) -> None:
    with pytest.raises(images.ImageError, match=f"{len(data)} bytes\\) cannot be decoded"):
        images.decode_compressed_thermal(data)
