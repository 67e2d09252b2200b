# SPDX-License-Identifier: Apache-2.0
"""The nodes' parameters: what each is, what it may be, and what is said when it is not."""

from __future__ import annotations

import array
import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from samseg_ros.engine import PRECISIONS, RUNTIMES
from samseg_ros.engine.acceptance import MIN_AGREEMENT
from samseg_ros.pipeline import OUTPUT_SIZES

Settings = Mapping[str, Any]

# Declared by rclpy itself, where a launch file or a user may well set them.
_OF_RCLPY = ("use_sim_time", "start_type_description_service")
_OF_RCLPY_PREFIXES = ("qos_overrides.",)  # nodes/qos.py warns of those that have no effect

# What users name (a view, a group of classes) becomes part of a topic's name.
_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Parameter:
    """One parameter. Its type is that of `default`; `live` ones can be set while the node is at work.

    A tuple is a list of text, whole numbers or numbers, `length` of them (None: one or more), and limits hold
    for each. A ``*`` in the name stands for names that the user makes up: ``views.*.yaw`` is a parameter of
    every view that is named, and there is none where no view is.
    """

    name: str
    default: str | bool | int | float | tuple[str, ...] | tuple[int, ...] | tuple[float, ...]
    description: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    live: bool = False
    length: int | None = None

    def expectation(self) -> str:
        """What it takes, as the end of a sentence: ``one of: raw, compressed``."""
        if self.choices:
            return f"one of: {', '.join(self.choices)}"
        if isinstance(self.default, tuple):
            kind = {str: "text", int: "whole numbers", float: "numbers"}[type(self.default[0])]
            kind = f"a list of {kind}" if self.length is None else f"a list of {self.length} {kind}"
        else:
            kind = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}[
                type(self.default)
            ]
        if self.minimum is None or self.maximum is None:
            return kind
        return f"{kind} from {self.minimum:g} to {self.maximum:g}"

    def accept(self, value: Any) -> Any:
        """The value to use (a whole number may stand for a float); ValueError says what is wrong with it."""
        if isinstance(self.default, float) and type(value) is int:
            value = float(value)
        elif isinstance(self.default, tuple) and isinstance(value, list | tuple | array.array):
            value = tuple(value)  # rclpy gives lists, and arrays for numbers
            if isinstance(self.default[0], float) and all(type(one) in (int, float) for one in value):
                value = tuple(map(float, value))
        if type(value) is not type(self.default) or not self._takes(value):
            raise ValueError(f"parameter '{self.name}' is {_shown(value)}; expected {self.expectation()}.")
        return value

    def _takes(self, value: Any) -> bool:
        """Whether a value of the right type is one of those that are possible."""
        if isinstance(self.default, tuple):
            kind, length = type(self.default[0]), self.length or max(1, len(value))
            return len(value) == length and all(type(one) is kind and self._takes_one(one) for one in value)
        return self._takes_one(value)

    def _takes_one(self, value: Any) -> bool:
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return (
            (not self.choices or value in self.choices)
            and value != ""
            and not (isinstance(value, int | float) and not low <= value <= high)  # nan is nowhere
        )

    def descriptor(self) -> ParameterDescriptor:
        """The description and range that `ros2 param describe` shows."""
        described = ParameterDescriptor(description=self.description)
        if self.choices or isinstance(self.default, tuple):
            described.additional_constraints = self.expectation()
        elif self.minimum is not None and self.maximum is not None:
            if isinstance(self.default, float):
                limits = FloatingPointRange(from_value=float(self.minimum), to_value=float(self.maximum))
                described.floating_point_range = [limits]
            else:
                described.integer_range = [
                    IntegerRange(from_value=int(self.minimum), to_value=int(self.maximum))
                ]
        return described


def of_every_node(bundle: str) -> tuple[Parameter, ...]:
    """The parameters that all nodes have; `bundle` is the default one."""
    return (
        Parameter("bundle", bundle, "Model bundle: its directory, or the name of one that is installed."),
        Parameter(
            "device", "auto", "Where to infer: auto, or a name that the runtime knows (CPU, GPU, DLA, NPU)."
        ),
        Parameter(
            "runtime", "auto", "Inference runtime; auto takes the best installed.", ("auto", *RUNTIMES)
        ),
        Parameter(
            "precision",
            "auto",
            "What to compute in; auto takes what is fast on the device. int8 needs `samseg engine` first.",
            PRECISIONS,
        ),
        Parameter(
            "min_agreement",
            MIN_AGREEMENT,
            "Share of confident pixels that must get the reference's labels, on NVIDIA GPUs, in int8, and "
            "with ONNX Runtime below fp32; else a more exact precision is taken.",
            (),
            0,
            1,
        ),
        Parameter("threads", 0, "CPU threads of the runtime; 0 leaves it to the runtime.", (), 0, 1024),
        Parameter(
            "output_size",
            "camera",
            "Size of the outputs: the camera's, or the network's (smaller, cheaper).",
            OUTPUT_SIZES,
        ),
        Parameter(
            "min_confidence",
            0.0,
            "Probability below which a pixel is unlabelled: 255 in the mask and in all that is made of it.",
            (),
            0,
            1,
            live=True,
        ),
        Parameter(
            "output.mode",
            "masks",
            "What becomes of output.classes: a mask for each group (masks), or one mask with an id for each "
            "group (labels).",
            ("masks", "labels"),
        ),
        Parameter(
            "output.classes.*",
            ("road",),
            "Classes that belong to this group, by the names that the bundle has.",
        ),
        Parameter(
            "overlay_alpha", 0.5, "Overlay: 0 shows the picture only, 1 the mask only.", (), 0, 1, live=True
        ),
        Parameter("autostart", True, "Configure and activate without being asked, when the process starts."),
        Parameter("diagnostics_period", 1.0, "Seconds between reports on /diagnostics.", (), 0.1, 60),
    )


