# SPDX-License-Identifier: Apache-2.0
"""One node, or several, in a process of their own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from samseg_ros import transport
from samseg_ros.nodes.segmentation_node import SegmentationNode


def run(*create: Callable[[], SegmentationNode]) -> None:
    """Make the nodes, start those that shall start themselves, and serve them until told to stop.

    A node that cannot be configured, or ends in an error, leaves the others at work; an error is raised in
    the end. Applies the transport settings first, as every command of this package does: a node that was
    started without them would publish its masks over a transport that loses them.
    """
    transport.apply()
    try:
        rclpy.init()
    except RuntimeError as error:  # arguments or an environment that it can make nothing of
        sys.exit(f"ROS 2 reports: {error}")
    served = []
    with ExitStack() as ending:  # bottom up, and each step whatever becomes of the one before
        ending.callback(rclpy.try_shutdown)
        try:
            nodes = []
            for make in create:
                nodes.append(make())
                ending.callback(nodes[-1].destroy_node)
                ending.callback(nodes[-1].close)
            threads = ThreadPoolExecutor(len(nodes))
            ending.callback(threads.shutdown)  # rclpy's own handlers of signals end what they do
            served = [threads.submit(_serve, node) for node in nodes]
            wait(served)
        except KeyboardInterrupt:
            pass  # Ctrl-C; SIGTERM only ends the threads
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # launch and the terminal may both send it
    for one in served:
        one.result()


def _serve(node: SegmentationNode) -> None:
    """All callbacks of a node, none of which takes long; frames have a thread of their own.

    An executor for each: one for all would look through everybody's entities whenever anybody's were due,
    and one node's loading of its engine would hold up the others.
    """
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        node.autostart()
        executor.spin()
    except ExternalShutdownException:
        return
    except Exception as error:
        if not rclpy.ok():
            return  # told to stop in the middle of a callback, which could not publish any more
        node.get_logger().fatal(f"stopped by {type(error).__name__}: {error}")
        raise
