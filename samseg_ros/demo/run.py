# SPDX-License-Identifier: Apache-2.0
"""Runs the demonstration: a drive goes through the real node over ROS 2, and what comes back is shown."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from samseg_ros import bundle as bundles
from samseg_ros import engine as engines
from samseg_ros import transport
from samseg_ros.bundle import Bundle
from samseg_ros.demo import drive as drives
from samseg_ros.demo import folder as places
from samseg_ros.demo.drive import Drive
from samseg_ros.demo.measure import Pace, Recording
from samseg_ros.demo.present import present
from samseg_ros.demo.programs import Program, Programs
from samseg_ros.errors import UserError
from samseg_ros.pipeline import Pipeline

RENDER_SIZE = (512, 1024)
# Share of the time that the engine may be busy: the other programs of the demonstration need some too.
_LOAD = 0.6
_START_S = 120.0  # a cold machine may take this long to load a runtime
_DRAIN_S = 2.5  # after the last frame: its mask, and a last diagnostics message
_DIAGNOSTICS_S = 0.5


@dataclass(frozen=True)
class DemoOptions:
    """`hz` of None drives as fast as the machine can follow, `bag` of None renders a drive."""

    out: Path
    bundle: str
    frames: int = 80
    bag: Path | None = None
    topic: str | None = None
    hz: float | None = None
    seed: int = 7


def demo(options: DemoOptions) -> dict[str, Any]:
    """Run it, print where the results are, and return the summary (see :func:`present.present`).

    `options.out` appears whole or stays as it was; after a failure its ``logs`` tell more. UserError,
    BundleError or EngineError where it cannot be done.
    """
    started = time.perf_counter()
    if options.bag is None and not drives.can_render():
        raise UserError("the street generator comes with a source checkout only; give a bag with --bag.")
    bundle = bundles.load(options.bundle)
    if bundle.task not in ("panorama", "camera"):
        raise UserError(f"bundle '{bundle.name}' is for task {bundle.task}; panorama or camera is needed.")
    with places.results(options.out) as folder:
        with Programs(folder / places.LOGS, options.out / places.LOGS, _environment()) as programs:
            drive = _drive(folder, bundle, options, programs)
            pace = _pace(bundle, drive, options.hz)
            _say(f"driving {drive.frames} frames at {pace.hz:g} Hz through the node ({pace.reason})")
            recording = _drive_through(folder, bundle, drive, pace, programs)
        _say("drawing the report")
        summary = present(folder, bundle, recording, pace)
        summary["seconds"] = round(time.perf_counter() - started, 1)
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        (folder / places.SUMMARY).write_text(text + "\n", encoding="utf-8")
    _say_where(options.out, summary)
    return summary


def _drive(folder: Path, bundle: Bundle, options: DemoOptions, programs: Programs) -> Drive:
    if options.bag is not None:
        return drives.take(folder, options.bag, options.topic, options.frames)
    size = RENDER_SIZE if bundle.task == "panorama" else bundle.size
    _say(f"rendering {options.frames} frames of {size[1]}x{size[0]}")
    return drives.render(folder, bundle.task, size, options.frames, seed=options.seed, run=programs.run)


def _pace(bundle: Bundle, drive: Drive, hz: float | None) -> Pace:
    """Try the engine on the first frame, then choose a rate that the machine can follow."""
    engine = engines.load(bundle)
    pipeline = Pipeline(bundle, engine)
    image = next(drive.play()).image
    times = []
    for _ in range(8):
        began = time.perf_counter()
        pipeline.run(image)
        times.append(time.perf_counter() - began)
    seconds = float(np.median(times[2:]))  # the first ones warm up
    inference_ms = round(seconds * 1e3, 1)
    if hz is not None:
        return Pace(inference_ms, hz, "as asked for")
    possible = _LOAD / seconds
    if drive.hz <= possible:
        return Pace(inference_ms, round(drive.hz, 2), "the drive's own rate")
    return Pace(
        inference_ms, round(possible, 2), f"what this machine follows; the drive's own is {drive.hz:g}"
    )


def _drive_through(folder: Path, bundle: Bundle, drive: Drive, pace: Pace, programs: Programs) -> Recording:
    """Start node and recorder, replay the drive to them, and end them when the last mask has come back."""
    mask = f"/{bundle.task}/mask"
    # Compressed images travel on a topic of that name below the image's own, as image_transport has it.
    image = drive.topic.removesuffix("/compressed") if drive.compressed else drive.topic
    sent_on = f"{image}/compressed" if drive.compressed else image
    parameters = {
        "bundle": bundle.path.resolve(),
        "image_transport": "compressed" if drive.compressed else "raw",
        "diagnostics_period": _DIAGNOSTICS_S,
    }
    node = programs.start(
        "node",
        ["-m", f"samseg_ros.nodes.{bundle.task}_node", "--ros-args"]
        + [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        + ["-r", f"~/image:={image}", "-r", f"~/mask:={mask}"],
    )  # fmt: skip
    samseg = ["-m", "samseg_ros.cli"]
    recorder = programs.start("record", [*samseg, "record", str(folder / places.MASKS), mask, "/diagnostics"])
    programs.until(lambda: recorder.says(f"recording {mask}"), "recording", _START_S, needed=[recorder, node])
    times = folder / places.SENT
    settings = {"rate": f"{pace.hz / drive.hz:.6f}", "times": times, "wait-for-subscribers": _START_S}
    if sent_on != drive.topic:
        settings["remap"] = f"{drive.topic}:={sent_on}"
    replay = programs.start(
        "replay",
        [*samseg, "replay", str(drive.bag), *(f"--{name}={value}" for name, value in settings.items())],
    )
    programs.until(
        lambda: replay.status() is not None,
        "the end of the drive",
        _START_S + 2 * drive.frames / pace.hz + 30,
        needed=[node, recorder],
    )
    if replay.status() != 0:
        raise replay.failure("failed")
    _drain(programs, [node, recorder], 3 * pace.inference_ms * 1e-3)
    recorder.stop()
    programs.until(lambda: recorder.status() is not None, "the recording", 60.0, needed=[node])
    if recorder.status() != 0:
        raise recorder.failure("failed")
    return Recording(drive, times, folder / places.MASKS, mask)


def _drain(programs: Programs, needed: list[Program], frame_s: float) -> None:
    end = time.monotonic() + _DRAIN_S + frame_s
    programs.until(lambda: time.monotonic() > end, "its last mask", 2 * (_DRAIN_S + frame_s) + 10, needed)


def _environment() -> dict[str, str]:
    """For the programs: large images travel well, and nobody else's nodes hear or are heard."""
    environment = {**os.environ, **transport.environment(os.environ)}
    environment["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 101))
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    environment["PYTHONUNBUFFERED"] = "1"
    # The street generator is run from the checkout, wherever this was started.
    paths = [str(drives.CHECKOUT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environment


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _say_where(out: Path, summary: dict[str, Any]) -> None:
    latency = summary["latency_ms"]
    quality = "" if summary["miou"] is None else f", mIoU {summary['miou']:.3f}"
    print(
        f"{summary['frames_out']} masks of {summary['frames_in']} frames ({summary['dropped']} dropped), "
        f"latency {latency['p50']} ms (p95 {latency['p95']} ms){quality}, in {summary['seconds']:.0f} s\n"
        f"  report         {out / places.REPORT}\n"
        f"  video          {out / places.VIDEO}\n"
        f"  contact sheet  {out / places.SHEET}\n"
        f"  numbers        {out / places.SUMMARY}"
    )
