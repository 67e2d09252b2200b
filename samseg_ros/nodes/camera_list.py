# SPDX-License-Identifier: Apache-2.0
"""The cameras that one process serves, as a YAML file lists them. Launch files read it too, without rclpy."""

from __future__ import annotations

import difflib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from samseg_ros.arguments import is_topic
from samseg_ros.errors import UserError

# The topics that each kind of camera reads, below the node's name.
INPUTS = {
    "panorama": ("image",),
    "camera": ("image",),
    "rgbt": ("rgb", "thermal", "rgb/camera_info"),
}
KINDS = tuple(INPUTS)
_OUTPUTS = ("mask", "confidence", "color", "overlay", "labels", "label_info")
# What a list may rename of what each kind publishes.
OUTPUTS = {
    "panorama": _OUTPUTS,
    "camera": _OUTPUTS,
    "rgbt": (*_OUTPUTS, "camera_info", "modalities"),
}

_KEYS = ("name", "kind", "bundle", "topics", "parameters")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Value = str | bool | int | float | list[Any]


@dataclass(frozen=True)
class Camera:
    """One node to run. `name` is the node's; `topics` says what its topics (``image``, ``mask``) are called
    outside; `parameters` are the node's by their full names (``views.front.yaw``), the bundle among them.
    """

    name: str
    kind: str
    topics: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Value] = field(default_factory=dict)

    def ros_arguments(self) -> list[str]:
        """The same as a command line would say it: ``--ros-args -r … -p …``."""
        rules = ["-r", f"__node:={self.name}"]
        for inside, outside in self.topics.items():
            rules += ["-r", f"~/{inside}:={outside}"]
        for name, value in self.parameters.items():
            rules += ["-p", f"{name}:={json.dumps(value, ensure_ascii=False)}"]  # which is YAML, too
        return ["--ros-args", *rules]


def of_kind(kind: str) -> Camera:
    """A camera of that kind with nothing but defaults; its node is called as it would be on its own.

    UserError for an unknown kind.
    """
    if kind not in KINDS:
        raise UserError(f"'{kind}' is no kind of camera; choose from: {', '.join(KINDS)}.")
    return Camera(f"{kind}_node", kind)


def read(path: str | os.PathLike[str]) -> list[Camera]:
    """The cameras of a file, in its order; at least one.

    UserError says in one sentence what is wrong with the file. What a parameter is called and may be is the
    node's matter, as in any file of parameters.
    """
    path = Path(path)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    listed = document.get("cameras") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise UserError(f"{path} lists no cameras; expected 'cameras:' and below it one entry for each.")
    _refuse_unknown(document, ("cameras",), str(path))
    cameras = [_camera(entry, f"{path}, camera {number}") for number, entry in enumerate(listed, 1)]
    refuse_duplicates(cameras)
    return cameras


def refuse_duplicates(cameras: Iterable[Camera]) -> None:
    """UserError where two cameras have one name."""
    seen: set[str] = set()
    for camera in cameras:
        if camera.name in seen:
            raise UserError(
                f"two cameras are called '{camera.name}'; give each a name of its own, since their topics "
                "are called after them."
            )
        seen.add(camera.name)


def _camera(entry: Any, where: str) -> Camera:
    if not isinstance(entry, dict):
        raise UserError(f"{where} is {entry!r}; expected keys and values: {', '.join(_KEYS)}.")
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(
            f"{where}: name is {_shown(name)}; expected letters, digits and _, beginning with a letter: it "
            "becomes the node's name."
        )
    where = f"{where} ('{name}')"
    _refuse_unknown(entry, _KEYS, where)
    kind = entry.get("kind")
    if kind not in KINDS:
        raise UserError(f"{where}: kind is {_shown(kind)}; choose one of: {', '.join(KINDS)}.")
    parameters = _parameters(entry.get("parameters"), where)
    if "bundle" in entry:
        if "bundle" in parameters:
            raise UserError(f"{where} names its bundle twice; leave it out of its parameters.")
        parameters["bundle"] = _value(entry["bundle"], f"{where}: bundle")
    return Camera(name, kind, _topics(entry.get("topics"), kind, where), parameters)


def _topics(topics: Any, kind: str, where: str) -> dict[str, str]:
    if topics is None:
        return {}
    known = (*INPUTS[kind], *OUTPUTS[kind])
    if not isinstance(topics, dict):
        raise UserError(f"{where}: topics is {topics!r}; expected a topic for each of: {', '.join(known)}.")
    _refuse_unknown(topics, known, f"{where}, topics")
    for inside, outside in topics.items():
        if not isinstance(outside, str) or not is_topic(outside):
            raise UserError(
                f"{where}: topic {inside} is {_shown(outside)}; expected a name such as /camera/image_raw."
            )
    return topics


def _parameters(parameters: Any, where: str, above: str = "") -> dict[str, Value]:
    """By their full names: ``views: {front: {yaw: 0}}`` is ``views.front.yaw``."""
    if parameters is None and not above:
        return {}
    if not isinstance(parameters, dict):
        raise UserError(f"{where}: parameters is {parameters!r}; expected names and values.")
    found: dict[str, Value] = {}
    for key, value in parameters.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            found |= _parameters(value, where, f"{name}.")
        else:
            found[name] = _value(value, f"{where}: parameter '{name}'")
    return found


def _value(value: Any, what: str) -> Value:
    """What a ROS parameter can hold; a list of whole numbers and others is one of numbers."""
    items = value if isinstance(value, list) else [value]
    kinds = {type(item) for item in items}
    if kinds == {int, float}:
        items, kinds = [float(item) for item in items], {float}
    if len(kinds) != 1 or not kinds < {str, bool, int, float} or value == "":
        raise UserError(
            f"{what} is {_shown(value)}; expected text, a number, true or false, or a list of one of these."
        )
    if kinds == {float} and not all(map(math.isfinite, items)):
        raise UserError(f"{what} is {_shown(value)}; expected finite numbers.")
    return items if isinstance(value, list) else items[0]


def _refuse_unknown(given: Iterable[Any], known: tuple[str, ...], where: str) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1, 0.5)
            advice = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known)}."
            raise UserError(f"{where}: '{key}' is unknown; {advice}")


def _shown(value: Any) -> str:
    return "missing" if value is None else repr(value)
