# SPDX-License-Identifier: Apache-2.0
"""Semantic masks from 360° and RGB-thermal cameras, as ROS 2 nodes and as a command line.

The robot's half of the project: NumPy, OpenCV and one inference runtime. Training lives beside it, in
``training/``; the two meet in the model bundle (:mod:`samseg_ros.bundle`).
"""

import os
import sys
from importlib.metadata import PackageNotFoundError, version

# A robot tells nobody what it runs, nor waits at its end for a server that should hear of it. OpenVINO
# forks a process that sends, unless a module of its is missing, and ONNX Runtime sends too.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    __version__ = version("samseg_ros")
except PackageNotFoundError:  # run straight from a source tree that was never installed
    __version__ = "0+uninstalled"
