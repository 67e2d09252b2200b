# SPDX-License-Identifier: Apache-2.0
"""The ``samseg`` command: parses, and hands each command to its module.

Exit status: 0, 2 for what the user can put right (one sentence on stderr), 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from samseg_ros import __version__, arguments, ending
from samseg_ros.bags import folder_arguments, pair_arguments
from samseg_ros.errors import UserError

DEFAULT_BUNDLE = "street_b0_panorama"


def main(words: Sequence[str] | None = None) -> int:
    """Run ``samseg`` with these words (sys.argv's by default); returns the exit status."""
    options = _parser().parse_args(words)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("samseg_ros").setLevel(logging.INFO)
    for number in ending.signals():
        signal.signal(number, _terminate)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; nothing is left to be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UserError as error:
        return _complain(str(error))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _complain(f"{error.strerror or error}{where}.")
    except Exception as error:
        if _is_expected(error):
            return _complain(str(error))
        raise


def _is_expected(error: Exception) -> bool:
    """Whether the error is one of those that are made to be read by users."""
    if isinstance(error, ModuleNotFoundError) and error.name in ("rclpy", "rosgraph_msgs"):
        error.msg = (
            "this command needs ROS 2 (rclpy): source an installation, or pip install 'samseg_ros[ros]'."
        )
        return True
    ros = sys.modules.get("rclpy._rclpy_pybind11")
    if ros is not None and isinstance(error, ros.RCLError):  # a ROS_DOMAIN_ID that is no number, say
        error.args = (f"ROS 2 reports: {error}",)
        return True
    from samseg_ros.bundle import BundleError
    from samseg_ros.engine import EngineError

    return isinstance(error, BundleError | EngineError)


def _complain(sentence: str) -> int:
    print(f"samseg: {sentence}", file=sys.stderr)
    return 2


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    # As an exception, so that unfinished files are removed and child processes ended on the way out.
    raise SystemExit(128 + number)


def _check(options: argparse.Namespace) -> int:
    from samseg_ros import check, transport

    if options.clean:
        freed = transport.free(transport.left_behind())
        print(f"freed {freed / 2**20:.0f} MiB of shared memory", file=sys.stderr)
    findings = check.check()
    print(json.dumps(findings, indent=2) if options.json else check.text(findings))
    return 0


def _label(options: argparse.Namespace) -> int:
    from samseg_ros.bags.label import label

    summary = label(
        options.source,
        options.out,
        options.bundle,
        topics=options.topic,
        device=options.device,
        runtime=options.runtime,
        vertical_fov=options.vertical_fov,
        overlay=options.overlay,
        pairs=pair_arguments.options(options),
    )
    for source, reason in summary["reasons"].items():
        print(f"skipped on {source}: {reason}", file=sys.stderr)
    if options.json:
        print(json.dumps(summary))
        return 0
    made = ", ".join(f"{count} from {name}" for name, count in summary.get("modalities", {}).items() if count)
    print(
        f"{summary['out']}: {summary['frames']} masks{f' ({made})' if made else ''}, "
        f"{summary['skipped']} skipped, {summary['fps']:.1f} frames/s"
    )
    return 0


def _replay(options: argparse.Namespace) -> int:
    _apply_transport()
    from samseg_ros.nodes.replay import ReplayOptions, replay

    summary = replay(
        options.bag,
        ReplayOptions(
            rate=options.rate,
            loop=options.loop,
            clock=options.clock,
            topics=tuple(options.topics or ()),
            remaps=dict(options.remap or ()),
            wait_s=options.wait_for_subscribers,
            wait_topics=tuple(options.wait_topics or ()),
            times=options.times,
        ),
    )
    print(json.dumps(summary) if options.json else f"published {summary['messages']} messages")
    return 0


def _record(options: argparse.Namespace) -> int:
    _apply_transport()
    from samseg_ros.nodes.record import record

    summary = record(options.out, options.topics, options.duration)
    print(json.dumps(summary) if options.json else f"{summary['out']}: {summary['messages']} messages")
    return 0


def _bag(options: argparse.Namespace) -> int:
    summary = folder_arguments.run(options)
    print(json.dumps(summary) if options.json else f"{summary['out']}: {summary['messages']} messages")
    return 0


def _register(options: argparse.Namespace) -> int:
    from samseg_ros import register

    report = register.register(options.rgb, options.thermal, options.out)
    print(json.dumps(report) if options.json else register.summary(report))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from samseg_ros import boxes, evaluate

    told = {
        "thermal": options.thermal,
        "streams": options.streams,
        "listed": options.list,
        "device": options.device,
        "runtime": options.runtime,
        "vertical_fov": options.vertical_fov,
    }
    if options.boxes is None:
        report = evaluate.evaluate(options.bundle, options.images, options.labels, options.label_map, **told)
        print(json.dumps(report) if options.json else evaluate.table(report))
        return 0
    if options.label_map is not None:
        raise UserError("--label-map says how label PNGs number classes; leave it out with --boxes.")
    report = boxes.evaluate(options.bundle, options.images, options.boxes, **told)
    print(json.dumps(report) if options.json else boxes.table(report))
    return 0


def _engine(options: argparse.Namespace) -> int:
    from samseg_ros import prepare

    report = prepare.prepare(
        options.bundle,
        device=options.device,
        runtime=options.runtime,
        precision=options.precision,
        min_agreement=options.min_agreement,
        calibration=options.calibration,
        thermal=options.thermal,
    )
    print(json.dumps(report) if options.json else prepare.summary(report))
    return 0


def _demo(options: argparse.Namespace) -> int:
    from samseg_ros.demo.run import DemoOptions, demo

    demo(
        DemoOptions(
            out=options.out,
            bundles=tuple(options.bundle or ()),
            frames=options.frames,
            bag=options.bag,
            topic=options.topic,
            rgb_topic=options.rgb_topic,
            thermal_topic=options.thermal_topic,
            hz=options.hz,
            seed=options.seed,
        )
    )
    return 0


def _apply_transport() -> None:
    from samseg_ros import transport

    transport.apply()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="samseg",
        description="Semantic masks from 360-degree, ordinary and RGB-thermal cameras, live and recorded.",
    )
    parser.add_argument("--version", action="version", version=f"samseg {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = commands.add_parser("check", help="what this machine has, and what to install for more")
    command.add_argument("--json", action="store_true", help="print JSON with stable keys")
    command.add_argument(
        "--clean", action="store_true", help="free the shared memory that killed ROS processes left behind"
    )
    command.set_defaults(run=_check)

    command = commands.add_parser(
        "label",
        help="label a bag, a folder of pictures, or one picture",
        description="Labels recorded data offline; ROS is not needed. A bag keeps all its messages and gains "
        "TOPIC/mask and TOPIC/labels beside each image topic (with an RGB-T bundle: beside the RGB topic); "
        "pictures become PNG masks of class ids.",
    )
    command.add_argument("source", type=Path, metavar="IN", help="bag (folder, .mcap, .db3), folder, picture")
    command.add_argument("out", type=Path, metavar="OUT", help="what to write; must not exist")
    command.add_argument(
        "--topic",
        action="append",
        type=arguments.topic,
        metavar="T",
        help="label this topic only; repeatable",
    )
    command.add_argument("--overlay", action="store_true", help="write overlays too")
    command.add_argument("--json", action="store_true", help="print a summary as JSON")
    _add_bundle(command)
    _add_engine(command)
    pair_arguments.add(command)
    command.set_defaults(run=_label)

    command = commands.add_parser("replay", help="publish a bag through ROS 2, as it was recorded")
    command.add_argument("bag", type=Path, metavar="BAG", help="bag (folder, .mcap, .db3)")
    command.add_argument(
        "--rate", type=arguments.positive, default=1.0, metavar="R", help="speed, 2 is twice as fast"
    )
    command.add_argument("--loop", action="store_true", help="start again at the end")
    command.add_argument("--clock", action="store_true", help="publish the bag's time on /clock at 40 Hz")
    command.add_argument(
        "--topics", nargs="+", type=arguments.topic, metavar="T", help="publish these topics only"
    )
    command.add_argument("--remap", nargs="+", type=arguments.remap, metavar="FROM:=TO", help="rename topics")
    command.add_argument(
        "--wait-for-subscribers",
        type=arguments.positive,
        nargs="?",
        const=60.0,
        metavar="S",
        help="begin when somebody subscribes, and fail if nobody does within S seconds (60)",
    )
    command.add_argument(
        "--wait-topics",
        nargs="+",
        type=arguments.topic,
        metavar="T",
        help="wait for subscribers of these topics only (names after --remap)",
    )
    command.add_argument("--times", type=Path, metavar="CSV", help="write when each message was sent")
    command.add_argument("--json", action="store_true", help="print a summary as JSON")
    command.set_defaults(run=_replay)

    command = commands.add_parser("record", help="record topics to a bag, until Ctrl-C")
    command.add_argument("out", type=Path, metavar="OUT", help="bag folder or .mcap file; must not exist")
    command.add_argument("topics", nargs="+", type=arguments.topic, metavar="TOPIC", help="topics to record")
    command.add_argument("--duration", type=arguments.positive, metavar="S", help="stop after S seconds")
    command.add_argument("--json", action="store_true", help="print a summary as JSON")
    command.set_defaults(run=_record)

    command = commands.add_parser(
        "bag",
        help="make a bag from folders of pictures",
        description="Puts pictures on topics as their cameras would have sent them; ROS is not needed. "
        "RGB and thermal pictures are paired by stem and share their stamps.",
    )
    folder_arguments.add(command)
    command.set_defaults(run=_bag)

    command = commands.add_parser(
        "register",
        help="find how thermal pictures lie on RGB pictures",
        description="Estimates the homography of a rig from pictures paired by stem, of whatever scene (20 "
        "or more, of what is far away), and writes the calibration that the RGB-T node's parameter "
        "registration.file takes, and a picture (.jpg) of pairs before and after.",
    )
    command.add_argument("--rgb", type=Path, required=True, metavar="DIR", help="RGB pictures")
    command.add_argument("--thermal", type=Path, required=True, metavar="DIR", help="thermal pictures")
    command.add_argument(
        "--out", type=Path, default=Path("calibration.yaml"), metavar="FILE", help="file (calibration.yaml)"
    )
    command.add_argument("--json", action="store_true", help="print what was found as JSON")
    command.set_defaults(run=_register)

    command = commands.add_parser(
        "evaluate",
        help="score a bundle on labelled pictures, or on pictures with boxes",
        description="Runs the deployed runtime on pictures whose labels are known, or boxes of the people, "
        "bicycles and cars in them; pairs all by stem. Boxes are scored by day and by night too, where a D "
        "or an N ends the stems.",
    )
    command.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder or name")
    command.add_argument(
        "--images", "--rgb", type=Path, metavar="DIR", help="pictures; of pairs, the RGB ones"
    )
    command.add_argument(
        "--thermal", type=Path, metavar="DIR", help="thermal pictures, registered: with --rgb or alone"
    )
    command.add_argument(
        "--streams",
        choices=("both", "rgb", "thermal"),
        help="what RGB-T bundles are shown of the pairs (default: all that is given)",
    )
    known = command.add_mutually_exclusive_group(required=True)
    known.add_argument("--labels", type=Path, metavar="DIR", help="PNGs of class ids")
    known.add_argument(
        "--boxes",
        type=Path,
        metavar="DIR",
        help="text files of boxes, a line each: class cx cy w h, the class 0 person, 1 bicycle or 2 car, the "
        "rest shares of the picture's width and height",
    )
    command.add_argument(
        "--list", type=Path, metavar="FILE", help="score these frames only: a text file of one stem a line"
    )
    command.add_argument(
        "--label-map",
        metavar="NAME",
        help="how the labels number classes, e.g. camvid (default: as the bundle)",
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    _add_engine(command)
    command.set_defaults(run=_evaluate)

    command = commands.add_parser(
        "engine",
        help="build a bundle's engine ahead of time, and compare it with the reference",
        description="Makes a bundle ready on the best runtime of this machine, as a node does at its start. "
        "It is compared with the reference. What TensorRT builds, and what is calibrated for int8, is kept "
        "in ~/.cache/samseg_ros and loaded from there the next time.",
    )
    command.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder or name")
    command.add_argument("--device", default="auto", help="CPU, GPU, GPU:1, DLA, … (auto)")
    command.add_argument("--runtime", default="auto", help="inference runtime (auto)")
    command.add_argument("--precision", default="auto", help="auto, fp32, fp16, bf16, int8 (auto)")
    command.add_argument(
        "--min-agreement",
        type=arguments.share,
        default=0.99,
        metavar="X",
        help="share of confident pixels that must get the reference's labels (0.99)",
    )
    command.add_argument(
        "--calibration", type=Path, metavar="DIR", help="pictures to measure the ranges for int8 on"
    )
    command.add_argument("--thermal", type=Path, metavar="DIR", help="with them, of RGB-T bundles")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_engine)

    command = commands.add_parser(
        "demo",
        help="a drive through the real nodes, with a report to look at",
        description="Renders a drive of a 360-degree camera and one of RGB and thermal (or takes a bag), "
        "replays each to its node over ROS 2, records the masks, and writes a report, videos, a contact "
        "sheet and summary.json.",
    )
    command.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="folder (demo)")
    command.add_argument(
        "--frames", type=arguments.count, default=45, metavar="N", help="frames at most (45)"
    )
    command.add_argument("--bag", type=Path, metavar="BAG", help="take this bag instead of rendering")
    command.add_argument(
        "--topic", type=arguments.topic, metavar="T", help="the bag's image topic, where it has several"
    )
    command.add_argument(
        "--rgb-topic", type=arguments.topic, metavar="T", help="the bag's RGB camera, where it has several"
    )
    command.add_argument(
        "--thermal-topic", type=arguments.topic, metavar="T", help="the bag's thermal camera"
    )
    command.add_argument(
        "--hz", type=arguments.positive, help="frames per second (default: what the machine can do)"
    )
    command.add_argument(
        "--seed", type=int, default=7, metavar="S", help="of the street that is rendered (7)"
    )
    command.add_argument(
        "--bundle",
        action="append",
        metavar="DIR",
        help="a bundle's folder or name; a drive for each given (street_b0_panorama and sartm_street)",
    )
    command.set_defaults(run=_demo)
    return parser


def _add_bundle(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--bundle",
        default=DEFAULT_BUNDLE,
        metavar="DIR",
        help=f"a bundle's folder or name ({DEFAULT_BUNDLE}; street_b0_camera is for ordinary cameras)",
    )


def _add_engine(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="CPU, GPU, … (auto)")
    command.add_argument("--runtime", default="auto", help="inference runtime (auto)")
    command.add_argument(
        "--vertical-fov",
        type=arguments.vertical_fov,
        metavar="DEG",
        help="vertical field of view of 360° strips (default: guessed from the aspect ratio)",
    )


if __name__ == "__main__":
    sys.exit(main())
