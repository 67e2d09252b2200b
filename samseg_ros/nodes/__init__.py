# SPDX-License-Identifier: Apache-2.0
"""The live porch: ROS 2 nodes. rclpy is imported here and nowhere else."""
