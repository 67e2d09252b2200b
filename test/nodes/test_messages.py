# SPDX-License-Identifier: Apache-2.0
"""What becomes of messages, without a node."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from samseg_ros.nodes.messages import camera_info


def full() -> CameraInfo:
    info = CameraInfo(width=1920, height=1200, distortion_model="plumb_bob")
    info.k = [1000.0, 0.0, 960.0, 0.0, 1000.0, 600.0, 0.0, 0.0, 1.0]
    info.p = [1000.0, 0.0, 960.0, -50.0, 0.0, 1000.0, 600.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def test_a_region_of_interest_moves_the_principal_point():
    info = full()
    info.roi = RegionOfInterest(x_offset=480, y_offset=300, width=960, height=600)
    whole = camera_info(Header(frame_id="rgb"), info, 960, 600)
    np.testing.assert_allclose(whole.k, [1000, 0, 480, 0, 1000, 300, 0, 0, 1])
    np.testing.assert_allclose(whole.p, [1000, 0, 480, -50, 0, 1000, 300, 0, 0, 0, 1, 0])
    half = camera_info(Header(frame_id="rgb"), info, 480, 300)
    np.testing.assert_allclose(half.k, [500, 0, 239.75, 0, 500, 149.75, 0, 0, 1])
    assert (half.width, half.height, half.roi.width, half.header.frame_id) == (480, 300, 0, "rgb")


def test_binning_is_a_smaller_picture_of_the_whole():
    info = full()
    info.binning_x = info.binning_y = 2
    np.testing.assert_allclose(
        camera_info(Header(), info, 960, 600).k, [500, 0, 479.75, 0, 500, 299.75, 0, 0, 1]
    )


def test_the_middle_of_a_picture_stays_its_middle():
    info = CameraInfo(width=1280, height=960)
    info.k = [700.0, 0.0, 639.5, 0.0, 700.0, 479.5, 0.0, 0.0, 1.0]
    np.testing.assert_allclose(
        camera_info(Header(), info, 320, 120).k, [175, 0, 159.5, 0, 87.5, 59.5, 0, 0, 1]
    )
