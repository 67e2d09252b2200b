# SPDX-License-Identifier: Apache-2.0
"""The launch file, as far as it can be read without starting anything, and the RViz configuration."""

from __future__ import annotations

import runpy

import pytest
import yaml

from samseg_ros import share


def test_rviz_shows_what_the_node_publishes() -> None:
    document = yaml.safe_load(share.find("config/perception.rviz").read_text(encoding="utf-8"))
    topics = {display["Topic"]["Value"] for display in document["Visualization Manager"]["Displays"]}
    assert {f"/panorama_node/{name}" for name in ("image", "overlay", "color")} <= topics


def test_each_argument_is_described_and_the_node_follows_them() -> None:
    launch = pytest.importorskip("launch", reason="launch is not installed; it comes with ROS 2 only")
    pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with ROS 2 only")
    if not hasattr(launch, "LaunchContext"):  # the repository's own folder of that name was found
        pytest.skip("launch is not installed; it comes with ROS 2 only")
    module = runpy.run_path(str(share.find("launch/panorama.launch.py")))
    arguments = [e for e in module["generate_launch_description"]().entities if hasattr(e, "default_value")]
    assert len(arguments) >= 10
    for argument in arguments:
        assert argument.description, argument.name
    context = launch.LaunchContext()
    for argument in arguments:
        argument.execute(context)
    context.launch_configurations.update(rviz="true", namespace="roof", image="/cam")
    node, rviz = module["start"](context)
    assert node.is_lifecycle_node if hasattr(node, "is_lifecycle_node") else True
    assert rviz is not None
