# SPDX-License-Identifier: Apache-2.0
"""Takes a drive through its node: over ROS 2, in processes of their own, recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np

from samseg_ros import engine as engines
from samseg_ros import registration
from samseg_ros.bundle import Bundle
from samseg_ros.demo import folder as places
from samseg_ros.demo.drive import Drive, Frame
from samseg_ros.demo.measure import Pace, Recording
from samseg_ros.demo.programs import Program, Programs
from samseg_ros.pipeline import Pipeline, RgbtPipeline
from samseg_ros.thermal import Scaling, ThermalScale

# Share of the time that the engine may be busy: the other programs of the demonstration need some too.
_LOAD = 0.6
_START_S = 120.0  # a cold machine may take this long to load a runtime
_DRAIN_S = 2.5  # after the last frame: its mask, and a last diagnostics message
_DIAGNOSTICS_S = 0.5
_TIMEOUTS_S = (0.25, 60.0)  # a busy machine hands a frame over late; the most is what the node takes


def choose_pace(bundle: Bundle, drive: Drive, hz: float | None) -> Pace:
    """Try the engine on the first frame, then choose a rate that the machine can follow.

    `hz` is one that was asked for, or None.
    """
    frame = next(drive.play())
    run = _run(bundle)
    times = []
    for _ in range(8):
        began = time.perf_counter()
        run(frame)
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


def _run(bundle: Bundle) -> Callable[[Frame], object]:
    engine = engines.load(bundle)
    if bundle.task == "rgbt":
        pair = RgbtPipeline(bundle, engine, ThermalScale(Scaling()), registration.NONE)
        return lambda frame: pair.run(frame.image, frame.thermal)
    single = Pipeline(bundle, engine)
    return lambda frame: single.run(cast(np.ndarray, frame.image))  # the only camera's


def drive_through(
    folder: Path, bundle: Bundle, drive: Drive, pace: Pace, programs: Programs, prefix: str = ""
) -> Recording:
    """Start node and recorder, replay the drive to them, and end them when the last mask has come back.

    What was sent and what came back are left in `folder`; `prefix` begins the names of the programs.
    """
    mask, modalities = f"/{bundle.task}/mask", f"/{bundle.task}/modalities"
    topics = {stream.input: stream.image for stream in drive.streams}
    topics |= {"mask": mask, "modalities": modalities}
    given = [("-p", f"{name}:={value}") for name, value in _parameters(bundle, drive, pace).items()]
    given += [("-r", f"~/{name}:={topic}") for name, topic in topics.items()]
    node = programs.start(
        f"{prefix}node",
        [
            "-m",
            f"samseg_ros.nodes.{bundle.task}_node",
            "--ros-args",
            *(word for pair in given for word in pair),
        ],
    )
    samseg = ["-m", "samseg_ros.cli"]
    recorded = [mask, "/diagnostics", *([modalities] if drive.has_two else [])]
    recorder = programs.start(f"{prefix}record", [*samseg, "record", str(folder / places.MASKS), *recorded])
    programs.until(lambda: recorder.says(f"recording {mask}"), "recording", _START_S, needed=[recorder, node])
    times = folder / places.SENT
    settings = {"rate": f"{pace.hz / drive.hz:.6f}", "times": times, "wait-for-subscribers": _START_S}
    words = [f"--{name}={value}" for name, value in settings.items()]
    remaps = [f"{s.topic}:={s.sent_on}" for s in drive.streams if s.sent_on != s.topic]
    replay = programs.start(
        f"{prefix}replay",
        [*samseg, "replay", str(drive.bag), *words, *(["--remap", *remaps] if remaps else [])],
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
    node.end()
    return Recording(drive, times, folder / places.MASKS, mask, modalities if drive.has_two else "")


def _parameters(bundle: Bundle, drive: Drive, pace: Pace) -> dict[str, object]:
    """The node's, for this drive at this pace."""
    parameters: dict[str, object] = {
        "bundle": bundle.path.resolve(),
        "diagnostics_period": _DIAGNOSTICS_S,
    }
    for stream in drive.streams:
        parameters[f"{stream.input}_transport"] = "compressed" if stream.compressed else "raw"
    if drive.has_two:
        # Seconds of the bag take longer where the machine does not follow the drive's own rate.
        low, high = _TIMEOUTS_S
        parameters["stream_timeout"] = min(max(drive.silence * drive.hz / pace.hz, low), high)
    return parameters


def _drain(programs: Programs, needed: list[Program], frame_s: float) -> None:
    end = time.monotonic() + _DRAIN_S + frame_s
    programs.until(lambda: time.monotonic() > end, "its last mask", 2 * (_DRAIN_S + frame_s) + 10, needed)
