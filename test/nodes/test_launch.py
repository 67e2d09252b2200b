# SPDX-License-Identifier: Apache-2.0
"""The launch files, as far as they can be read without starting anything, and what viewers are given."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from samseg_ros import share
from samseg_ros.errors import UserError
from samseg_ros.nodes import camera_list

SEEN = {
    *(f"/panorama_node/{name}" for name in ("image", "overlay", "color")),
    *(f"/rgbt_node/{name}" for name in ("rgb", "thermal", "overlay", "color")),
}


def test_rviz_shows_what_both_nodes_publish() -> None:
    document = yaml.safe_load(share.find("config/perception.rviz").read_text(encoding="utf-8"))
    displays = document["Visualization Manager"]["Displays"]
    assert {display["Topic"]["Value"] for display in displays if display["Enabled"]} == SEEN
    names = [display["Name"] for display in displays]
    assert len(set(names)) == len(names)
    known = {"Displays", "Height", "Width", *names}
    assert set(document["Window Geometry"]) <= known


def test_foxglove_shows_what_both_nodes_publish_and_their_diagnostics() -> None:
    layout = json.loads(share.find("config/perception_foxglove.json").read_text(encoding="utf-8"))
    panels = layout["configById"]
    assert sorted(placed(layout["layout"])) == sorted(panels)
    images = {panel["imageMode"]["imageTopic"] for panel in panels.values() if "imageMode" in panel}
    assert images == SEEN
    others = {name.split("!")[0]: panel for name, panel in panels.items() if "imageMode" not in panel}
    assert others["DiagnosticSummary"]["topicToRender"] == "/diagnostics"
    assert others["RawMessages"]["topicPath"].startswith("/rgbt_node/modalities")


def placed(layout: Any) -> Iterator[str]:
    """The panels of a layout, which is a tree."""
    if isinstance(layout, str):
        yield layout
        return
    assert layout["direction"] in ("row", "column")
    yield from placed(layout["first"])
    yield from placed(layout["second"])


RECORDER = """#!{python}
import json, os, sys
from pathlib import Path

files = [after for word, after in zip(sys.argv, sys.argv[1:]) if word == "--params-file"]
record = {{"command": sys.argv[1:], "parameters": [Path(file).read_text() for file in files]}}
Path({folder!r}, f"{{os.getpid()}}.json").write_text(json.dumps(record))
"""


class Started:
    """A process that was started: its command line, and the files of parameters that it was given."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.command: list[str] = record["command"]
        self.files = [yaml.safe_load(text) for text in record["parameters"]]

    def behind(self, option: str) -> list[str]:
        return [after for word, after in pairwise(self.command) if word == option]

    def said(self) -> dict[str, Any]:
        """By node, the parameters in the last file, which goes before the others."""
        return {node: section["ros__parameters"] for node, section in self.files[-1].items()}


class Launched:
    """A launch file, and what the genuine launch starts for it: a recorder in place of Python."""

    def __init__(self, file: str, folder: Path) -> None:
        self._launch = pytest.importorskip(
            "launch", reason="launch is not installed; it comes with ROS 2 only"
        )
        pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with ROS 2 only")
        if not hasattr(self._launch, "LaunchContext"):  # the repository's own folder of that name was found
            pytest.skip("launch is not installed; it comes with ROS 2 only")
        self._module = runpy.run_path(str(share.find(f"launch/{file}")))
        self._folder = folder
        self._recorder = folder / "python"
        self._recorder.write_text(
            RECORDER.format(python=sys.executable, folder=str(folder)), encoding="utf-8"
        )
        self._recorder.chmod(0o755)

    def description(self) -> Any:
        return self._module["generate_launch_description"]()

    def arguments(self) -> list[Any]:
        return [entity for entity in self.description().entities if hasattr(entity, "default_value")]

    def start(self, before: tuple[Any, ...] = (), **given: str) -> list[Started]:
        """What is started where these arguments are given, in the order of the command lines."""
        set_up = [
            self._launch.actions.SetLaunchConfiguration(name, value)
            for name, value in {"python": str(self._recorder), **given}.items()
        ]
        service = self._launch.LaunchService(noninteractive=True)
        service.include_launch_description(
            self._launch.LaunchDescription([*set_up, *before, self.description()])
        )
        assert service.run() == 0
        records = [json.loads(file.read_text(encoding="utf-8")) for file in self._folder.glob("*.json")]
        return sorted((Started(record) for record in records), key=lambda started: started.command)

    def refuse(self, **given: str) -> str:
        """The sentence with which these arguments are refused."""
        context = self._launch.LaunchContext()
        context.launch_configurations.update(given)
        for argument in self.arguments():
            argument.execute(context)
        with pytest.raises(UserError) as caught:
            self._module["start"](context)
        return str(caught.value)


