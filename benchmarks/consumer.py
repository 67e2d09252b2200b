# SPDX-License-Identifier: Apache-2.0
"""Who reads the masks of a measurement, in a process of its own; started by :mod:`benchmarks.rig`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from benchmarks.rig import FIRST, READY, age_ms


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mask", action="append", required=True, help="topic")
    parser.add_argument("--size", type=int, nargs=2, required=True, help="that a mask should have")
    parser.add_argument("--expected", type=Path, help="the bytes that every mask should hold")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    expected = args.expected.read_bytes() if args.expected else None
    rclpy.init()
    node = Node("consumer")
    ages: list[list[list[float]]] = [[] for _ in args.mask]  # of each topic: number, milliseconds
    wrong: list[int] = []

    reports: dict[str, list[dict[str, str]]] = {}

    def on_report(message: DiagnosticArray) -> None:
        for status in message.status:
            reports.setdefault(status.name, []).append({pair.key: pair.value for pair in status.values})

    def on_mask(topic: int, message: Image) -> None:
        if not any(ages):
            print(f"{FIRST}{time.time()}", flush=True)
        number = int(message.header.frame_id)
        ages[topic].append([number, age_ms(node, message.header)])
        fits = [message.height, message.width] == args.size
        if fits and expected is not None and number % 30 == 0:  # not each: that would take its time
            fits = message.data.tobytes() == expected
        if not fits:
            wrong.append(number)

    for index, topic in enumerate(args.mask):
        receive: Callable[[Image], None] = partial(on_mask, index)
        node.create_subscription(Image, topic, receive, qos_profile_sensor_data)
    node.create_subscription(DiagnosticArray, "/diagnostics", on_report, 10)
    print(READY, flush=True)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    args.out.write_text(json.dumps({"ages": ages, "wrong": len(wrong), "reports": reports}), encoding="utf-8")
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
