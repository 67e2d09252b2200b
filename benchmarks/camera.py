# SPDX-License-Identifier: Apache-2.0
"""The cameras of a measurement, in a process of their own: drawn pictures at a steady rate.

Started by :mod:`benchmarks.rig`. Each frame carries its number
in ``frame_id``, numbers below zero are for warming up.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from benchmarks import report
from samseg_ros.nodes.messages import to_image

SENDING = "sending"  # what is said when all have found each other
_PICTURES = 4  # different ones, in turn


def color(random: np.random.Generator, size: tuple[int, int]) -> Image:
    return to_image(Header(), "bgr8", report.cloud(random, size))


def thermal(random: np.random.Generator, size: tuple[int, int]) -> Image:
    """16 bits, in kelvin × 100."""
    counts = 28000 + 8 * report.cloud(random, size)[..., 0].astype(np.uint16)
    message = to_image(Header(), "mono8", counts.view(np.uint8))
    message.encoding, message.width = "mono16", size[1]
    return message


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", action="append", default=[], help="topic of colour images")
    parser.add_argument("--thermal", action="append", default=[], help="topic of thermal images")
    parser.add_argument("--size", type=int, nargs=2, required=True)
    parser.add_argument("--hz", type=float, required=True)
    parser.add_argument("--warm-up", type=int, required=True, help="frames")
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--at-once", action="store_true", help="whether or not somebody listens")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rclpy.init()
    node = Node("camera")
    random = np.random.default_rng(0)
    size = tuple(args.size)
    sources = [
        (node.create_publisher(Image, topic, 5), [draw(random, size) for _ in range(_PICTURES)])
        for topics, draw in ((args.image, color), (args.thermal, thermal))
        for topic in topics
    ]
    while not args.at_once and not all(publisher.get_subscription_count() for publisher, _ in sources):
        time.sleep(0.05)
    time.sleep(2.0)  # the other side has to find us, too
    print(SENDING, flush=True)
    began = time.monotonic()
    for number in range(-args.warm_up, args.frames):
        time.sleep(max(0.0, began + (number + args.warm_up) / args.hz - time.monotonic()))
        header = Header(frame_id=str(number), stamp=node.get_clock().now().to_msg())
        for publisher, messages in sources:
            message = messages[number % _PICTURES]
            message.header = header
            publisher.publish(message)
    took = time.monotonic() - began
    sent = args.warm_up + args.frames
    args.out.write_text(json.dumps({"hz": (sent - 1) / took}), encoding="utf-8")
    rclpy.shutdown()


if __name__ == "__main__":
    main()
