# SPDX-License-Identifier: Apache-2.0
"""Semantic masks of a 360° camera.

ros2 launch samseg_ros panorama.launch.py image:=/camera/image_raw rviz:=true
"""

import os
import sys

from launch.action import Action
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch_ros.actions import LifecycleNode, Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription
from samseg_ros import share, transport

NAME = "panorama_node"
OUTPUTS = ("mask", "color", "overlay", "confidence")
BOOLEANS = ("true", "false")

ARGUMENTS = [
    DeclareLaunchArgument("image", default_value="", description="Image topic; empty: ~/image."),
    DeclareLaunchArgument(
        "image_transport",
        default_value="",
        choices=["", "raw", "compressed"],
        description="How the images come; empty: as in params_file.",
    ),
    DeclareLaunchArgument(
        "bundle", default_value="", description="Model bundle, name or directory; empty: as in params_file."
    ),
    DeclareLaunchArgument(
        "device", default_value="", description="Where to infer: auto, CPU, …; empty: as in params_file."
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=str(share.find("config/panorama.yaml")),
        description="Parameters of the node.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node."),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", choices=BOOLEANS, description="Take the time from /clock."
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        choices=BOOLEANS,
        description="Configure and activate the node at once; false leaves that to a lifecycle manager.",
    ),
    DeclareLaunchArgument("rviz", default_value="false", choices=BOOLEANS, description="Open RViz."),
    DeclareLaunchArgument(
        "log_level", default_value="info", description="debug, info, warn, error or fatal."
    ),
    DeclareLaunchArgument(
        "python",
        default_value=sys.executable,
        description="Python that runs the node; that of a virtual environment, say.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    settings = [SetEnvironmentVariable(*added) for added in transport.environment(os.environ).items()]
    return LaunchDescription([*ARGUMENTS, *settings, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Action]:
    given = {argument.name: context.launch_configurations[argument.name] for argument in ARGUMENTS}
    # What the command line leaves empty stays as the file has it.
    overrides = {
        name: ParameterValue(given[name], value_type=str)
        for name in ("bundle", "device", "image_transport")
        if given[name]
    }
    overrides |= {name: given[name] == "true" for name in ("autostart", "use_sim_time")}
    node = LifecycleNode(
        # Not package= and executable=: launch looks for those in lib/samseg_ros, where colcon puts them, but
        # pip does not. Run as a module, the node is found wherever Python finds the package.
        executable=given["python"],
        arguments=["-m", f"samseg_ros.nodes.{NAME}", "--ros-args", "--log-level", given["log_level"]],
        name=NAME,
        namespace=given["namespace"],
        parameters=[given["params_file"], overrides],
        remappings=[("~/image", given["image"])] if given["image"] else [],
        output="screen",
        emulate_tty=True,
    )
    return [node, rviz(given)] if given["rviz"] == "true" else [node]


def rviz(given: dict[str, str]) -> Node:
    """RViz on the node's topics, whatever its namespace: the configuration names those of the root."""
    here = "/".join(["", *filter(None, given["namespace"].split("/")), NAME])
    remappings = [(f"/{NAME}/{output}", f"{here}/{output}") for output in OUTPUTS]
    remappings.append((f"/{NAME}/image", given["image"] or f"{here}/image"))
    return Node(
        package="rviz2",
        executable="rviz2",
        name="rviz",
        arguments=["-d", str(share.find("config/perception.rviz"))],
        parameters=[{"use_sim_time": given["use_sim_time"] == "true"}],
        remappings=remappings,
    )
