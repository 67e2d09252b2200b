# SPDX-License-Identifier: Apache-2.0
"""The nodes' parameters: what each is, what it may be, and what is said when it is not."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from samseg_ros.engine import RUNTIMES
from samseg_ros.pipeline import OUTPUT_SIZES

Settings = Mapping[str, Any]

# Declared by rclpy itself, where a launch file or a user may well set them.
_OF_RCLPY = ("use_sim_time", "start_type_description_service")
_OF_RCLPY_PREFIXES = ("qos_overrides.",)


@dataclass(frozen=True)
class Parameter:
    """One parameter. Its type is that of `default`; `live` ones can be set while the node is at work."""

    name: str
    default: str | bool | int | float
    description: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    live: bool = False

    def expectation(self) -> str:
        """What it takes, as the end of a sentence: ``one of: raw, compressed``."""
        if self.choices:
            return f"one of: {', '.join(self.choices)}"
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
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if (
            type(value) is not type(self.default)
            or (self.choices and value not in self.choices)
            or value == ""
            or (isinstance(value, int | float) and not low <= value <= high)  # nan is nowhere
        ):
            raise ValueError(f"parameter '{self.name}' is {value!r}; expected {self.expectation()}.")
        return value

    def descriptor(self) -> ParameterDescriptor:
        described = ParameterDescriptor(description=self.description)
        if self.choices:
            described.additional_constraints = self.expectation()
        if self.minimum is not None and self.maximum is not None:
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
            "device", "auto", "Where to infer: auto, or a name that the runtime knows (CPU, GPU, NPU)."
        ),
        Parameter(
            "runtime", "auto", "Inference runtime; auto takes the best installed.", ("auto", *RUNTIMES)
        ),
        Parameter("threads", 0, "CPU threads of the runtime; 0 leaves it to the runtime.", (), 0, 1024),
        Parameter(
            "image_transport",
            "raw",
            "raw subscribes to ~/image, compressed to ~/image/compressed (JPEG, PNG).",
            ("raw", "compressed"),
        ),
        Parameter(
            "output_size",
            "camera",
            "Size of the outputs: the camera's, or the network's (smaller, cheaper).",
            OUTPUT_SIZES,
        ),
        Parameter(
            "overlay_alpha", 0.5, "Overlay: 0 shows the picture only, 1 the mask only.", (), 0, 1, live=True
        ),
        Parameter("autostart", True, "Configure and activate without being asked, when the process starts."),
        Parameter("diagnostics_period", 1.0, "Seconds between reports on /diagnostics.", (), 0.1, 60),
    )


class Parameters:
    """Declares parameters on a node and guards them.

    A node must come up even with a wrong value from the command line or a file, so that it can say so and
    be put right: such a value is remembered, and refused by :meth:`settings`. The node must be created with
    ``automatically_declare_parameters_from_overrides``, which is how rclpy tells what it was given.
    """

    def __init__(self, node: Node, parameters: Iterable[Parameter]) -> None:
        self._node = node
        self._parameters = {parameter.name: parameter for parameter in parameters}
        self._wrong: dict[str, str] = {}
        self._locked = ""
        self._warn_of_unknown()
        for parameter in self._parameters.values():
            self._declare(parameter)
        node.add_on_set_parameters_callback(self._on_set)
        if hasattr(node, "add_pre_set_parameters_callback"):  # Iron and later
            node.add_pre_set_parameters_callback(self._whole_numbers_to_floats)

    def settings(self) -> dict[str, Any]:
        """All values by name; ValueError names each that is wrong and says what it may be."""
        if self._wrong:
            raise ValueError(" ".join(self._wrong.values()))
        return {name: self[name] for name in self._parameters}

    def lock(self, reason: str) -> None:
        """From now on only live parameters can be set, others are refused for this `reason`; "" unlocks."""
        self._locked = reason

    def __getitem__(self, name: str) -> Any:
        """The value of one parameter as it is now."""
        return self._node.get_parameter(name).value

    def _declare(self, parameter: Parameter) -> None:
        value: Any = parameter.default
        if self._node.has_parameter(parameter.name):
            given = self[parameter.name]
            self._node.undeclare_parameter(parameter.name)
            try:
                value = parameter.accept(given)
            except ValueError as error:
                self._wrong[parameter.name] = str(error)
        self._node.declare_parameter(parameter.name, value, parameter.descriptor(), ignore_override=True)

    def _warn_of_unknown(self) -> None:
        given = self._node.get_parameters_by_prefix("")
        for name in sorted(given):
            if name in self._parameters or name in _OF_RCLPY or name.startswith(_OF_RCLPY_PREFIXES):
                continue
            near = difflib.get_close_matches(name, self._parameters, 1, 0.5)
            advice = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(self._parameters)}."
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
