# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a drive through the real nodes over ROS 2, and a report to look at."""
