# SPDX-License-Identifier: Apache-2.0
"""A node in a process of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from samseg_ros import transport
from samseg_ros.nodes.segmentation_node import SegmentationNode


def run(create: Callable[[], SegmentationNode]) -> None:
    """Make the node, start it if it shall start itself, and serve it until the process is told to stop.

    Applies the transport settings first, as every command of this package does: a node that was started
    without them would publish its masks over a transport that loses them.
    """
    transport.apply()
    rclpy.init()
    node = None
    try:
        node = create()
        # One thread for all callbacks, none of which takes long; frames have a thread of their own.
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        node.autostart()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # the two ways in which one is told to stop
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # launch and the terminal may both send it
        if node is not None:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()
