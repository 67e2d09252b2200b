# SPDX-License-Identifier: Apache-2.0
"""Semantic masks of an ordinary camera: ``~/image`` to ``~/mask``."""

from __future__ import annotations

from typing import Any

from samseg_ros.bundle import Bundle
from samseg_ros.engine import Engine
from samseg_ros.nodes import parameters
from samseg_ros.nodes.one_camera import OneCamera
from samseg_ros.nodes.parameters import Settings
from samseg_ros.nodes.process import run
from samseg_ros.nodes.segmentation_node import SegmentationNode
from samseg_ros.pipeline import Pipeline

PARAMETERS = (
    *parameters.of_every_node(bundle="street_b0_camera"),
    parameters.transport("image_transport", "~/image"),
)


def pipeline(bundle: Bundle, engine: Engine, settings: Settings) -> Pipeline:
    return Pipeline(bundle, engine, settings["output_size"])


def camera_node(**options: Any) -> SegmentationNode:
    """The node, not yet configured; `options` are those of SegmentationNode."""
    return SegmentationNode("camera_node", OneCamera("camera", PARAMETERS, pipeline), **options)


def main() -> None:
    run(camera_node)


if __name__ == "__main__":
    main()
