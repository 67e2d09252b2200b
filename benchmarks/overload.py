# SPDX-License-Identifier: Apache-2.0
"""A camera ten times as fast as the engine, for minutes: how old masks get, and whether memory grows.

First the camera is slow enough for the node to keep up, which gives what one inference takes; then it sends
ten times as many frames as that allows. A mask may be as old as one inference and one period, since the node
takes the newest frame when it is free. What the middleware and the node add is in the figures, too.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import rclpy

from benchmarks import report
from benchmarks.end_to_end import IMAGE, MASK, SIZE
from benchmarks.node import observe
from benchmarks.rig import Rig, Take, take
from samseg_ros import bundle as bundles
from samseg_ros.nodes.panorama_node import panorama_node

CALM_HZ = 1.0
TIMES = 10
_STEADY = 0.2  # share of the time after which memory should not grow any more


def measure(bundle: str, minutes: float) -> dict[str, Any]:
    """Of the calm and the overloaded take the figures, and what they say of age and memory."""
    loaded = bundles.load(bundle)
    program = ["-m", "benchmarks.overload", "--role", "--bundle", bundle, "--out"]
    calm = take(Rig((IMAGE,), (MASK,), SIZE, CALM_HZ, frames=15), [program])
    hz = round(TIMES * 1e3 / calm.results[0]["inference_ms"]["p50"], 1)
    frames = round(hz * minutes * 60)
    over = take(Rig((IMAGE,), (MASK,), SIZE, hz, frames, patience_s=5.0), [program])
    limit = over.results[0]["inference_ms"]["p95"] + 1e3 / hz
    figures = _figures(over)
    return {
        "bundle": loaded.name,
        "image_size": list(SIZE),
        "minutes": minutes,
        "calm": _figures(calm),
        "overloaded": figures,
        "limit_ms": round(limit, 1),
        "p95 age / limit": round(figures["age_ms"]["p95"] / limit, 3),
        "memory": memory(over),
    }


def _figures(taken: Take) -> dict[str, Any]:
    """Those of the take, and what the node has measured itself."""
    (node,) = taken.results
    return {**taken.figures(), **{name: node[name] for name in ("transport_ms", "inference_ms")}}


def memory(taken: Take) -> dict[str, Any]:
    """Of the node, in MB: in the beginning, in the end, how it grew in between, and every so many seconds.

    The times of each frame, which the node keeps for this measurement alone, are about 0.1 kB of it.
    """
    seconds, megabytes = np.array(taken.rss_mb).T
    steady = seconds >= _STEADY * seconds[-1]
    per_second = np.polyfit(seconds[steady], megabytes[steady], 1)[0]
    shown = np.unique(np.linspace(0, len(seconds) - 1, 60).round().astype(int))
    return {
        "first_mb": round(float(megabytes[steady][0]), 1),
        "last_mb": round(float(megabytes[-1]), 1),
        "growth_mb_per_minute": round(float(per_second * 60), 3),
        "rss_mb": [[float(seconds[i]), round(float(megabytes[i]), 1)] for i in shown],
    }


def table(result: dict[str, Any]) -> str:
    age, held = result["overloaded"]["age_ms"], result["memory"]
    return (
        f"camera at {result['overloaded']['camera_hz']:g} Hz, inference p95 "
        f"{result['overloaded']['inference_ms']['p95']:.0f} ms: age of masks p50 {age['p50']:.0f} ms, p95 "
        f"{age['p95']:.0f} ms (limit {result['limit_ms']:.0f} ms)\n"
        f"memory {held['first_mb']:.0f} MB, after {result['minutes']:g} minutes {held['last_mb']:.0f} MB "
        f"({held['growth_mb_per_minute']:+.2f} MB per minute)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--bundle", default="street_b0_panorama")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--role", action="store_true", help=argparse.SUPPRESS)
    report.add_arguments(parser)
    args = parser.parse_args()
    if args.role:
        rclpy.init()
        made = panorama_node(parameter_overrides=[rclpy.Parameter("bundle", value=args.bundle)])
        made.autostart()
        args.out.write_text(json.dumps(observe(made)), encoding="utf-8")
        rclpy.try_shutdown()
        return
    result = measure(args.bundle, args.minutes)
    report.emit(args, "overload", result, table(result))


if __name__ == "__main__":
    main()
