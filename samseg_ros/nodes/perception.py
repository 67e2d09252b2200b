# SPDX-License-Identifier: Apache-2.0
"""Any number of cameras in one process: a node for each, one engine for those that run the same bundle.

ros2 run samseg_ros perception --cameras FILE --ros-args …
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rclpy.utilities import remove_ros_args

from samseg_ros.engine.shared import SharedEngines
from samseg_ros.errors import UserError
from samseg_ros.nodes import camera_list
from samseg_ros.nodes.camera_list import KINDS, Camera
from samseg_ros.nodes.camera_node import camera_node
from samseg_ros.nodes.panorama_node import panorama_node
from samseg_ros.nodes.process import run
from samseg_ros.nodes.rgbt_node import rgbt_node
from samseg_ros.nodes.segmentation_node import SegmentationNode

NODES: dict[str, Callable[..., SegmentationNode]] = {
    "panorama": panorama_node,
    "camera": camera_node,
    "rgbt": rgbt_node,
}


def node_of(camera: Camera, engines: SharedEngines, ros_arguments: Sequence[str] = ()) -> SegmentationNode:
    """The camera's node, not yet configured.

    `ros_arguments` are those of the process, which hold for every camera: where they and the camera both say
    something, parameters are theirs, and topics and the node's name are the camera's.
    """
    # rcl takes the last value of a parameter and the first rule that fits a name. The -- ends the camera's.
    arguments = [*camera.ros_arguments(), "--", *ros_arguments]
    return NODES[camera.kind](load_engine=engines.load, cli_args=arguments, use_global_arguments=False)


def cameras(words: Sequence[str]) -> list[Camera]:
    """What the command line asks for; UserError where that cannot be."""
    options = _parser().parse_args(words)
    chosen = [camera_list.of_kind(kind) for kind in options.kinds]
    if options.cameras is not None:
        listed = camera_list.read(options.cameras)
        names = [camera.name for camera in listed]
        for name in options.only or ():
            if name not in names:
                raise UserError(f"{options.cameras} has no camera '{name}'; it has: {', '.join(names)}.")
        chosen += [camera for camera in listed if camera.name in (options.only or names)]
    elif options.only:
        raise UserError("--only chooses from a list of cameras; give --cameras FILE as well.")
    if not chosen:
        raise UserError(f"no camera was asked for; give --cameras FILE, or kinds: {', '.join(KINDS)}.")
    camera_list.refuse_duplicates(chosen)
    return chosen


def main() -> None:
    arguments = sys.argv[1:]
    try:
        chosen = cameras(remove_ros_args(sys.argv)[1:])
    except UserError as error:
        print(f"perception: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    engines = SharedEngines()
    run(*(partial(node_of, camera, engines, arguments) for camera in chosen))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="perception",
        description="Serves several cameras in one process. ROS arguments (--ros-args …) hold for all.",
    )
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"a camera with the defaults of its kind: {', '.join(KINDS)}"
    )
    parser.add_argument(
        "--cameras", type=Path, metavar="FILE", help="YAML list of cameras, as config/perception.yaml"
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="of the list, only this one; repeatable"
    )
    return parser


if __name__ == "__main__":
    main()
