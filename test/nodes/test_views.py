# SPDX-License-Identifier: Apache-2.0
"""Pinhole views of a panorama, over DDS: pictures, masks, camera infos, transforms, and changes of them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from nodes.peer import LATCHED, array_of, ids, stamp
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from samseg_ros.nodes.messages import to_image
from samseg_ros.nodes.view_outputs import ViewOutputs
from samseg_ros.views import Pinhole, View

FRONT = {"views.front.size": [40, 30]}
REAR = {
    "views.rear.yaw": 180,
    "views.rear.pitch": -20.0,
    "views.rear.hfov": 120.0,
    "views.rear.size": [20, 24],
}
REAR_VIEW = View(yaw=180, pitch=-20, hfov=120, width=20, height=24)


def view_of(peer: Any, name: str, *kinds: str) -> dict[str, list[Any]]:
    types = {"image": Image, "mask": Image, "camera_info": CameraInfo}
    return {kind: peer.collect(types[kind], f"/panorama_node/views/{name}/{kind}") for kind in kinds}


def test_a_view_is_a_camera_of_its_own(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory, **FRONT, **REAR)
    rear = view_of(peer, "rear", "image", "mask", "camera_info")
    front = view_of(peer, "front", "mask")
    camera = peer.camera()
    peer.prime(camera, to_image(peer.header("roof"), "bgr8", picture), rear["mask"])
    for messages in (*rear.values(), *front.values()):
        messages.clear()
    sent = to_image(peer.header("roof"), "bgr8", picture)
    camera.publish(sent)
    peer.until(lambda: all(rear.values()) and all(front.values()), "both views")

    for messages in rear.values():
        assert stamp(messages[0]) == (*stamp(sent)[:2], "roof/rear_optical")
    assert stamp(front["mask"][0])[2] == "roof/front_optical"
    seen = Pinhole(REAR_VIEW)
    np.testing.assert_array_equal(array_of(rear["image"][0]), seen.image(picture))
    np.testing.assert_array_equal(array_of(rear["mask"][0]), seen.mask(ids(picture)))
    np.testing.assert_array_equal(
        array_of(front["mask"][0]), Pinhole(View(width=40, height=30)).mask(ids(picture))
    )
    info = rear["camera_info"][0]
    focal = 10 / np.tan(np.radians(60))
    assert (info.width, info.height, info.distortion_model, list(info.d)) == (20, 24, "plumb_bob", [0.0] * 5)
    np.testing.assert_allclose(info.k, [focal, 0, 9.5, 0, focal, 11.5, 0, 0, 1])
    np.testing.assert_allclose(info.p, [focal, 0, 9.5, 0, 0, focal, 11.5, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(info.r, np.eye(3).ravel())


def test_a_view_turns_while_the_node_runs(start, peer, bundle_directory, picture):
    start(bundle=bundle_directory, output_size="network", **REAR)
    rear = view_of(peer, "rear", "mask", "camera_info")
    camera = peer.camera()
    large = picture.repeat(2, axis=0).repeat(2, axis=1)
    peer.prime(camera, to_image(peer.header("roof"), "bgr8", large), rear["mask"])
    changes = {"views.rear.yaw": 90, "views.rear.hfov": 60.0, "views.rear.size": [32, 16]}
    assert all(result.successful for result in peer.set("panorama_node", **changes))
    for messages in rear.values():
        messages.clear()
    peer.until(
        lambda: all(rear.values()),
        "the view as it is now",
        lambda: camera.publish(to_image(peer.header("roof"), "bgr8", large)),
    )
    now = View(yaw=90, pitch=-20, hfov=60, width=32, height=16)
    np.testing.assert_array_equal(array_of(rear["mask"][0]), Pinhole(now).mask(ids(picture)))
    np.testing.assert_allclose(np.reshape(rear["camera_info"][0].k, (3, 3)), now.matrix())
    refused = peer.set("panorama_node", **{"views.rear.hfov": 180.0})[0]
    assert not refused.successful


@pytest.mark.skipif(not find_spec("tf2_msgs"), reason="tf2_msgs is not installed; it comes with ROS")
def test_views_have_their_places_on_tf_static(start, peer, bundle_directory, picture):
    from tf2_msgs.msg import TFMessage

    start(bundle=bundle_directory, **FRONT, **REAR)
    views = {name: view_of(peer, name, "camera_info")["camera_info"] for name in ("front", "rear")}
    camera = peer.camera()
    for messages in views.values():
        peer.prime(camera, to_image(peer.header("roof"), "bgr8", picture), messages)
    late = peer.collect(TFMessage, "/tf_static", LATCHED)
    peer.until(lambda: late, "transforms, for who comes late")
    placed = {transform.child_frame_id: transform for transform in late[-1].transforms}
    assert set(placed) == {"roof/front_optical", "roof/rear_optical"}
    assert {transform.header.frame_id for transform in placed.values()} == {"roof"}
    for name, view in (("front", View()), ("rear", REAR_VIEW)):
        turned = placed[f"roof/{name}_optical"].transform.rotation
        assert (turned.x, turned.y, turned.z, turned.w) == pytest.approx(view.quaternion())

    late.clear()
    assert peer.set("panorama_node", **{"views.rear.yaw": 170.0})[0].successful
    camera.publish(to_image(peer.header("roof"), "bgr8", picture))
    peer.until(lambda: late, "the new place")
    turned = next(
        t for t in late[-1].transforms if t.child_frame_id == "roof/rear_optical"
    ).transform.rotation
    now = View(yaw=170, pitch=-20)
    assert (turned.x, turned.y, turned.z, turned.w) == pytest.approx(now.quaternion())
    peer.diagnosis(lambda d: d.values["frames of views"] == "roof/front_optical, roof/rear_optical", "frames")


def test_masks_of_another_shape_than_the_panorama_lie_on_its_pictures():
    picture = np.zeros((100, 512, 3), np.uint8)  # of a strip of 70 degrees
    picture[:40] = 255
    mask = np.zeros((410, 512), np.uint8)  # of a network with more rows
    mask[:164] = 1
    settings = {"vertical_fov": 0.0, **{f"views.front.{name}": 0.0 for name in ("yaw", "pitch", "roll")}}
    settings |= {"views.front.hfov": 60.0, "views.front.size": (64, 64)}
    publishers = Mock()
    views = ViewOutputs(publishers, settings)
    wanted = frozenset({"views/front/image", "views/front/mask"})
    views.publish(Header(frame_id="roof"), picture, mask, wanted)
    sent = {call.args[0]: array_of(call.args[1]) for call in publishers.publish.mock_calls}
    above = sent["views/front/image"][:, 32, 0] > 127
    assert 10 < above.sum() < 32
    assert abs(int(above.sum()) - int((sent["views/front/mask"][:, 32] == 1).sum())) <= 1


@pytest.mark.skipif(bool(find_spec("tf2_msgs")), reason="tf2_msgs is installed")
def test_without_tf2_msgs_views_come_and_the_lack_is_reported(start, peer, bundle_directory, picture):
    node = start(bundle=bundle_directory, **FRONT)
    front = view_of(peer, "front", "mask")
    camera = peer.camera()
    peer.prime(camera, to_image(peer.header("roof"), "bgr8", picture), front["mask"])
    assert "tf2_msgs is not installed, so the frames of views are not on /tf_static" in node.log
    diagnosis = peer.diagnosis(lambda d: d.values["frames of views"] != "", "frames of views")
    assert diagnosis.values["frames of views"] == "none, tf2_msgs is not installed"


def test_wrong_views_are_refused_by_name(start, peer, bundle_directory):
    node = start(bundle=bundle_directory, **{"views.front.hfov": 180.0, "views.front.yav": 3.0})
    diagnosis = peer.diagnosis(lambda d: d.level == "ERROR", "an error")
    assert "parameter 'views.front.hfov' is 180.0; expected a number from 1 to 179." in diagnosis.message
    assert "parameter 'views.front.yav' is unknown to this node and has no effect; did you mean" in node.log
    assert peer.set("panorama_node", **{"views.front.hfov": 90})[0].successful
    assert peer.transition("panorama_node", "configure")
