# SPDX-License-Identifier: Apache-2.0
"""Recorded data: bags and folders of pictures, read, labelled and written without ROS."""
