# SPDX-License-Identifier: Apache-2.0
"""Semantic masks of a 360° camera: ``~/image``, an equirectangular panorama or strip, to ``~/mask``."""

from __future__ import annotations

from typing import Any

from samseg_ros.bundle import Bundle
from samseg_ros.engine import Engine
from samseg_ros.nodes import parameters, view_outputs
from samseg_ros.nodes.one_camera import OneCamera
from samseg_ros.nodes.parameters import Parameter, Settings
from samseg_ros.nodes.process import run
from samseg_ros.nodes.segmentation_node import SegmentationNode
from samseg_ros.pipeline import Pipeline

PARAMETERS = (
    *parameters.of_every_node(bundle="street_b0_panorama"),
    parameters.transport("image_transport", "~/image"),
    Parameter(
        "vertical_fov",
        0.0,
        "Degrees that the image spans from top to bottom; 0 guesses it from the aspect ratio.",
        (),
        0,
        180,
    ),
    *view_outputs.PARAMETERS,
)


def pipeline(bundle: Bundle, engine: Engine, settings: Settings) -> Pipeline:
    return Pipeline(bundle, engine, settings["output_size"], settings["vertical_fov"] or None)


def panorama_node(**options: Any) -> SegmentationNode:
    """The node, not yet configured; `options` are those of SegmentationNode."""
    return SegmentationNode("panorama_node", OneCamera("panorama", PARAMETERS, pipeline), **options)


def main() -> None:
    run(panorama_node)


if __name__ == "__main__":
    main()
