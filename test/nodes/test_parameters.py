# SPDX-License-Identifier: Apache-2.0
"""The table of parameters, and the files that set them."""

from __future__ import annotations

import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed; pip install 'samseg_ros[ros]'")

from samseg_ros import share
from samseg_ros.nodes import camera_node, panorama_node
from samseg_ros.nodes.parameters import Parameter

ALPHA = Parameter("alpha", 0.5, "", (), 0, 1)
SIZE = Parameter("size", "camera", "", ("camera", "network"))
THREADS = Parameter("threads", 0, "", (), 0, 64)
AUTOSTART = Parameter("autostart", True, "")


@pytest.mark.parametrize(
    ("parameter", "value"), [(ALPHA, 0.0), (ALPHA, 1), (SIZE, "network"), (THREADS, 64), (AUTOSTART, False)]
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
    ],
)
def test_wrong_values_are_named(parameter: Parameter, value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="parameter") as caught:
        parameter.accept(value)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("file", "parameters"),
    [("config/panorama.yaml", panorama_node.PARAMETERS), ("config/camera.yaml", camera_node.PARAMETERS)],
)
def test_the_files_hold_every_parameter_at_its_default(file: str, parameters: tuple[Parameter, ...]) -> None:
    document = yaml.safe_load(share.find(file).read_text(encoding="utf-8"))
    assert document == {"/**": {"ros__parameters": {p.name: p.default for p in parameters}}}


def test_every_parameter_says_what_it_is() -> None:
    for parameter in (*panorama_node.PARAMETERS, *camera_node.PARAMETERS):
        assert parameter.description.endswith("."), parameter.name
        assert parameter.accept(parameter.default) == parameter.default
