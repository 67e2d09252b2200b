# SPDX-License-Identifier: Apache-2.0
"""Runs the demonstration: drives go through the real nodes over ROS 2, and what comes back is shown."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samseg_ros import bundle as bundles
from samseg_ros import transport
from samseg_ros.bundle import Bundle
from samseg_ros.demo import folder as places
from samseg_ros.demo import render as rendering
from samseg_ros.demo.drive import Drive
from samseg_ros.demo.measure import Pace, Recording
from samseg_ros.demo.pictures import write_sheets
from samseg_ros.demo.present import Presented, present
from samseg_ros.demo.programs import Programs
from samseg_ros.demo.render import Rendering
from samseg_ros.demo.report import page
from samseg_ros.demo.take import holds_pairs, take, take_pairs
from samseg_ros.demo.through import choose_pace, drive_through
from samseg_ros.errors import UserError

BUNDLES = ("street_b0_panorama", "sartm_street")
RENDER_SIZE = (512, 1024)  # of a panorama; other cameras have the network's


@dataclass(frozen=True)
class DemoOptions:
    """One drive for each of the `bundles`: each of another task; () takes :data:`BUNDLES`, or of them the one
    that fits the bag. `hz` of None drives as fast as the machine can follow, `bag` of None renders drives.
    Topics are the bag's: `topic` of one camera, the others of an RGB and a thermal one.
    """

    out: Path
    bundles: tuple[str, ...] = ()
    frames: int = 45
    bag: Path | None = None
    topic: str | None = None
    rgb_topic: str | None = None
    thermal_topic: str | None = None
    hz: float | None = None
    seed: int = 7


@dataclass(frozen=True)
class Leg:
    """A part of the demonstration: a bundle, the folder of its drive's files, and the name that sets it apart
    from the first (which has none).
    """

    bundle: Bundle
    folder: Path
    name: str


def demo(options: DemoOptions) -> dict[str, Any]:
    """Run it, print where the results are, and return the summary: the first drive's (see
    :func:`present.present`), and under the name of its task that of each other.

    `options.out` appears whole or stays as it was; after a failure its ``logs`` tell more. UserError,
    BundleError or EngineError where it cannot be done.
    """
    started = time.perf_counter()
    if options.bag is None and (options.topic or options.rgb_topic or options.thermal_topic):
        raise UserError("topics are those of a bag; give it with --bag.")
    if options.bag is None and not rendering.can_render():
        raise UserError("the street generator comes with a source checkout only; give a bag with --bag.")
    loaded = _bundles(options)
    with places.results(options.out, options.bag) as folder:
        legs = [
            Leg(bundle, folder / bundle.task if i else folder, bundle.task if i else "")
            for i, bundle in enumerate(loaded)
        ]
        with Programs(folder / places.LOGS, options.out / places.LOGS, _environment()) as programs:
            drives = _drives(legs, options, programs)
            recorded = []
            for leg, drive in zip(legs, drives, strict=True):
                pace = choose_pace(leg.bundle, drive, options.hz)
                node = f"{leg.bundle.task}_node"
                _say(f"driving {drive.frames} frames at {pace.hz:g} Hz through {node} ({pace.reason})")
                prefix = f"{leg.name}_" if leg.name else ""
                recording = drive_through(leg.folder, leg.bundle, drive, pace, programs, prefix)
                recorded.append((leg, recording, pace))
        _say("drawing the report")
        with ThreadPoolExecutor() as pool:  # a video, which is most of it, keeps one core busy
            presented = list(pool.map(_presented, recorded))
        summary = _summary(legs, presented, started)
        write_sheets(folder / places.SHEET, [one.sheet for one in presented])
        report = page([one.report for one in presented])
        (folder / places.REPORT).write_text(report, encoding="utf-8")
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        (folder / places.SUMMARY).write_text(text + "\n", encoding="utf-8")
    _say_where(options.out, legs, presented, summary["seconds"])
    return summary


def _presented(recorded: tuple[Leg, Recording, Pace]) -> Presented:
    leg, recording, pace = recorded
    return present(leg.folder, leg.bundle, recording, pace)


def _summary(legs: Sequence[Leg], presented: Sequence[Presented], started: float) -> dict[str, Any]:
    summary = dict(presented[0].summary)
    summary |= {leg.name: one.summary for leg, one in zip(legs[1:], presented[1:], strict=True)}
    summary["seconds"] = round(time.perf_counter() - started, 1)
    return summary


def _bundles(options: DemoOptions) -> list[Bundle]:
    """One for each drive."""
    names = options.bundles
    if not names and options.bag is None:
        names = BUNDLES
    elif not names and options.bag is not None:
        asked = bool(options.rgb_topic or options.thermal_topic)
        of_two = asked or (options.topic is None and holds_pairs(options.bag))
        names = BUNDLES[of_two : of_two + 1]
    loaded = [bundles.load(name) for name in names]
    tasks = [bundle.task for bundle in loaded]
    if len(set(tasks)) < len(tasks):
        raise UserError("two bundles are for one task; give bundles of different tasks, each for its drive.")
    if options.bag is not None and len(loaded) > 1:
        raise UserError(f"{options.bag} is one drive; give one bundle for it.")
    if (options.rgb_topic or options.thermal_topic) and tasks != ["rgbt"]:
        raise UserError("--rgb-topic and --thermal-topic are for an RGB-T bundle; give one with --bundle.")
    if options.topic and tasks == ["rgbt"]:
        raise UserError(
            f"bundle '{loaded[0].name}' takes an RGB and a thermal camera; give --rgb-topic and "
            "--thermal-topic in place of --topic."
        )
    return loaded


def _drives(legs: Sequence[Leg], options: DemoOptions, programs: Programs) -> list[Drive]:
    if options.bag is not None:
        (leg,) = legs
        if leg.bundle.task == "rgbt":
            topics = options.rgb_topic, options.thermal_topic
            return [take_pairs(leg.folder, options.bag, *topics, options.frames)]
        return [take(leg.folder, options.bag, options.topic, options.frames)]
    asked = [
        Rendering(
            leg.folder,
            leg.bundle.task,
            RENDER_SIZE if leg.bundle.task == "panorama" else leg.bundle.size,
            options.frames,
            options.seed,
        )
        for leg in legs
    ]
    sizes = " and ".join(f"{one.frames} frames of {one.size[1]}x{one.size[0]}" for one in asked)
    _say(f"rendering {sizes}")
    return rendering.render(asked, programs.run)


def _environment() -> dict[str, str]:
    """For the programs: large images travel well, and nobody else's nodes hear or are heard."""
    environment = {**os.environ, **transport.environment(os.environ)}
    environment["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 101))
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    environment["PYTHONUNBUFFERED"] = "1"
    # The street generator is run from the checkout, wherever this was started.
    paths = [str(rendering.CHECKOUT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environment


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _say_where(out: Path, legs: Sequence[Leg], presented: Sequence[Presented], seconds: float) -> None:
    for one in presented:
        summary = one.summary
        latency = summary["latency_ms"]
        quality = "" if summary["miou"] is None else f", mIoU {summary['miou']:.3f}"
        print(
            f"{summary['node']}: {summary['frames_out']} masks of {summary['frames_in']} frames "
            f"({summary['dropped']} dropped), latency {latency['p50']} ms (p95 {latency['p95']} ms){quality}"
        )
    videos = "\n                 ".join(str(out / leg.name / places.VIDEO) for leg in legs)
    print(
        f"all in {seconds:.0f} s\n"
        f"  report         {out / places.REPORT}\n"
        f"  video          {videos}\n"
        f"  contact sheet  {out / places.SHEET}\n"
        f"  numbers        {out / places.SUMMARY}"
    )