@pytest.fixture
def perception(tmp_path: Path) -> Launched:
    return Launched("perception.launch.py", tmp_path)


@pytest.fixture
def panorama(tmp_path: Path) -> Launched:
    return Launched("panorama.launch.py", tmp_path)


@pytest.mark.parametrize("file", ["perception.launch.py", "panorama.launch.py"])
def test_each_argument_is_described(file: str, tmp_path: Path) -> None:
    arguments = Launched(file, tmp_path).arguments()
    names = {argument.name for argument in arguments}
    assert {"image", "params_file", "device", "namespace", "use_sim_time", "rviz", "bag"} <= names
    for argument in arguments:
        assert argument.description, argument.name


def test_two_processes_by_default_and_nothing_else(perception: Launched) -> None:
    panorama, rgbt = perception.start(rgb="/front/rgb")
    assert panorama.command[:3] == ["-m", "samseg_ros.nodes.perception", "panorama"]
    assert rgbt.command[:3] == ["-m", "samseg_ros.nodes.perception", "rgbt"]
    assert "rgbt_node:~/rgb:=/front/rgb" in rgbt.command
    # What was not given stays as the parameters have it.
    nothing = {"use_sim_time": False}
    assert rgbt.said() == panorama.said() == {"/**/panorama_node": nothing, "/**/rgbt_node": nothing}


def test_what_is_given_reaches_the_node_that_it_is_for(perception: Launched, tmp_path: Path) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text("/**: {ros__parameters: {threads: 1}}", encoding="utf-8")
    (both,) = perception.start(
        namespace="car/left", device="GPU", rgbt_bundle="mine", image_transport="compressed",
        autostart="false", composed="true", params_file=str(file),
    )  # fmt: skip
    assert both.command[:4] == ["-m", "samseg_ros.nodes.perception", "panorama", "rgbt"]
    assert "__ns:=/car/left" in both.command
    assert both.files[0] == {"/**": {"ros__parameters": {"threads": 1}}}
    common = {"device": "GPU", "autostart": False, "use_sim_time": False}
    assert both.said() == {
        "/**/panorama_node": {"image_transport": "compressed", **common},
        "/**/rgbt_node": {
            "bundle": "mine", "rgb_transport": "compressed", "thermal_transport": "compressed", **common,
        },
    }  # fmt: skip


def test_the_command_line_is_the_last_word(perception: Launched, tmp_path: Path) -> None:
    rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")
    given, said = tmp_path / "given.yaml", tmp_path / "said.yaml"
    sections = {"/car/rgbt_node": "own", "/**": "of all"}  # the later one holds
    given.write_text(
        yaml.safe_dump(
            {name: {"ros__parameters": {"device": word}} for name, word in sections.items()}, sort_keys=False
        ),
        encoding="utf-8",
    )
    (rgbt,) = perception.start(panorama="false", namespace="car", device="CPU", params_file=str(given))
    said.write_text(yaml.safe_dump(rgbt.files[-1]), encoding="utf-8")
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    for files, word in (((given,), "of all"), ((given, said), "CPU")):
        words = [word for file in files for word in ("--params-file", str(file))]
        node = rclpy.create_node(
            "rgbt_node", namespace="car", context=context, cli_args=["--ros-args", *words],
            automatically_declare_parameters_from_overrides=True,
        )  # fmt: skip
        assert node.get_parameter("device").value == word
        node.destroy_node()
    rclpy.shutdown(context=context)


