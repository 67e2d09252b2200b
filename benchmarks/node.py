# SPDX-License-Identifier: Apache-2.0
"""What ROS costs: a camera (or a pair of them), the node and a consumer of masks, each a process, over DDS.

The engine costs nothing, so all that is measured is transport and the node's own work. Cases:

- ``samseg_ros``: panorama_node with the transport settings that the package applies;
- ``as_installed``: the same node over Fast DDS as it is installed;
- ``naive``: over our transport, a node as tutorials write it: a queue of ten, everything in the callback,
  ``msg.data = mask.tobytes()``;
- ``rgbt``: rgbt_node with those settings, pairs of a colour and a 16-bit thermal picture.

Run ``python -m benchmarks.node --json``. Times are in milliseconds: ``transport`` from the camera's stamp to
the node's callback, ``node`` from there to the end of publish less inference, ``total`` from the stamp to the
consumer's callback. ``node_cpu_ms`` is what the node's process computed per frame, whatever else was running.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from benchmarks import machine
from samseg_ros import bundle, transport
from samseg_ros.engine import Prediction
from samseg_ros.labels import STREET11
from samseg_ros.nodes.messages import to_image
from samseg_ros.nodes.panorama_node import panorama_node
from samseg_ros.nodes.rgbt_node import rgbt_node

WARM_UP = 30  # frames that are sent first and not counted


@dataclass(frozen=True)
class Rig:
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


PANORAMA = Rig("panorama_node", "panorama", (1024, 2048), (512, 1024), "image")
PAIR = Rig("rgbt_node", "rgbt", (480, 640), (480, 640), "rgb")
CASES = {"samseg_ros": PANORAMA, "as_installed": PANORAMA, "naive": PANORAMA, "rgbt": PAIR}


class NoEngine:
    """The same answer at once, whatever the question."""

    runtime, version, device, precision, fallback = "none", "", "none", "none", ""

    def __init__(self, rig: Rig) -> None:
        self._prediction = Prediction(rig.answer(), np.full(rig.network, 255, np.uint8))

    def infer(self, **inputs: np.ndarray) -> Prediction:
        return self._prediction


class NaiveNode(Node):
    """What a first attempt looks like."""

    def __init__(self) -> None:
        super().__init__("panorama_node")
        self.transport_ms: list[float] = []
        self.node_ms: list[float] = []
        self._answer = PANORAMA.answer()
        self._publisher = self.create_publisher(Image, PANORAMA.output, 10)
        self.create_subscription(Image, PANORAMA.input, self._on_image, 10)

    def _on_image(self, message: Image) -> None:
        began = time.perf_counter()
        self.transport_ms.append(age_ms(self, message.header))
        image = np.array(message.data, np.uint8).reshape(message.height, message.width, 3)
        cv2.resize(image, PANORAMA.network[::-1], interpolation=cv2.INTER_AREA)
        mask = cv2.resize(self._answer, (message.width, message.height), interpolation=cv2.INTER_NEAREST)
        out = Image(header=message.header, height=message.height, width=message.width, encoding="mono8")
        out.step = message.width
        out.data = mask.tobytes()
        self._publisher.publish(out)
        self.node_ms.append((time.perf_counter() - began) * 1e3)


def age_ms(node: Node, header: Header) -> float:
    return (node.get_clock().now() - Time.from_msg(header.stamp)).nanoseconds * 1e-6


# The three processes. Each says "ready", and what it measured when it is interrupted or done.


def camera(rig: Rig, frames: int, hz: float) -> dict[str, Any]:
    node = Node("camera")
    random = np.random.default_rng(0)
    message = to_image(Header(), "bgr8", random.integers(0, 256, (*rig.size, 3), np.uint8))
    sources = [(node.create_publisher(Image, rig.input, 5), message)]
    if rig is PAIR:
        counts = random.integers(28000, 31000, rig.size, np.uint16)
        thermal = to_image(message.header, "mono8", counts.view(np.uint8))
        thermal.encoding, thermal.width = "mono16", rig.size[1]
        sources.append((node.create_publisher(Image, f"/{rig.node}/thermal", 5), thermal))
    while not all(publisher.get_subscription_count() for publisher, _ in sources):
        time.sleep(0.05)
    time.sleep(2.0)  # the other side has to find us, too
    began = time.monotonic()
    for number in range(-WARM_UP, frames):
        time.sleep(max(0.0, began + (number + WARM_UP) / hz - time.monotonic()))
        header = Header(frame_id=str(number), stamp=node.get_clock().now().to_msg())
        for publisher, message in sources:
            message.header = header
            publisher.publish(message)
    took = time.monotonic() - began
    time.sleep(2.0)  # for the last ones to arrive
    return {"sent": frames, "rate_hz": (frames + WARM_UP - 1) / took}


def consumer(rig: Rig) -> dict[str, Any]:
    node = Node("consumer")
    ages: dict[int, float] = {}
    expected = cv2.resize(rig.answer(), rig.size[::-1], interpolation=cv2.INTER_NEAREST).tobytes()
    wrong: list[int] = []

    def on_mask(message: Image) -> None:
        number = int(message.header.frame_id)
        ages[number] = age_ms(node, message.header)
        if number % 30 == 0 and message.data.tobytes() != expected:
            wrong.append(number)

    node.create_subscription(Image, rig.output, on_mask, qos_profile_sensor_data)
    serve(node)
    counted = [age for number, age in ages.items() if number >= 0]
    return {"received": len(counted), "wrong": len(wrong), "total_ms": spread(counted)}


def segmentation(rig: Rig, frames: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        written = bundle.write(
            Path(directory, "none"), graph=b"never read", name="none", task=rig.task,
            projection="equirectangular" if rig is PANORAMA else "pinhole", size=rig.network,
            labels=STREET11, training={}, scores={}, card="",
        )  # fmt: skip
        create = panorama_node if rig is PANORAMA else rgbt_node
        node = create(
            load_engine=lambda *_: NoEngine(rig),
            parameter_overrides=[rclpy.Parameter("bundle", value=str(written.path))],
        )
        node.autostart()
    # What is measured must outlast the run; a node's own windows are those of the last seconds.
    statistics, source = node.statistics, node.inputs[-1]  # of a pair, the one that is sent last
    for window in (statistics.overhead, source.transport_ms):
        window.resize(seconds=3600.0, capacity=1 << 20)
    began = time.process_time()
    serve(node)
    now, computed = time.monotonic(), time.process_time() - began
    return {
        "cpu_ms": round(computed * 1e3 / source.received, 2) if source.received else None,
        "transport_ms": spread(source.transport_ms.values(now)[-frames:]),
        "node_ms": spread(statistics.overhead.values(now)[-frames:]),
        "received": source.received,
        "published": statistics.published,
    }


def naive(frames: int) -> dict[str, Any]:
    node = NaiveNode()
    began = time.process_time()
    serve(node)
    computed = time.process_time() - began
    return {
        "cpu_ms": round(computed * 1e3 / len(node.node_ms), 2) if node.node_ms else None,
        "transport_ms": spread(node.transport_ms[-frames:]),
        "node_ms": spread(node.node_ms[-frames:]),
        "received": len(node.node_ms),
        "published": len(node.node_ms),
    }


def serve(node: Node) -> None:
    print("ready", flush=True)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        return


def spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    p50, p95, worst = np.percentile(values, [50, 95, 100])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "max": round(float(worst), 2)}


# The command.


def run_case(case: str, frames: int, hz: float, domain: int) -> dict[str, Any]:
    bare = {k: v for k, v in os.environ.items() if k not in (*transport.USER_CHOICES, *transport.MALLOC)}
    bare |= {"ROS_DOMAIN_ID": str(domain), transport.APPLIED: ""}
    environment = bare if case == "as_installed" else {**bare, **transport.environment(bare)}
    node_role = "naive" if case == "naive" else "segmentation"
    processes = {}
    try:
        for role in ("consumer", node_role, "camera"):
            command = [sys.executable, "-m", "benchmarks.node", "--role", role]
            command += ["--case", case, "--frames", str(frames), "--hz", str(hz)]
            processes[role] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
            if role != "camera":
                answer_of(processes[role], "ready")
        results = {"camera": json.loads(answer_of(processes["camera"], "{"))}
        for role in (node_role, "consumer"):
            processes[role].send_signal(signal.SIGINT)
            results[role] = json.loads(answer_of(processes[role], "{"))
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                process.kill()
    node, masks = results[node_role], results["consumer"]
    return {
        "image_size": CASES[case].size,
        "network_size": CASES[case].network,
        "frames": results["camera"]["sent"],
        "camera_rate_hz": round(results["camera"]["rate_hz"], 2),
        "lost": results["camera"]["sent"] - masks["received"],
        "wrong_masks": masks["wrong"],
        "lost_before_the_node": results["camera"]["sent"] + WARM_UP - node["received"],
        "transport_ms": node["transport_ms"],
        "node_ms": node["node_ms"],
        "node_cpu_ms": node["cpu_ms"],
        "total_ms": masks["total_ms"],
    }


def answer_of(process: subprocess.Popen[str], beginning: str) -> str:
    """The next line of a process that begins so; RuntimeError where it ends without one."""
    output: IO[str] = process.stdout  # type: ignore[assignment]
    for line in output:
        if line.startswith(beginning):
            return line
    raise RuntimeError(f"a process of the benchmark ended early: {' '.join(map(str, process.args))}")  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.node", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result as JSON to FILE")
    parser.add_argument("--frames", type=int, default=300, help="frames per case")
    parser.add_argument("--hz", type=float, default=30.0, help="frames per second")
    parser.add_argument("--case", choices=CASES, action="append", help="only this case; may be repeated")
    parser.add_argument(
        "--role", choices=("camera", "consumer", "segmentation", "naive"), help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.role:
        rclpy.init()
        rig = CASES[arguments.case[0]]
        play = {
            "camera": lambda: camera(rig, arguments.frames, arguments.hz),
            "consumer": lambda: consumer(rig),
            "segmentation": lambda: segmentation(rig, arguments.frames),
            "naive": lambda: naive(arguments.frames),
        }
        print(json.dumps(play[arguments.role]()), flush=True)
        rclpy.try_shutdown()
        return  # not killed: that would leave its shared memory behind
    result: dict[str, Any] = {
        "benchmark": "node",
        "hz": arguments.hz,
        "machine": machine.describe((*machine.PACKAGES, "ros-rclpy", "ros-fastrtps")),
        "cases": {},
    }
    for index, case in enumerate(arguments.case or CASES):
        result["cases"][case] = run_case(
            case, arguments.frames, arguments.hz, 80 + (os.getpid() + index) % 20
        )
        if not arguments.json:
            print(case, json.dumps(result["cases"][case]), flush=True)
    result["ratios"] = ratios(result["cases"])
    result["machine"]["load_average_after"] = [round(load, 2) for load in os.getloadavg()]
    text = json.dumps(result, indent=2)
    if arguments.json:
        print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")


def ratios(cases: dict[str, Any]) -> dict[str, float]:
    """How many times less each step takes than in the other cases, by medians."""
    ours = cases.get("samseg_ros")
    found = {}
    for case in ("as_installed", "naive"):
        for step in ("transport_ms", "node_ms", "total_ms"):
            other = cases.get(case, {}).get(step)
            if ours and other and ours[step]:
                found[f"{case} / samseg_ros, {step}"] = round(other["p50"] / ours[step]["p50"], 2)
    return found


if __name__ == "__main__":
    main()
