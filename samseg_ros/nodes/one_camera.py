# SPDX-License-Identifier: Apache-2.0
"""A single camera, 360° or ordinary: ``~/image`` through a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rclpy.node import Node

from samseg_ros.bundle import Bundle
from samseg_ros.engine import Engine
from samseg_ros.nodes.diagnostics import Finding
from samseg_ros.nodes.image_input import Arrival, ImageInput
from samseg_ros.nodes.outputs import Segmented
from samseg_ros.nodes.parameters import Parameter, Settings
from samseg_ros.pipeline import Pipeline

MakePipeline = Callable[[Bundle, Engine, Settings], Pipeline]


class OneCamera:
    """Cameras of a segmentation node that has one; `make_pipeline` is called at configure."""

    def __init__(self, task: str, parameters: tuple[Parameter, ...], make_pipeline: MakePipeline) -> None:
        self.task = task
        self.parameters = parameters
        self.inputs: list[ImageInput] = []
        self._make_pipeline = make_pipeline
        self._pipeline: Pipeline

    def check(self, settings: Settings) -> None:
        """Any values go together."""

    def prepare(self, bundle: Bundle, engine: Engine, settings: Settings) -> None:
        self._pipeline = self._make_pipeline(bundle, engine, settings)
        self._pipeline.warm_up()

    def release(self) -> None:
        if hasattr(self, "_pipeline"):
            del self._pipeline

    def open(self, node: Node, settings: Settings, keep: Callable[[Arrival], None]) -> None:
        self._pipeline.warn = node.get_logger().warning
        self.inputs = [ImageInput(node, "~/image", settings["image_transport"], keep)]

    def close(self) -> None:
        for source in self.inputs:
            source.close()
        self.inputs = []

    def segment(self, frame: Arrival, confidence: bool) -> Segmented | None:
        image = self.inputs[0].pixels(frame)
        if image is None:
            return None
        return Segmented(frame.message.header, image, self._pipeline.run(image, confidence), frame.at)

    def skipped(self) -> None:
        """Nothing is remembered of frames."""

    def time_jumped(self) -> None:
        """Nothing is remembered from one frame to the next."""

    def findings(self, now: float) -> Sequence[Finding]:
        return ()

    def values(self, now: float) -> Sequence[tuple[str, str]]:
        return ()