def test_a_namespace_that_surrounds_the_file_counts(perception: Launched) -> None:
    from launch_ros.actions import PushRosNamespace

    (rgbt,) = perception.start((PushRosNamespace("fleet"),), panorama="false", namespace="car", device="CPU")
    assert "__ns:=/fleet/car" in rgbt.command


def test_a_bag_sets_the_time_of_all_and_waits_for_their_topics(perception: Launched) -> None:
    bag, panorama, rgbt = perception.start(
        bag="/drive.mcap", loop="true", rate="2.0", image="/roof", thermal="thermal/image", namespace="car"
    )
    assert bag.command[:4] == ["-m", "samseg_ros.cli", "replay", "/drive.mcap"]
    command = " ".join(bag.command)
    assert "--clock --rate 2.0 --wait-for-subscribers" in command
    assert "--wait-topics /roof /car/thermal/image --loop" in command
    assert panorama.said()["/**/panorama_node"]["use_sim_time"] is True
    assert rgbt.said()["/**/rgbt_node"]["use_sim_time"] is True


@pytest.mark.parametrize("composed", ["true", "false"])
def test_a_list_of_cameras_together_or_each_on_its_own(perception: Launched, composed: str) -> None:
    path = str(share.find("config/perception.yaml"))
    names = [camera.name for camera in camera_list.read(path)]
    started = perception.start(cameras=path, composed=composed)
    served = [one.behind("--only") for one in started]
    assert sorted(served) == ([names] if composed == "true" else sorted([name] for name in names))
    for one in started:
        assert one.behind("--cameras") == [path]
        assert set(one.said()) == {f"/**/{name}" for name in names}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"panorama": "false", "rgbt": "false"}, "panorama and rgbt are both false; leave one of them"),
        ({"cameras": "cameras.yaml", "image": "/roof"}, "image and cameras are both given; name the topics"),
        ({"cameras": "nowhere.yaml"}, "nowhere.yaml cannot be read"),
        ({"params_file": "nowhere.yaml"}, "params_file nowhere.yaml is no file"),
        ({"params_file": "~/nowhere.yaml"}, f"params_file {Path.home()}/nowhere.yaml is no file"),
        ({"rgb": "front camera"}, "rgb is 'front camera'; expected a topic"),
    ],
)
def test_what_cannot_be_is_one_sentence(perception: Launched, given: dict[str, str], sentence: str) -> None:
    assert sentence in perception.refuse(**given)


def test_rviz_that_is_missing_is_said(perception: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", "/nowhere")
    assert "needs rviz2, which is not installed; install it, or open" in perception.refuse(rviz="true")


def test_the_panorama_alone_keeps_its_arguments(panorama: Launched) -> None:
    (node,) = panorama.start(
        image="/cam", image_transport="compressed", bundle="mine", device="CPU", namespace="roof",
        use_sim_time="true", autostart="true", log_level="debug",
    )  # fmt: skip
    assert node.command[:3] == ["-m", "samseg_ros.nodes.perception", "panorama"]
    assert node.behind("--params-file")[0] == str(share.find("config/panorama.yaml"))
    assert node.behind("--log-level") == ["debug"]
    assert "panorama_node:~/image:=/cam" in node.command
    assert node.said() == {
        "/**/panorama_node": {
            "bundle": "mine", "device": "CPU", "image_transport": "compressed", "autostart": True,
            "use_sim_time": True,
        }
    }  # fmt: skip
