# SPDX-License-Identifier: Apache-2.0
"""Lists of cameras: what is read from a file, and what is said of one that is wrong. Needs no ROS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from samseg_ros import bundle, share
from samseg_ros.errors import UserError
from samseg_ros.nodes import camera_list
from samseg_ros.nodes.camera_list import Camera

ROOF = {"name": "roof", "kind": "panorama"}


@pytest.fixture
def listed(tmp_path: Path) -> Callable[..., Path]:
    def write(*cameras: Any) -> Path:
        path = tmp_path / "cameras.yaml"
        path.write_text(yaml.safe_dump({"cameras": list(cameras)}), encoding="utf-8")
        return path

    return write


def test_everything_that_a_camera_may_have(listed: Callable[..., Path]) -> None:
    night = {
        "name": "night",
        "kind": "rgbt",
        "bundle": "my bundle",
        "topics": {"rgb": "/front/rgb", "thermal": "thermal/image_raw", "modalities": "/night/streams"},
        "parameters": {
            "threads": 2,
            "sync": {"tolerance": 0.03},
            "autostart": False,
            "output.classes": {"drivable": ["road", "sidewalk"]},
            "odd": [1, 0.5],
        },
    }
    roof, read = camera_list.read(listed(ROOF, night))
    assert roof == Camera("roof", "panorama")
    assert read == Camera(
        "night",
        "rgbt",
        night["topics"],
        {
            "bundle": "my bundle",
            "threads": 2,
            "sync.tolerance": 0.03,
            "autostart": False,
            "output.classes.drivable": ["road", "sidewalk"],
            "odd": [1.0, 0.5],
        },
    )
    arguments = read.ros_arguments()
    assert arguments[:3] == ["--ros-args", "-r", "__node:=night"]
    assert "~/thermal:=thermal/image_raw" in arguments
    assert 'output.classes.drivable:=["road", "sidewalk"]' in arguments
    assert "autostart:=false" in arguments
    assert 'bundle:="my bundle"' in arguments


def test_the_example_is_sound() -> None:
    cameras = camera_list.read(share.find("config/perception.yaml"))
    assert {camera.kind for camera in cameras} == {"panorama", "rgbt"}
    for camera in cameras:
        assert set(camera_list.INPUTS[camera.kind]) == set(camera.topics)
    given = [camera.parameters["bundle"] for camera in cameras if "bundle" in camera.parameters]
    assert set(given) <= set(bundle.installed())


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("roof", "camera 1 is 'roof'; expected keys and values: name, kind, bundle"),
        ({"kind": "panorama"}, "camera 1: name is missing; expected letters"),
        ({"name": "front-left", "kind": "camera"}, "name is 'front-left'; expected letters, digits and _"),
        ({"name": "roof"}, r"camera 1 \('roof'\): kind is missing; choose one of: panorama, camera, rgbt"),
        ({"name": "roof", "kind": "panorma"}, "kind is 'panorma'; choose one of: panorama, camera, rgbt"),
        ({**ROOF, "topic": {}}, r"\('roof'\): 'topic' is unknown; did you mean 'topics'\?"),
        ({**ROOF, "lens": 1}, "'lens' is unknown; known are: name, kind, bundle, topics, parameters"),
        ({**ROOF, "topics": {"imgae": "/a"}}, r"topics: 'imgae' is unknown; did you mean 'image'\?"),
        ({**ROOF, "topics": {"modalities": "/a"}}, "topics: 'modalities' is unknown; known are: image, mask"),
        ({**ROOF, "topics": {"rgb": "/a"}}, "topics: 'rgb' is unknown; known are: image, mask"),
        ({**ROOF, "topics": ["/a"]}, r"topics is \['/a'\]; expected a topic for each of: image, mask"),
        ({**ROOF, "topics": {"image": "/a b"}}, "topic image is '/a b'; expected a name such as"),
        ({**ROOF, "topics": {"image": None}}, "topic image is missing; expected a name such as"),
        ({**ROOF, "parameters": ["device"]}, r"parameters is \['device'\]; expected names and values"),
        ({**ROOF, "parameters": {"device": None}}, "parameter 'device' is missing; expected text, a number"),
        ({**ROOF, "parameters": {"views": {"front": {"size": [1, "b"]}}}}, r"front\.size' is \[1, 'b'\]"),
        ({**ROOF, "parameters": {"views": {"front": {"size": []}}}}, r"'views\.front\.size' is \[\]"),
        ({**ROOF, "parameters": {"overlay_alpha": float("nan")}}, "'overlay_alpha' is nan; expected finite"),
        ({**ROOF, "bundle": 5.5, "parameters": {"bundle": "a"}}, r"\('roof'\) names its bundle twice"),
        ({**ROOF, "bundle": {}}, r"bundle is \{\}; expected text"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_camera_is_one_sentence(
    listed: Callable[..., Path], entry: Any, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        camera_list.read(listed(entry))
    assert "\n" not in str(caught.value)


def test_two_of_one_name_are_refused(listed: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="two cameras are called 'roof'; give each a name of its own"):
        camera_list.read(listed(ROOF, {"name": "front", "kind": "camera"}, {"name": "roof", "kind": "rgbt"}))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lists no cameras; expected 'cameras:'"),
        ("cameras: []", "lists no cameras"),
        ("- {name: roof}", "lists no cameras"),
        ("cameras: [{name: a, kind: camera}]\ncamera: 1", r"'camera' is unknown; did you mean 'cameras'\?"),
        ("cameras: [", "is no YAML"),
        ("cameras: !!python/object:os.system {}", "is no YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=sentence) as caught:
        camera_list.read(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml cannot be read: No such file"):
        camera_list.read(tmp_path / "nowhere.yaml")


def test_a_kind_alone_has_the_name_of_its_node() -> None:
    assert camera_list.of_kind("rgbt") == Camera("rgbt_node", "rgbt")
    with pytest.raises(
        UserError, match="'thermal' is no kind of camera; choose from: panorama, camera, rgbt"
    ):
        camera_list.of_kind("thermal")
