# SPDX-License-Identifier: Apache-2.0
"""What comes out for what goes in, over DDS, from the node in a process of its own."""

from __future__ import annotations

import json
from importlib.util import find_spec

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from nodes.peer import LATCHED, array_of, ids, stamp
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from samseg_ros.labels import STREET11
from samseg_ros.nodes.messages import to_image


def test_every_output_is_right_pixel_by_pixel_under_the_header_of_its_input(
    start, peer, bundle_directory, picture
):
    start(bundle=bundle_directory, overlay_alpha=1)  # a whole number where a float is meant
    outputs = {
        name: peer.collect(Image, f"/panorama_node/{name}")
        for name in ("mask", "color", "overlay", "confidence")
    }
    camera = peer.camera()
    peer.prime(camera, to_image(peer.header(), "bgr8", picture), outputs["confidence"])
    for images in outputs.values():
        images.clear()

    sent = to_image(peer.header("left_optical"), "bgr8", picture)
    camera.publish(sent)
    peer.until(lambda: all(outputs.values()), "all four outputs")

    for images in outputs.values():
        assert stamp(images[0]) == stamp(sent)
    np.testing.assert_array_equal(array_of(outputs["mask"][0]), ids(picture))
    np.testing.assert_array_equal(array_of(outputs["confidence"][0]), picture[..., 0])
    colors = STREET11.palette()[ids(picture)][..., ::-1]
    np.testing.assert_array_equal(array_of(outputs["color"][0]), colors)
    np.testing.assert_array_equal(array_of(outputs["overlay"][0]), colors)

    assert peer.set("panorama_node", overlay_alpha=0.0)[0].successful
    outputs["overlay"].clear()
    camera.publish(sent)
    peer.until(lambda: outputs["overlay"], "an overlay with the new alpha")
    np.testing.assert_array_equal(array_of(outputs["overlay"][0]), picture)


def test_outputs_at_the_size_of_the_network(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory, output_size="network")
    masks = peer.collect(Image, "/panorama_node/mask")
    overlays = peer.collect(Image, "/panorama_node/overlay")
    camera = peer.camera()
    large = picture.repeat(2, axis=0).repeat(2, axis=1)
    peer.until(
        lambda: masks and overlays,
        "mask and overlay",
        lambda: camera.publish(to_image(peer.header(), "bgr8", large)),
    )
    assert array_of(overlays[0]).shape == (32, 64, 3)
    np.testing.assert_array_equal(array_of(masks[0]), ids(picture))


def test_labels_are_latched_for_who_comes_late(start, peer, bundle_directory):
    start(bundle=bundle_directory)
    peer.diagnosis(lambda d: d.values["state"] == "active", "active")
    labels = peer.collect(String, "/panorama_node/labels", LATCHED)
    peer.until(lambda: labels, "the labels")
    document = json.loads(labels[0].data)
    assert document["label_set"] == "street11"
    assert document["unlabeled"] == 255
    assert document["bundle"] == "red"
    assert document["classes"][8] == {"id": 8, "name": "person", "color": [220, 20, 60]}
    if find_spec("vision_msgs"):
        from vision_msgs.msg import LabelInfo

        infos = peer.collect(LabelInfo, "/panorama_node/label_info", LATCHED)
        peer.until(lambda: infos, "the label info")
        assert [c.class_name for c in infos[0].class_map] == list(STREET11.names)


@pytest.mark.parametrize("topic", ["/roof/image_raw", "/roof/image_raw/compressed"])
def test_compressed_images_come_on_the_topic_that_image_transport_would_use(
    start, peer, bundle_directory, picture, topic
):
    start(
        "panorama_node",
        "-r",
        f"~/image:={topic}",
        bundle=bundle_directory,
        image_transport="compressed",
    )
    masks = peer.collect(Image, "/panorama_node/mask")
    camera = peer.camera("/roof/image_raw/compressed", kind=CompressedImage)
    sent = CompressedImage(header=peer.header("roof"), format="bgr8; png compressed bgr8")
    sent.data = cv2.imencode(".png", picture)[1].tobytes()
    peer.until(lambda: masks, "a mask", lambda: camera.publish(sent))
    assert stamp(masks[0]) == stamp(sent)
    np.testing.assert_array_equal(array_of(masks[0]), ids(picture))


def test_nothing_is_computed_while_nobody_subscribes(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory)
    camera = peer.camera()
    sent = to_image(peer.header(), "bgr8", picture)
    for _ in range(5):
        camera.publish(sent)
        peer.spin(0.1)
    idle = peer.diagnosis(lambda d: int(d.values.get("skipped, no subscriber") or 0) >= 3, "frames skipped")
    assert idle.values["published"] == "0"
    assert idle.values["dropped"] == "0"
    assert idle.values["inference p50 [ms]"] == ""
    assert idle.level == "OK"
    assert "nobody subscribes" in idle.message

    masks = peer.collect(Image, "/panorama_node/mask")
    peer.until(lambda: masks, "a mask, once somebody subscribes", lambda: camera.publish(sent))
    busy = peer.diagnosis(lambda d: int(d.values["published"]) > 0, "published frames")
    assert busy.values["runtime"].split()[0] in ("openvino", "onnxruntime")
    assert float(busy.values["latency p50 [ms]"]) > 0


def test_an_ordinary_camera_has_a_node_too(start, peer, red_bundle, tmp_path, picture):
    """And its frames, here twice the network's size, get masks of their own size."""
    start("camera_node", bundle=red_bundle(tmp_path / "camera", task="camera").path)
    large = picture.repeat(2, axis=0).repeat(2, axis=1)
    masks = peer.collect(Image, "/camera_node/mask")
    camera = peer.camera("/camera_node/image")
    peer.until(lambda: masks, "a mask", lambda: camera.publish(to_image(peer.header(), "bgr8", large)))
    np.testing.assert_array_equal(array_of(masks[0]), ids(large))
