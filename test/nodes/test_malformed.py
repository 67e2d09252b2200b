# SPDX-License-Identifier: Apache-2.0
"""Malformed messages are counted and named, and harm none of the good ones beside them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from builtin_interfaces.msg import Time
from nodes.peer import array_of, ids
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from samseg_ros.nodes.messages import to_image


def raw(picture, **changes):
    message = to_image(CompressedImage().header, "bgr8", picture)
    for field, value in changes.items():
        setattr(message, field, value)
    return message


def test_raw(start, peer, bundle_directory, picture):
    node = start(bundle=bundle_directory)
    masks = peer.collect(Image, "/panorama_node/mask", 50)
    camera = peer.camera(qos=50)
    malformed = {
        "data holds": raw(picture, height=33),
        "0x32": raw(picture, width=0),
        "both sides must be": raw(picture, width=0, height=0, step=0, data=[]),
        "step is 64": raw(picture, step=64),
        "'holographic'": raw(picture, encoding="holographic"),
        "'mono16'": raw(picture, encoding="mono16", is_bigendian=1),
        "even width": raw(picture, encoding="yuv422", width=63),
        "must not be negative": raw(picture, header=Header(stamp=Time(sec=-1))),
    }
    peer.prime(camera, raw(picture), masks)
    count = 0
    for reason, message in malformed.items():
        for _ in range(3):
            good = raw(picture)
            good.header = peer.header(f"good {count}")
            camera.publish(message)
            camera.publish(good)
            camera.publish(message)
            count += 1
            peer.until(lambda: len(masks) >= count, f"the mask of the good image beside '{reason}'")  # noqa: B023
        diagnosis = peer.diagnosis(
            lambda d: int(d.values["malformed"]) == 2 * count,  # noqa: B023
            f"{2 * count} malformed",
        )
        assert reason in diagnosis.values["last malformed"]
        assert reason in diagnosis.message
        assert diagnosis.level == "WARN"
    assert [mask.header.frame_id for mask in masks] == [f"good {i}" for i in range(count)]
    np.testing.assert_array_equal(array_of(masks[-1]), ids(picture))
    assert "malformed image on /panorama_node/image" in node.log
    assert node.log.count("malformed image on") < 2 * count, "the warning is not throttled"
    assert node.process.poll() is None


def test_compressed(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory, image_transport="compressed")
    masks = peer.collect(Image, "/panorama_node/mask", 50)
    camera = peer.camera("/panorama_node/image/compressed", qos=50, kind=CompressedImage)
    png, jpeg = (cv2.imencode(kind, picture)[1].tobytes() for kind in (".png", ".jpg"))
    malformed = {
        "no JPEG, PNG or WebP": b"\x00\x01\x02\x03",
        "0 bytes": b"",
        "cut off": jpeg[:-40],
        "grey PNG of 16 bits": cv2.imencode(".png", picture[..., 0].astype(np.uint16))[1].tobytes(),
        "cannot be decoded": jpeg[:60] + jpeg[-2:],  # begins and ends well: found out by the decoder
    }
    peer.prime(camera, CompressedImage(data=png), masks)
    for count, (reason, data) in enumerate(malformed.items(), start=1):
        camera.publish(CompressedImage(data=data))
        diagnosis = peer.diagnosis(
            lambda d: int(d.values["malformed"]) == count,  # noqa: B023
            f"{count} malformed",
        )
        assert reason in diagnosis.values["last malformed"]
        camera.publish(CompressedImage(header=peer.header(), data=png))
        peer.until(lambda: len(masks) == count, "the mask of the good image after it")  # noqa: B023
    np.testing.assert_array_equal(array_of(masks[-1]), ids(picture))
