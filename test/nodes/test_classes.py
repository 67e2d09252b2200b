# SPDX-License-Identifier: Apache-2.0
"""What consumers can ask for beside the plain mask: groups of classes, sure pixels only, compression."""

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

from samseg_ros.nodes.messages import to_image

GROUPS = {"output.classes.vulnerable": ["person", "bicycle"], "output.classes.drivable": ["road"]}


def test_a_mask_for_each_group(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory, **GROUPS)
    masks = {
        name: peer.collect(Image, f"/panorama_node/classes/{name}/mask")
        for name in ("vulnerable", "drivable")
    }
    camera = peer.camera()
    sent = to_image(peer.header("roof"), "bgr8", picture)
    peer.until(lambda: all(masks.values()), "both masks", lambda: camera.publish(sent))
    assert stamp(masks["drivable"][0]) == stamp(sent)
    expected = np.where(ids(picture) == 8, 255, 0)
    np.testing.assert_array_equal(array_of(masks["vulnerable"][0]), expected)
    np.testing.assert_array_equal(array_of(masks["drivable"][0]), 255 - expected)


def test_one_mask_of_all_groups_with_labels_of_its_own(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory, **GROUPS, **{"output.mode": "labels"})
    masks = peer.collect(Image, "/panorama_node/classes/mask")
    labels = peer.collect(String, "/panorama_node/classes/labels", LATCHED)
    camera = peer.camera()
    sent = to_image(peer.header(), "bgr8", picture)
    peer.until(lambda: masks and labels, "mask and labels", lambda: camera.publish(sent))
    np.testing.assert_array_equal(array_of(masks[0]), np.where(ids(picture) == 8, 1, 0))
    document = json.loads(labels[0].data)
    assert [(c["id"], c["name"]) for c in document["classes"]] == [(0, "drivable"), (1, "vulnerable")]
    assert document["unlabeled"] == 255
    if find_spec("vision_msgs"):
        from vision_msgs.msg import LabelInfo

        infos = peer.collect(LabelInfo, "/panorama_node/classes/label_info", LATCHED)
        peer.until(lambda: infos, "the label info")
        assert [c.class_name for c in infos[0].class_map] == ["drivable", "vulnerable"]


def test_a_class_that_the_bundle_lacks_is_refused_with_those_it_has(start, peer, bundle_directory):
    node = start(bundle=bundle_directory, **{"output.classes.drivable": ["raod"]})
    diagnosis = peer.diagnosis(lambda d: d.level == "ERROR", "an error")
    assert "group 'drivable' names class 'raod', which label set 'street11' lacks" in diagnosis.message
    assert "road, sidewalk, building" in node.log
    assert peer.set("panorama_node", **{"output.classes.drivable": ["road"]})[0].successful
    assert peer.transition("panorama_node", "configure")
    refused = peer.set("panorama_node", **{"output.classes.drivable": ["car"]})[0]
    assert "cannot change now: it is read at configure" in refused.reason


def test_unsure_pixels_are_unlabelled_in_all_that_is_made_of_the_mask(start, peer, bundle_directory, picture):
    start(
        bundle=bundle_directory,
        min_confidence=0.5,
        overlay_alpha=1.0,
        **GROUPS,
        **{"views.front.size": [16, 12]},
    )
    topics = ("mask", "color", "classes/drivable/mask", "views/front/mask")
    outputs = {topic: peer.collect(Image, f"/panorama_node/{topic}") for topic in topics}
    camera = peer.camera()
    sent = to_image(peer.header(), "bgr8", picture)
    peer.until(lambda: all(outputs.values()), "all outputs", lambda: camera.publish(sent))
    below = picture[..., 0] < 127.5
    np.testing.assert_array_equal(array_of(outputs["mask"][0]), np.where(below, 255, ids(picture)))
    assert not array_of(outputs["color"][0])[below].any()
    drivable = array_of(outputs["classes/drivable/mask"][0])
    np.testing.assert_array_equal(drivable, np.where(~below & (ids(picture) == 0), 255, 0))
    assert (array_of(outputs["views/front/mask"][0]) == 255).any()

    assert peer.set("panorama_node", min_confidence=0.0)[0].successful
    outputs["mask"].clear()
    peer.until(lambda: outputs["mask"], "a mask of every pixel", lambda: camera.publish(sent))
    np.testing.assert_array_equal(array_of(outputs["mask"][-1]), ids(picture))


def test_a_compressed_mask_is_lossless_and_where_image_transport_looks_for_it(
    start, peer, bundle_directory, picture
):
    start("panorama_node", "-r", "~/mask:=/roof/mask", bundle=bundle_directory)
    masks = peer.collect(CompressedImage, "/roof/mask/compressed")
    camera = peer.camera()
    sent = to_image(peer.header("roof"), "bgr8", picture)
    peer.until(lambda: masks, "a mask", lambda: camera.publish(sent))
    assert stamp(masks[0]) == stamp(sent)
    assert masks[0].format == "mono8; png compressed "
    decoded = cv2.imdecode(np.frombuffer(masks[0].data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded, ids(picture))
