# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 nodes. No other part of samseg_ros imports rclpy."""