def transport(name: str, topic: str) -> Parameter:
    """The parameter that says how the images of one topic come."""
    return Parameter(
        name,
        "raw",
        f"raw subscribes to {topic}, compressed to {topic}/compressed (JPEG, PNG).",
        ("raw", "compressed"),
    )


class Parameters(Mapping[str, Any]):
    """Declares parameters on a node and guards them; as a mapping, their values as they are now.

    A node must come up even with a wrong value from the command line or a file, so that it can say so and
    be put right: such a value is remembered, and refused by :meth:`settings`. `check` raises ValueError where
    values do not go together; live changes that it refuses are refused. The node must be created with
    ``automatically_declare_parameters_from_overrides``, which is how rclpy tells what it was given.
    """

    def __init__(
        self, node: Node, parameters: Iterable[Parameter], check: Callable[[Settings], None]
    ) -> None:
        self._node = node
        self._check = check
        self._wrong: dict[str, str] = {}
        self._locked = ""
        known = tuple(parameters)
        given = node.get_parameters_by_prefix("")
        self._parameters = {parameter.name: parameter for parameter in _for_each_name(known, given)}
        self._warn_of_unknown(given, [*self._parameters, *(p.name for p in known if "*" in p.name)])
        for parameter in self._parameters.values():
            self._declare(parameter)
        node.add_on_set_parameters_callback(self._on_set)
        if hasattr(node, "add_pre_set_parameters_callback"):  # Iron and later
            node.add_pre_set_parameters_callback(self._whole_numbers_to_floats)

    def settings(self) -> Settings:
        """All values by name, live; ValueError names each that is wrong and says what it may be."""
        if self._wrong:
            raise ValueError(" ".join(self._wrong.values()))
        return self

    def lock(self, reason: str) -> None:
        """From now on only live parameters can be set, others are refused for this `reason`; "" unlocks."""
        self._locked = reason

    def __getitem__(self, name: str) -> Any:
        default = self._parameters[name].default
        value = self._node.get_parameter(name).value
        return tuple(value) if isinstance(default, tuple) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def _declare(self, parameter: Parameter) -> None:
        value: Any = parameter.default
        if self._node.has_parameter(parameter.name):
            given = self._node.get_parameter(parameter.name).value
            self._node.undeclare_parameter(parameter.name)
            try:
                value = parameter.accept(given)
            except ValueError as error:
                self._wrong[parameter.name] = str(error)
        if isinstance(value, tuple):
            value = list(value)  # the only form in which rclpy takes one
        self._node.declare_parameter(parameter.name, value, parameter.descriptor(), ignore_override=True)

    def _warn_of_unknown(self, given: Iterable[str], known: list[str]) -> None:
        for name in sorted(given):
            if name in known or name in _OF_RCLPY or name.startswith(_OF_RCLPY_PREFIXES):
                continue
            near = difflib.get_close_matches(name, known, 1, 0.5)
            advice = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known)}."
            self._node.get_logger().warning(
                f"parameter '{name}' is unknown to this node and has no effect; {advice}"
            )
            self._node.undeclare_parameter(name)

    def _on_set(self, changes: list[RosParameter]) -> SetParametersResult:
        known = [(self._parameters[c.name], c.value) for c in changes if c.name in self._parameters]
        for parameter, value in known:
            try:
                parameter.accept(value)
            except ValueError as error:
                return SetParametersResult(successful=False, reason=str(error))
            if self._locked and not parameter.live:
                reason = f"parameter '{parameter.name}' cannot change now: {self._locked}"
                return SetParametersResult(successful=False, reason=reason)
        if self._locked and known:
            try:
                self._check({**self, **{parameter.name: value for parameter, value in known}})
            except ValueError as error:
                return SetParametersResult(successful=False, reason=str(error))
        for parameter, _ in known:
            self._wrong.pop(parameter.name, None)
        return SetParametersResult(successful=True)

    def _whole_numbers_to_floats(self, changes: list[RosParameter]) -> list[RosParameter]:
        """``ros2 param set … overlay_alpha 1`` sends a whole number; rclpy would refuse its type."""
        return [
            RosParameter(change.name, value=float(change.value))
            if type(change.value) is int
            and change.name in self._parameters
            and isinstance(self._parameters[change.name].default, float)
            else change
            for change in changes
        ]


def under(settings: Settings, family: str) -> dict[str, Any]:
    """What the user has named: of ``views`` ``{"front": {"yaw": 0.0, …}}``, of ``output.classes``
    ``{"drivable": ("road",)}``. ValueError for a name that no topic can have.
    """
    found: dict[str, Any] = {}
    for key in settings:
        if key.startswith(f"{family}."):
            name, _, field = key[len(family) + 1 :].partition(".")
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"'{name}' in parameter '{key}' becomes part of a topic's name; use letters, digits and "
                    "_, beginning with a letter."
                )
            if field:
                found.setdefault(name, {})[field] = settings[key]
            else:
                found[name] = settings[key]
    return found


def _for_each_name(parameters: Iterable[Parameter], given: Iterable[str]) -> Iterator[Parameter]:
    """The parameters that a node has: those with a ``*`` once for each name that `given` ones put there."""
    for parameter in parameters:
        before, star, after = parameter.name.partition("*")
        if not star:
            yield parameter
            continue
        named = [name[len(before) :].partition(".") for name in given if name.startswith(before)]
        for name in sorted({name for name, dot, _ in named if bool(dot) == bool(after)}):
            yield replace(parameter, name=f"{before}{name}{after}")


def _shown(value: Any) -> str:
    return repr(list(value) if isinstance(value, tuple) else value)
