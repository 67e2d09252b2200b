# SPDX-License-Identifier: Apache-2.0
"""What ROS costs: a camera (or a pair of them), the node and a consumer of masks, each a process, over DDS.

The engine costs nothing, so all that is measured is transport and the node's own work. Cases:

- ``samseg_ros``: panorama_node with the transport settings that the package applies;
- ``as_installed``: the same node over Fast DDS as it is installed;
- ``naive``: over our transport, a node as tutorials write it: a queue of ten, everything in the callback,
  ``msg.data = mask.tobytes()``;
- ``rgbt``: rgbt_node with those settings, pairs of a colour and a 16-bit thermal picture.

Run ``python -m benchmarks.node --json``. Times are in milliseconds: ``transport`` from the camera's stamp to
the node's callback, ``node`` from there to the end of publish less inference, ``age`` from the stamp to the
consumer's callback. ``node_cpu_ms`` is what the node's process computed per frame, whatever else was running.
Cases take turns in rounds; a ratio is one round's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image

from benchmarks import report
from benchmarks.rig import Rig, age_ms, percentiles, take
from samseg_ros import bundle
from samseg_ros.engine import Prediction
from samseg_ros.labels import STREET11
from samseg_ros.nodes.panorama_node import panorama_node
from samseg_ros.nodes.rgbt_node import rgbt_node
from samseg_ros.nodes.segmentation_node import SegmentationNode

WARM_UP = 30  # frames that are sent first and not counted


@dataclass(frozen=True)
class Kind:
    """What a case measures: pictures of `size`, a network of size `network`, under the node's name."""

    node: str
    task: str
    size: tuple[int, int]
    network: tuple[int, int]
    image: str  # topic, under the node's name

    @property
    def input(self) -> str:
        return f"/{self.node}/{self.image}"

    @property
    def output(self) -> str:
        return f"/{self.node}/mask"

    def answer(self) -> np.ndarray:
        """The labels uint8 of NoEngine, at the network's size."""
        return np.random.default_rng(1).integers(0, len(STREET11), self.network, dtype=np.uint8)

    def expected(self) -> np.ndarray:
        """The mask uint8 that this answer makes."""
        return cv2.resize(self.answer(), self.size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


PANORAMA = Kind("panorama_node", "panorama", (1024, 2048), (512, 1024), "image")
PAIR = Kind("rgbt_node", "rgbt", (480, 640), (480, 640), "rgb")
CASES = {"samseg_ros": PANORAMA, "as_installed": PANORAMA, "naive": PANORAMA, "rgbt": PAIR}


class NoEngine:
    """The same answer at once, whatever the question."""

    runtime, version, device, precision, fallback = "none", "", "none", "none", ""

    def __init__(self, kind: Kind) -> None:
        self._prediction = Prediction(kind.answer(), np.full(kind.network, 255, np.uint8))

    def infer(self, **inputs: np.ndarray) -> Prediction:
        return self._prediction


class NaiveNode(Node):
    """What a first attempt looks like."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind.node)
        self.transport_ms: list[float] = []
        self.node_ms: list[float] = []
        self._answer = kind.answer()
        self._kind = kind
        self._publisher = self.create_publisher(Image, kind.output, 10)
        self.create_subscription(Image, kind.input, self._on_image, 10)

    def _on_image(self, message: Image) -> None:
        began = time.perf_counter()
        self.transport_ms.append(age_ms(self, message.header))
        image = np.array(message.data, np.uint8).reshape(message.height, message.width, 3)
        cv2.resize(image, self._kind.network[::-1], interpolation=cv2.INTER_AREA)
        mask = cv2.resize(self._answer, (message.width, message.height), interpolation=cv2.INTER_NEAREST)
        out = Image(header=message.header, height=message.height, width=message.width, encoding="mono8")
        out.step = message.width
        out.data = mask.tobytes()
        self._publisher.publish(out)
        self.node_ms.append((time.perf_counter() - began) * 1e3)


# The node's process. It says what it measured when it is told to end.


def segmentation(kind: Kind, frames: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        written = bundle.write(
            Path(directory, "none"), graph=b"never read", name="none", task=kind.task,
            projection="equirectangular" if kind is PANORAMA else "pinhole", size=kind.network,
            labels=STREET11, training={}, scores={}, card="",
        )  # fmt: skip
        create = panorama_node if kind is PANORAMA else rgbt_node
        node = create(
            load_engine=lambda *_: NoEngine(kind),
            parameter_overrides=[rclpy.Parameter("bundle", value=str(written.path))],
        )
        node.autostart()
    return observe(node, frames)


def observe(node: SegmentationNode, last: int = 0) -> dict[str, Any]:
    """Serve an active node until it is told to end; what it measured of its `last` frames, or (0) of all."""
    # That must outlast the run; a node's own windows are those of the last seconds.
    statistics, source = node.statistics, node.inputs[-1]  # of a pair, the one that is sent last
    for window in (statistics.overhead, statistics.inference, source.transport_ms):
        window.resize(seconds=3600.0, capacity=1 << 20)
    began = time.process_time()
    serve(node)
    now, computed = time.monotonic(), time.process_time() - began
    return {
        "cpu_ms": round(computed * 1e3 / source.received, 2) if source.received else None,
        "transport_ms": percentiles(source.transport_ms.values(now)[-last:]),
        "node_ms": percentiles(statistics.overhead.values(now)[-last:]),
        "inference_ms": percentiles(statistics.inference.values(now)[-last:]),
        "received": source.received,
        "published": statistics.published,
    }


def naive(kind: Kind, frames: int) -> dict[str, Any]:
    node = NaiveNode(kind)
    began = time.process_time()
    serve(node)
    computed = time.process_time() - began
    return {
        "cpu_ms": round(computed * 1e3 / len(node.node_ms), 2) if node.node_ms else None,
        "transport_ms": percentiles(node.transport_ms[-frames:]),
        "node_ms": percentiles(node.node_ms[-frames:]),
        "received": len(node.node_ms),
        "published": len(node.node_ms),
    }


def serve(node: Node) -> None:
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        return


# The command.


def measure(names: list[str], rounds: int, frames: int, hz: float) -> dict[str, Any]:
    """Of each case the figures, and how many times less each step takes with ours than in the others."""
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            taken[name].append(run_case(name, frames, hz))
    return {
        "hz": hz,
        "cases": {name: report.over(rows) for name, rows in taken.items()},
        "ratios": ratios(taken),
    }


def run_case(case: str, frames: int, hz: float) -> dict[str, Any]:
    kind = CASES[case]
    rig = Rig(
        images=(kind.input,),
        thermals=(f"/{kind.node}/thermal",) if kind is PAIR else (),
        masks=(kind.output,),
        size=kind.size,
        hz=hz,
        frames=frames,
        warm_up=WARM_UP,
        expected=kind.expected(),
    )
    program = ["-m", "benchmarks.node", "--role", case, "--frames", str(frames), "--out"]
    taken = take(rig, [program], as_installed=case == "as_installed")
    (node,) = taken.results
    figures = taken.figures()
    return {
        "image_size": list(kind.size),
        "network_size": list(kind.network),
        "camera_hz": figures["camera_hz"],
        "sent": figures["sent"],
        "lost": figures["unanswered"],
        "wrong_masks": figures["wrong_masks"],
        "lost_before_the_node": frames + WARM_UP - node["received"],
        "transport_ms": node["transport_ms"],
        "node_ms": node["node_ms"],
        "node_cpu_ms": node["cpu_ms"],
        "age_ms": figures["age_ms"],
    }


def ratios(taken: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """By medians of each round: how many times as long a step takes in another case."""
    found = {}
    for case in ("as_installed", "naive"):
        for step in ("transport_ms", "node_ms", "age_ms"):
            rounds = [
                other[step]["p50"] / own[step]["p50"]
                for own, other in zip(taken.get("samseg_ros", ()), taken.get(case, ()), strict=False)
                if own[step] and other[step]
            ]
            if rounds:
                found[f"{case} / samseg_ros, {step}"] = report.spread(rounds)
    return found


def table(result: dict[str, Any]) -> str:
    lines = [f"{'case':<16}{'lost':>6}{'transport p95':>16}{'node p95':>12}{'age p95':>12}  (ms)"]
    for name, row in result["cases"].items():
        steps = [row[step].get("p95", {}).get("median") for step in ("transport_ms", "node_ms", "age_ms")]
        told = ["-" if value is None else f"{value:.1f}" for value in steps]
        lines.append(f"{name:<16}{row['lost']['median']:>6g}{told[0]:>16}{told[1]:>12}{told[2]:>12}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.node", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=300, help="frames per case and round")
    parser.add_argument("--hz", type=float, default=30.0, help="frames per second")
    parser.add_argument("--case", choices=CASES, action="append", help="only this case; may be repeated")
    parser.add_argument("--role", choices=CASES, help=argparse.SUPPRESS)
    report.add_arguments(parser)
    args = parser.parse_args()
    if args.role:
        rclpy.init()
        play = naive if args.role == "naive" else segmentation
        result = play(CASES[args.role], args.frames)
        args.out.write_text(json.dumps(result), encoding="utf-8")
        rclpy.try_shutdown()  # not killed: that would leave its shared memory behind
        return
    result = measure(args.case or list(CASES), args.rounds, args.frames, args.hz)
    report.emit(args, "node", result, table(result))


if __name__ == "__main__":
    main()
