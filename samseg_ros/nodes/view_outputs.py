# SPDX-License-Identifier: Apache-2.0
"""Virtual pinhole cameras of a 360° one: their pictures, masks, camera infos and transforms."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, TransformStamped
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from samseg_ros.nodes import messages
from samseg_ros.nodes.parameters import Parameter, Settings, under
from samseg_ros.nodes.publishers import Publishers
from samseg_ros.panorama import guess_vertical_fov
from samseg_ros.views import Pinhole, View

LARGEST = 8192  # pixels along a side; more is a typing error, not a view

PARAMETERS = (
    Parameter("views.*.yaw", 0.0, "Degrees that this view turns to the left.", (), -360, 360, live=True),
    Parameter("views.*.pitch", 0.0, "Degrees that this view looks up.", (), -90, 90, live=True),
    Parameter("views.*.roll", 0.0, "Degrees that this view tilts to its right.", (), -180, 180, live=True),
    Parameter("views.*.hfov", 90.0, "Degrees from its left edge to its right.", (), 1, 179, live=True),
    Parameter(
        "views.*.size", (640, 480), "Its width and height in pixels.", (), 1, LARGEST, live=True, length=2
    ),
)


class ViewOutputs:
    """``~/views/<name>/image``, ``mask`` and ``camera_info`` of each view that is named, and /tf_static.

    A view may be changed at any time; the next frame shows it as it is then.
    """

    def __init__(self, publishers: Publishers, settings: Settings) -> None:
        self._publishers = publishers
        self._settings = settings
        self._pinholes = {name: Pinhole(view) for name, view in views(settings).items()}
        self._placed: dict[str, tuple[str, View]] = {}  # frame of a view: its parent, and what it shows
        self._tf_message = messages.tf_message_type()
        for name in self._pinholes:
            publishers.add(Image, f"views/{name}/image")
            publishers.add(Image, f"views/{name}/mask")
            publishers.add(CameraInfo, f"views/{name}/camera_info")
        if self._pinholes and self._tf_message is None:
            publishers.node.get_logger().warning(
                "tf2_msgs is not installed, so the frames of views are not on /tf_static; install it, or "
                "publish the transforms with static_transform_publisher."
            )

    def values(self) -> list[tuple[str, str]]:
        """For the report on /diagnostics."""
        if not self._pinholes:
            return []
        published = ", ".join(self._placed) or "none yet"
        return [("frames of views", published if self._tf_message else "none, tf2_msgs is not installed")]

    def publish(self, header: Header, image: np.ndarray, mask: np.ndarray, wanted: frozenset[str]) -> None:
        """Publish what is wanted of each view; its transform goes ahead of its first picture.

        `image` uint8 [H, W, 3] BGR and `mask` uint8 [h, w] are the panorama's, under its `header`.
        """
        for name, view in views(self._settings).items():
            topics = {what: f"views/{name}/{what}" for what in ("mask", "image", "camera_info")}
            if wanted.isdisjoint(topics.values()):
                continue
            # The mask's too: of the network's size, its shape need not be the panorama's.
            fov = self._settings["vertical_fov"] or guess_vertical_fov(*image.shape[:2])
            pinhole = self._pinholes[name]
            if (pinhole.view, pinhole.vertical_fov) != (view, fov):
                pinhole = self._pinholes[name] = Pinhole(view, fov)
            frame = Header(stamp=header.stamp, frame_id=f"{header.frame_id}/{name}_optical".lstrip("/"))
            self._place(header, frame.frame_id, view)
            if topics["mask"] in wanted:
                seen = messages.to_image(frame, "mono8", pinhole.mask(mask))
                self._publishers.publish(topics["mask"], seen)
            if topics["image"] in wanted:
                seen = messages.to_image(frame, "bgr8", pinhole.image(image))
                self._publishers.publish(topics["image"], seen)
            if topics["camera_info"] in wanted:
                self._publishers.publish(topics["camera_info"], camera_info(frame, view))

    def _place(self, parent: Header, child: str, view: View) -> None:
        """Say on /tf_static where the view looks, unless that was said already."""
        if self._tf_message is None or self._placed.get(child) == (parent.frame_id, view):
            return
        if not parent.frame_id:
            self._publishers.node.get_logger().warning(
                "images come without a frame_id, so the frames of views are not on /tf_static; "
                "set it in the camera's driver.",
                once=True,
            )
            return
        self._placed[child] = parent.frame_id, view
        # One message with all of them: of latched messages, who comes late gets the last one only.
        transforms = [_transform(parent.stamp, child, *placed) for child, placed in self._placed.items()]
        self._publishers.latch("/tf_static", self._tf_message(transforms=transforms))


def views(settings: Settings) -> dict[str, View]:
    """The views that the user has named, as they are set now."""
    return {
        name: View(given["yaw"], given["pitch"], given["roll"], given["hfov"], *given["size"])
        for name, given in under(settings, "views").items()
    }


def camera_info(header: Header, view: View) -> CameraInfo:
    """The calibration of a pinhole camera without distortion."""
    matrix = view.matrix()
    info = CameraInfo(header=header, width=view.width, height=view.height, distortion_model="plumb_bob")
    info.d = [0.0] * 5
    info.k = matrix.ravel().tolist()
    info.r = np.eye(3).ravel().tolist()
    info.p = np.hstack((matrix, np.zeros((3, 1)))).ravel().tolist()
    return info


def _transform(stamp: Time, child: str, parent: str, view: View) -> TransformStamped:
    transform = TransformStamped(header=Header(stamp=stamp, frame_id=parent), child_frame_id=child)
    x, y, z, w = view.quaternion()
    transform.transform.rotation = Quaternion(x=x, y=y, z=z, w=w)
    return transform
