# SPDX-License-Identifier: Apache-2.0
"""The table of parameters, and the files that set them."""

from __future__ import annotations

import array
import re
from fnmatch import fnmatch

import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from samseg_ros import share
from samseg_ros.nodes import camera_node, panorama_node, rgbt_node
from samseg_ros.nodes.parameters import Parameter, under

ALPHA = Parameter("alpha", 0.5, "", (), 0, 1)
SIZE = Parameter("size", "camera", "", ("camera", "network"))
THREADS = Parameter("threads", 0, "", (), 0, 64)
AUTOSTART = Parameter("autostart", True, "")
CLASSES = Parameter("classes", ("road",), "")
FILES = [
    ("config/panorama.yaml", panorama_node.PARAMETERS),
    ("config/camera.yaml", camera_node.PARAMETERS),
    ("config/rgbt.yaml", rgbt_node.PARAMETERS),
]
PIXELS = Parameter("pixels", (640, 480), "", (), 1, 8192, length=2)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (ALPHA, 0.0),
        (ALPHA, 1),
        (SIZE, "network"),
        (THREADS, 64),
        (AUTOSTART, False),
        (CLASSES, ("person", "traffic sign")),
        (PIXELS, (1, 8192)),
    ],
)
def test_right_values_are_taken(parameter: Parameter, value: object) -> None:
    taken = parameter.accept(value)
    assert taken == value
    assert type(taken) is type(parameter.default)


@pytest.mark.parametrize(
    ("parameter", "value", "sentence"),
    [
        (ALPHA, -0.1, "parameter 'alpha' is -0.1; expected a number from 0 to 1."),
        (ALPHA, float("nan"), "parameter 'alpha' is nan; expected a number from 0 to 1."),
        (ALPHA, True, "parameter 'alpha' is True; expected a number from 0 to 1."),
        (SIZE, "", "parameter 'size' is ''; expected one of: camera, network."),
        (THREADS, 1.0, "parameter 'threads' is 1.0; expected a whole number from 0 to 64."),
        (THREADS, True, "parameter 'threads' is True; expected a whole number from 0 to 64."),
        (THREADS, None, "parameter 'threads' is None; expected a whole number from 0 to 64."),
        (AUTOSTART, "yes", "parameter 'autostart' is 'yes'; expected true or false."),
        (CLASSES, "road", "parameter 'classes' is 'road'; expected a list of text."),
        (CLASSES, [], "parameter 'classes' is []; expected a list of text."),
        (CLASSES, ["road", ""], "parameter 'classes' is ['road', '']; expected a list of text."),
        (PIXELS, [640], "parameter 'pixels' is [640]; expected a list of 2 whole numbers from 1 to 8192."),
        (PIXELS, [0, 9], "parameter 'pixels' is [0, 9]; expected a list of 2 whole numbers from 1 to 8192."),
        (
            PIXELS,
            [640.0, 480.0],
            "parameter 'pixels' is [640.0, 480.0]; expected a list of 2 whole numbers from 1 to 8192.",
        ),
    ],
)
def test_wrong_values_are_named(parameter: Parameter, value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="parameter") as caught:
        parameter.accept(value)
    assert str(caught.value) == sentence


def test_lists_come_from_rclpy_as_lists_and_arrays() -> None:
    assert CLASSES.accept(["road"]) == ("road",)
    assert PIXELS.accept(array.array("q", [32, 24])) == (32, 24)


def test_what_users_name_is_found_under_its_family() -> None:
    settings = {
        "views.front.yaw": 0.0,
        "views.rear.yaw": 180.0,
        "views.rear.size": (64, 48),
        "output.mode": "masks",
        "output.classes.drivable": ("road",),
    }
    assert under(settings, "views") == {"front": {"yaw": 0.0}, "rear": {"yaw": 180.0, "size": (64, 48)}}
    assert under(settings, "output.classes") == {"drivable": ("road",)}
    with pytest.raises(ValueError, match=r"'front-left' in parameter 'views\.front-left\.yaw' becomes part"):
        under({"views.front-left.yaw": 0.0}, "views")


@pytest.mark.parametrize(("file", "parameters"), FILES)
def test_the_files_hold_every_parameter_at_its_default(file: str, parameters: tuple[Parameter, ...]) -> None:
    document = yaml.safe_load(share.find(file).read_text(encoding="utf-8"))
    fixed = {p.name: p.default for p in parameters if "*" not in p.name}
    given = flat(document["/**"]["ros__parameters"])
    assert {name: tuple(it) if isinstance(it, list) else it for name, it in given.items()} == fixed


@pytest.mark.parametrize(("file", "parameters"), FILES)
def test_the_examples_in_the_files_are_sound(file: str, parameters: tuple[Parameter, ...]) -> None:
    """Without the mark of a comment each is YAML that the node would take, and none is missing."""
    text = share.find(file).read_text(encoding="utf-8")
    document = yaml.safe_load(re.sub(r"^( +)# ((?: *[\w/]+: .*[\]}]| *\w+:)$)", r"\1\2", text, flags=re.M))
    given = flat(document["/**"]["ros__parameters"])
    named = [p for p in parameters if "*" in p.name]
    for parameter in named:
        examples = [name for name in given if fnmatch(name, parameter.name)]
        assert examples, parameter.name
        for name in examples:
            parameter.accept(given.pop(name))
    assert {name for name in given if not name.startswith("qos_overrides.")} == {
        p.name for p in parameters if p not in named
    }


def flat(nested: dict, before: str = "") -> dict:
    """A file's nested parameters by the names that ROS gives them."""
    found = {}
    for key, value in nested.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return found


def test_every_parameter_says_what_it_is() -> None:
    for parameter in (*panorama_node.PARAMETERS, *camera_node.PARAMETERS):
        assert parameter.description.endswith("."), parameter.name
        assert parameter.accept(parameter.default) == parameter.default
