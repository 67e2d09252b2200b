# SPDX-License-Identifier: Apache-2.0
"""Semantic masks of a 360° camera, of a pair of RGB and thermal cameras, of both, or of any list of cameras.

ros2 launch samseg_ros perception.launch.py image:=/roof/image_raw rgb:=/front/rgb thermal:=/front/thermal
ros2 launch samseg_ros perception.launch.py cameras:=cameras.yaml composed:=true
ros2 launch samseg_ros perception.launch.py bag:=drive.mcap loop:=true image:=/roof/image_raw rviz:=true
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnShutdown
from launch_ros.actions import Node
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

from launch import LaunchContext, LaunchDescription
from samseg_ros import share, transport
from samseg_ros.arguments import is_topic
from samseg_ros.errors import UserError
from samseg_ros.nodes import camera_list
from samseg_ros.nodes.camera_list import Camera

BOOLEANS = ("true", "false")
TOPICS = {"panorama": ("image",), "rgbt": ("rgb", "thermal")}  # which arguments are topics of which kind
FILES = ("params_file", "cameras", "bag")
SHOWN = ("overlay", "color", "confidence")  # by RViz, beside the inputs
READY_S = 600  # that a bag waits for the first node: an engine may have to be built


def argument(name: str, default: str, description: str, *choices: str) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(
        name, default_value=default, description=description, choices=choices or None
    )


# Where an argument is empty, the nodes' parameters say (params_file, or their defaults).
ARGUMENTS = [
    argument("panorama", "true", "Serve a 360° camera.", *BOOLEANS),
    argument("image", "", "Topic of the 360° camera; empty: /panorama_node/image."),
    argument("panorama_bundle", "", "Model bundle for 360° cameras, name or directory; empty: parameters."),
    argument("rgbt", "true", "Serve a pair of RGB and thermal cameras.", *BOOLEANS),
    argument("rgb", "", "Topic of the RGB camera; empty: /rgbt_node/rgb."),
    argument("thermal", "", "Topic of the thermal camera; empty: /rgbt_node/thermal."),
    argument("rgbt_bundle", "", "Model bundle for RGB and thermal, name or directory; empty: parameters."),
    argument("cameras", "", "YAML list of cameras to serve instead of those; see config/perception.yaml."),
    argument("composed", "false", "Serve all in one process, sharing engines; else one each.", *BOOLEANS),
    argument(
        "params_file",
        "",
        "Parameters of all nodes, or by their names; other arguments override it. Start from config/*.yaml.",
    ),
    argument("device", "", "Where to infer: auto, CPU, …; empty: parameters."),
    argument("image_transport", "", "How all images come; empty: parameters.", "", "raw", "compressed"),
    argument("namespace", "", "Namespace of all nodes."),
    argument("use_sim_time", "false", "Take the time from /clock; always so with bag.", *BOOLEANS),
    argument(
        "autostart",
        "",
        "Configure and activate the nodes at once (true), or leave it to a lifecycle manager (false); "
        "empty: parameters, whose default is true.",
        *("", *BOOLEANS),
    ),
    argument("bag", "", "Replay this bag, its time on /clock, when the nodes are ready."),
    argument("rate", "1.0", "Speed of the bag; 2 is twice as fast."),
    argument("loop", "false", "Start the bag again at its end.", *BOOLEANS),
    argument(
        "rviz",
        "false",
        "Open RViz; and rqt_runtime_monitor for the diagnostics, where it is installed.",
        *BOOLEANS,
    ),
    argument("log_level", "info", "How much the nodes say.", "debug", "info", "warn", "error", "fatal"),
    argument("python", sys.executable, "Python that runs the nodes; that of a virtual environment, say."),
]


def generate_launch_description() -> LaunchDescription:
    return description(ARGUMENTS, start)


def description(
    arguments: list[DeclareLaunchArgument], started: Callable[[LaunchContext], list[Action]]
) -> LaunchDescription:
    """These arguments, the environment for large images, and what is to be started then."""
    settings = [SetEnvironmentVariable(*added) for added in transport.environment(os.environ).items()]
    return LaunchDescription([*arguments, *settings, OpaqueFunction(function=started)])


def start(context: LaunchContext) -> list[Action]:
    return serve(context.launch_configurations)


def serve(configurations: Mapping[str, str]) -> list[Action]:
    given = {argument.name: configurations[argument.name] for argument in ARGUMENTS}
    for name in FILES:  # no shell does it behind :=
        given[name] = os.path.expanduser(given[name])
    if given["bag"]:
        given["use_sim_time"] = "true"
    # As launch_ros makes it, in a group with a namespace of its own too.
    within = configurations.get("ros_namespace")
    given["absolute_namespace"] = make_namespace_absolute(prefix_namespace(within, given["namespace"])) or "/"
    if given["params_file"] and not Path(given["params_file"]).is_file():
        raise UserError(
            f"params_file {given['params_file']} is no file; give one, or leave the argument out."
        )
    cameras = chosen(given)
    windows = [rviz(cameras, given), monitor()] if given["rviz"] == "true" else []
    parameters = parameters_file(cameras, given)
    groups = [cameras] if given["composed"] == "true" else [[camera] for camera in cameras]
    actions: list[Action] = [
        RegisterEventHandler(OnShutdown(on_shutdown=lambda *_: parameters.unlink(missing_ok=True))),
        *(process(group, parameters, given) for group in groups),
    ]
    if given["bag"]:
        actions.append(bag(cameras, given))
    return actions + windows


def chosen(given: dict[str, str]) -> list[Camera]:
    topics = {name: given[name] for names in TOPICS.values() for name in names if given[name]}
    for name, topic in topics.items():
        if given["cameras"]:
            raise UserError(f"{name} and cameras are both given; name the topics in {given['cameras']}.")
        if not is_topic(topic):
            raise UserError(f"{name} is '{topic}'; expected a topic such as /camera/image_raw.")
    if given["cameras"]:
        return camera_list.read(given["cameras"])
    cameras = [
        replace(
            camera_list.of_kind(kind), topics={name: topics[name] for name in TOPICS[kind] if name in topics}
        )
        for kind in TOPICS
        if given[kind] == "true"
    ]
    if not cameras:
        raise UserError("panorama and rgbt are both false; leave one of them, or give cameras:=FILE.")
    return cameras


def parameters_file(cameras: list[Camera], given: dict[str, str]) -> Path:
    """What the command line says, as the last word on each node: of the sections that fit, rcl takes values
    from the last, and a file seldom has one of this pattern.
    """
    sections = {}
    for camera in cameras:
        said = {
            "bundle": given.get(f"{camera.kind}_bundle", ""),
            "device": given["device"],
            **{f"{name}_transport": given["image_transport"] for name in images(camera)},
        }
        # What it leaves empty stays as the parameters have it.
        section: dict[str, str | bool] = {name: value for name, value in said.items() if value}
        section |= {name: given[name] == "true" for name in ("autostart", "use_sim_time") if given[name]}
        sections[f"/**/{camera.name}"] = {"ros__parameters": section}
    with NamedTemporaryFile("w", prefix="samseg_", suffix=".yaml", delete=False, encoding="utf-8") as file:
        yaml.safe_dump(sections, file, allow_unicode=True)
    return Path(file.name)


def process(cameras: list[Camera], parameters: Path, given: dict[str, str]) -> Node:
    if given["cameras"]:
        which = ["--cameras", given["cameras"]]
        which += [word for camera in cameras for word in ("--only", camera.name)]
        topics = []  # the file's own
    else:
        which = [camera.kind for camera in cameras]
        topics = [
            (f"{camera.name}:~/{inside}", outside)
            for camera in cameras
            for inside, outside in camera.topics.items()
        ]
    return Node(
        # Not package= and executable=: launch looks for those in lib/samseg_ros, where colcon puts them, but
        # pip does not. Run as a module, the node is found wherever Python finds the package.
        executable=given["python"],
        exec_name=cameras[0].name if len(cameras) == 1 else "perception",
        arguments=[
            *("-m", "samseg_ros.nodes.perception", *which),
            *("--ros-args", "--log-level", given["log_level"]),
        ],
        namespace=given["namespace"],
        parameters=[*filter(None, [given["params_file"]]), str(parameters)],
        remappings=topics,
        output="screen",
        emulate_tty=True,
    )


def bag(cameras: list[Camera], given: dict[str, str]) -> ExecuteProcess:
    named = [camera.topics[name] for camera in cameras for name in images(camera) if name in camera.topics]
    topics = list(dict.fromkeys(absolute(topic, given) for topic in named))
    return ExecuteProcess(
        cmd=[
            *(given["python"], "-m", "samseg_ros.cli", "replay", given["bag"], "--clock"),
            *("--rate", given["rate"], "--wait-for-subscribers", str(READY_S)),
            *(["--wait-topics", *topics] if topics else []),
            *(["--loop"] if given["loop"] == "true" else []),
        ],
        name="bag",
        output="screen",
        emulate_tty=True,
    )


def rviz(cameras: list[Camera], given: dict[str, str]) -> Node:
    """RViz on the first camera of each kind: the configuration names the topics of nodes in the root."""
    if not is_installed("rviz2"):
        raise UserError(
            "rviz:=true needs rviz2, which is not installed; install it, or open "
            f"{share.find('config/perception_foxglove.json')} in Foxglove."
        )
    remappings = []
    for kind in camera_list.KINDS:
        camera = next((camera for camera in cameras if camera.kind == kind), None)
        if camera is None:
            continue
        shown = [(name, f"{camera.name}/{name}") for name in (*images(camera), *SHOWN)]
        remappings += [
            (f"/{kind}_node/{name}", absolute(camera.topics.get(name, default), given))
            for name, default in shown
        ]
    return Node(
        package="rviz2",
        executable="rviz2",
        name="rviz",
        arguments=["-d", str(share.find("config/perception.rviz"))],
        parameters=[{"use_sim_time": given["use_sim_time"] == "true"}],
        remappings=remappings,
    )


def monitor() -> Action:
    """Diagnostics in a window of their own: RViz has no display for them."""
    name = "rqt_runtime_monitor"
    if is_installed(name):
        return Node(package=name, executable=name, name="monitor")
    return LogInfo(msg=f"{name} is not installed; install it to see the diagnostics beside RViz.")


def is_installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def images(camera: Camera) -> list[str]:
    """Its image topics, below the node's name."""
    return [name for name in camera_list.INPUTS[camera.kind] if not name.endswith("camera_info")]


def absolute(name: str, given: dict[str, str]) -> str:
    """A relative name as the nodes' namespace makes it."""
    return name if name.startswith("/") else f"{given['absolute_namespace'].rstrip('/')}/{name}"
