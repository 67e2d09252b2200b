# SPDX-License-Identifier: Apache-2.0
"""What ``samseg bag`` can be told about the folders that it makes a bag of."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from samseg_ros import arguments
from samseg_ros.errors import UserError

# The options that name topics, and the pictures that go to each.
_TOPICS = {
    "rgb_topic": ("--rgb-topic", "rgb", "rgbt"),
    "thermal_topic": ("--thermal-topic", "thermal", "rgbt"),
    "camera_topic": ("--topic", "camera"),
}


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options; nothing heavy is imported for it, so that help is quick."""
    command.add_argument("out", type=Path, metavar="OUT", help="bag folder, .mcap or .db3; must not exist")
    command.add_argument("--rgb", type=Path, metavar="DIR", help="RGB pictures, and")
    command.add_argument("--thermal", type=Path, metavar="DIR", help="thermal pictures of the same stems")
    command.add_argument("--rgbt", type=Path, metavar="DIR", help="PNGs with thermal in the alpha channel")
    camera = command.add_mutually_exclusive_group()
    camera.add_argument("--panorama", type=Path, dest="camera", metavar="DIR", help="360° pictures")
    camera.add_argument("--image", type=Path, dest="camera", metavar="DIR", help="an ordinary camera's")
    command.add_argument(
        "--hz", type=arguments.positive, default=10.0, metavar="F", help="frames per second (10)"
    )
    command.add_argument(
        "--start", type=float, metavar="S", help="UNIX time of the first stamp in seconds (1700000000)"
    )
    command.add_argument(
        "--compressed",
        action="store_true",
        help="compressed images: JPEG and PNG files as they are, others as PNG",
    )
    command.add_argument("--rgb-topic", type=arguments.topic, metavar="T", help="(/rgb/image_raw)")
    command.add_argument("--thermal-topic", type=arguments.topic, metavar="T", help="(/thermal/image_raw)")
    command.add_argument(
        "--topic", type=arguments.topic, metavar="T", dest="camera_topic", help="(/camera/image_raw)"
    )
    command.add_argument("--json", action="store_true", help="print a summary as JSON")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Make the bag; the summary."""
    from samseg_ros.bags.folders import START, Folders, bag_of_folders

    names = ("rgb", "thermal", "rgbt", "camera", "rgb_topic", "thermal_topic", "camera_topic")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    for topic, (option, *cameras) in _TOPICS.items():
        if topic in given and not any(camera in given for camera in cameras):
            raise UserError(f"{option} names the topic of a camera that no pictures are given of.")
    start = START if options.start is None else options.start
    return bag_of_folders(
        Folders(**given), options.out, options.hz, start=start, compressed=options.compressed
    )
