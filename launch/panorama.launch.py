# SPDX-License-Identifier: Apache-2.0
"""Semantic masks of a 360° camera: what perception.launch.py does, for that one camera.

ros2 launch samseg_ros panorama.launch.py image:=/camera/image_raw rviz:=true
"""

from launch.action import Action
from launch.actions import DeclareLaunchArgument
from launch.launch_description_sources import load_python_launch_file_as_module

from launch import LaunchContext, LaunchDescription
from samseg_ros import share

perception = load_python_launch_file_as_module(str(share.find("launch/perception.launch.py")))

# What is not to be chosen here, or by another name.
FIXED = {"panorama": "true", "composed": "false", "rgbt": "false"}
FIXED |= dict.fromkeys(("panorama_bundle", "rgbt_bundle", "rgb", "thermal", "cameras", "params_file"), "")

ARGUMENTS = [
    DeclareLaunchArgument(
        "bundle", default_value="", description="Model bundle, name or directory; empty: as in params_file."
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=str(share.find("config/panorama.yaml")),
        description="Parameters of the node.",
    ),
    *(argument for argument in perception.ARGUMENTS if argument.name not in FIXED),
]


def generate_launch_description() -> LaunchDescription:
    return perception.description(ARGUMENTS, start)


def start(context: LaunchContext) -> list[Action]:
    given = context.launch_configurations
    named = {"panorama_bundle": given["bundle"], "params_file": given["params_file"]}
    return perception.serve({**given, **FIXED, **named})
