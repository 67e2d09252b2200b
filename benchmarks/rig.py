# SPDX-License-Identifier: Apache-2.0
"""A measurement over ROS 2: cameras, the nodes that are measured, and who reads their masks, each a process.

Ages of masks are measured where they are read, from the stamp of the frame, which the camera sets when it
publishes. CPU time and memory of the nodes are the operating system's figures.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from benchmarks.camera import SENDING
from samseg_ros import transport
from samseg_ros.demo.programs import Program, Programs

READY = "ready"  # what a program says when it listens
FIRST = "first mask at "  # seconds since 1970 follow
SAMPLE_S = 0.5  # between two looks at a node's memory
_START_S = 300.0  # that loading a network may take
_END_S = 60.0  # that a program has to write its results
_domains = itertools.count(os.getpid())


@dataclass(frozen=True)
class Rig:
    """Cameras of one `size` (height, width) that send `frames` frames at `hz`, and the topics of the masks.

    `warm_up` frames go before, which are not counted. `patience_s` is how long masks may still come after the
    last frame; `expected` is what every mask should hold (uint8), where that is known.
    """

    images: tuple[str, ...]
    masks: tuple[str, ...]
    size: tuple[int, int]
    hz: float
    frames: int
    thermals: tuple[str, ...] = ()
    warm_up: int = 5
    patience_s: float = 2.0
    expected: np.ndarray | None = None


@dataclass(frozen=True)
class Take:
    """What came of a rig: `ages_ms` of the masks of counted frames, in the order of arrival, topic by topic.

    `cores` is CPU time of the nodes over wall time while frames were sent; `rss_mb` their memory, with the
    seconds since the first frame; `reports` the nodes' reports on /diagnostics, by name; `results` what
    a program left in the file that it was given as ``--out``.
    """

    rig: Rig
    hz: float
    ages_ms: list[list[float]]
    wrong: int
    cores: float
    rss_mb: list[tuple[float, float]]
    reports: dict[str, list[dict[str, str]]]
    results: list[dict[str, Any]]

    def figures(self) -> dict[str, Any]:
        """As JSON: `unanswered` are frames that no mask came back for."""
        sent = self.rig.frames * len(self.rig.masks)
        every = [age for ages in self.ages_ms for age in ages]
        return {
            "camera_hz": round(self.hz, 2),
            "sent": sent,
            "unanswered": sent - len(every),
            "wrong_masks": self.wrong,
            "age_ms": percentiles(every),
            "cores": round(self.cores, 3),
            "rss_mb": round(self.rss_mb[-1][1], 1) if self.rss_mb else None,
        }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """``{"p50", "p95", "max"}``; empty where there are none."""
    if not values:
        return {}
    p50, p95, worst = np.percentile(values, [50, 95, 100])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "max": round(float(worst), 2)}


def age_ms(node: Node, header: Header) -> float:
    return float((node.get_clock().now() - Time.from_msg(header.stamp)).nanoseconds * 1e-6)


def environment(as_installed: bool = False) -> dict[str, str]:
    """What every process of a measurement runs under, in a ROS domain of its own.

    With the transport settings that the package applies, or with Fast DDS as it is installed.
    """
    chosen = (*transport.USER_CHOICES, *transport.MALLOC)
    bare = {name: value for name, value in os.environ.items() if name not in chosen}
    # Those up to 101 are safe on Linux; tests use the lower ones.
    bare |= {"ROS_DOMAIN_ID": str(100 - next(_domains) % 10), "PYTHONUNBUFFERED": "1"}
    bare[transport.APPLIED] = "off" if as_installed else ""
    return bare if as_installed else {**bare, **transport.environment(bare)}


def take(rig: Rig, nodes: Sequence[list[str]], *, as_installed: bool = False) -> Take:
    """Run `rig` over `nodes`, the arguments of Python processes; one that ends in ``--out`` gives results.

    UserError where a program fails or gives no sign of life.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Programs(folder, folder, environment(as_installed)) as programs:
            consumer = programs.start("consumer", consumer_of(rig, folder))
            started = []
            for index, arguments in enumerate(nodes):
                out = [str(folder / f"node{index}.json")] if arguments[-1:] == ["--out"] else []
                started.append(programs.start(f"node{index}", [*arguments, *out]))
            everyone = [*started, consumer]
            programs.until(lambda: consumer.says(READY), READY, _START_S, [consumer])
            camera = programs.start("camera", camera_of(rig, folder))
            programs.until(lambda: camera.says(SENDING), SENDING, _START_S, [camera, *everyone])
            cores, rss_mb = _watch(camera, started)
            time.sleep(rig.patience_s)
            _stop(everyone)
        masks = json.loads((folder / "consumer.json").read_text())
        results = [json.loads(path.read_text()) for path in sorted(folder.glob("node*.json"))]
        return Take(
            rig=rig,
            hz=json.loads((folder / "camera.json").read_text())["hz"],
            ages_ms=[[age for number, age in one if number >= 0] for one in masks["ages"]],
            wrong=masks["wrong"],
            cores=cores,
            rss_mb=rss_mb,
            reports=masks["reports"],
            results=results,
        )


def consumer_of(rig: Rig, folder: Path) -> list[str]:
    """The arguments of the process that reads the masks and leaves ``consumer.json`` in `folder`."""
    words = ["-m", "benchmarks.consumer", "--out", str(folder / "consumer.json")]
    words += [word for topic in rig.masks for word in ("--mask", topic)]
    words += ["--size", *map(str, rig.size)]
    if rig.expected is not None:
        expected = folder / "expected"
        expected.write_bytes(rig.expected.tobytes())
        words += ["--expected", str(expected)]
    return words


def camera_of(rig: Rig, folder: Path) -> list[str]:
    """The arguments of the process that sends the frames and leaves ``camera.json`` in `folder`."""
    words = ["-m", "benchmarks.camera", "--out", str(folder / "camera.json")]
    words += [word for topic in rig.images for word in ("--image", topic)]
    words += [word for topic in rig.thermals for word in ("--thermal", topic)]
    words += ["--size", *map(str, rig.size), "--hz", str(rig.hz)]
    return [*words, "--warm-up", str(rig.warm_up), "--frames", str(rig.frames)]


def _watch(camera: Program, nodes: Sequence[Program]) -> tuple[float, list[tuple[float, float]]]:
    """Until the camera ends: CPU seconds per second of all nodes together, and their memory in MB."""
    processes = [psutil.Process(node.pid) for node in nodes]

    def cpu() -> float:
        times = [process.cpu_times() for process in processes]
        return float(sum(one.user + one.system for one in times))

    before, began = cpu(), time.monotonic()
    rss_mb = []
    while camera.status() is None:
        for node in nodes:
            if node.status() is not None:
                raise node.failure("ended early")
        rss_mb.append(
            (round(time.monotonic() - began, 1), sum(one.memory_info().rss for one in processes) / 1e6)
        )
        time.sleep(SAMPLE_S)
    if camera.status() != 0:
        raise camera.failure("failed")
    return (cpu() - before) / (time.monotonic() - began), rss_mb


def _stop(programs: Sequence[Program]) -> None:
    """End them in good order, so that each writes down what it measured."""
    for program in programs:
        program.stop()
    deadline = time.monotonic() + _END_S
    while any(program.status() is None for program in programs) and time.monotonic() < deadline:
        time.sleep(0.05)
