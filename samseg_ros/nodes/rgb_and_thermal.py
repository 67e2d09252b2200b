# SPDX-License-Identifier: Apache-2.0
"""An RGB and a thermal camera: paired, registered, and each of them enough where the other fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import NamedTuple

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header, String

from samseg_ros import registration
from samseg_ros.bundle import Bundle
from samseg_ros.engine import Engine
from samseg_ros.flow.modality import STREAMS, Modality
from samseg_ros.flow.pairing import Pairing
from samseg_ros.nodes import diagnostics, messages
from samseg_ros.nodes.diagnostics import ERROR, WARN, Finding
from samseg_ros.nodes.image_input import QOS, Arrival, ImageInput
from samseg_ros.nodes.message_filters_pairing import MessageFiltersPairing
from samseg_ros.nodes.outputs import Segmented
from samseg_ros.nodes.parameters import Parameter, Settings
from samseg_ros.nodes.qos import IMAGE_QOS, LATCHED_QOS, overridable
from samseg_ros.pipeline import RgbtPipeline
from samseg_ros.registration import Homography, Registration
from samseg_ros.rgbt import rgbt_mask
from samseg_ros.thermal import Scaling, ThermalError, ThermalScale

PAIRINGS: dict[str, type[Pairing[Arrival]] | type[MessageFiltersPairing[Arrival]]] = {
    "nearest": Pairing,
    "message_filters": MessageFiltersPairing,
}
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
CONTENTS = (messages.COLOR, messages.THERMAL)
ANNOUNCEMENTS = 0.1  # seconds between looks at which streams are alive


class Frame(NamedTuple):
    """A pair, or one frame of it; at least one of the two is there."""

    rgb: Arrival | None
    thermal: Arrival | None


class RgbAndThermal:
    """Cameras of a segmentation node that has two: ``~/rgb`` and ``~/thermal``.

    Masks are in the RGB camera's frame. A pair has the RGB frame's header; thermal alone has the thermal
    frame's stamp and, once it is known, the RGB camera's frame_id.
    """

    task = "rgbt"

    def __init__(self, parameters: tuple[Parameter, ...]) -> None:
        self.parameters = parameters
        self.inputs: list[ImageInput] = []
        self._pipeline: RgbtPipeline
        self._modality: Modality
        self._pairing: Pairing[Arrival] | MessageFiltersPairing[Arrival]
        self._settings: Settings
        self._close: list[Callable[[], object]] = []

    def check(self, settings: Settings) -> None:
        scaling(settings)

    def prepare(self, bundle: Bundle, engine: Engine, settings: Settings) -> None:
        scale, registered = ThermalScale(scaling(settings)), registration_of(settings)
        self._pipeline = RgbtPipeline(bundle, engine, scale, registered, settings["output_size"])
        self._pipeline.warm_up()

    def release(self) -> None:
        if hasattr(self, "_pipeline"):
            del self._pipeline

    def open(self, node: Node, settings: Settings, keep: Callable[[Frame], None]) -> None:
        now = time.monotonic()
        self._settings = settings
        self._keep = keep
        self._modality = Modality(
            settings["modality"], settings["stream_timeout"], settings["frozen_timeout"], now
        )
        self._pairing = PAIRINGS[settings["sync.method"]](settings["sync.tolerance"], settings["sync.queue"])
        self._pipeline.scale.reset()
        self._frame_id = ""
        self._alone = 0.0  # when the last RGB frame arrived that was segmented alone
        self._held_back = False  # the last pair came too late to be segmented
        self._info: CameraInfo | None = None
        self._announced = ""
        # Each can be taken back as soon as it is there: what comes after it may fail.
        self._infos = node.create_publisher(
            CameraInfo, "~/camera_info", **overridable(node, "~/camera_info", "publisher", IMAGE_QOS)
        )
        self._close.append(partial(node.destroy_publisher, self._infos))
        self._modalities = node.create_publisher(
            String, "~/modalities", **overridable(node, "~/modalities", "publisher", LATCHED_QOS)
        )
        self._close.append(partial(node.destroy_publisher, self._modalities))
        informed = node.create_subscription(
            CameraInfo,
            "~/rgb/camera_info",
            callback=self._learn,
            **overridable(node, "~/rgb/camera_info", "subscription", QOS),
        )
        self._close.append(partial(node.destroy_subscription, informed))
        timer = node.create_timer(
            ANNOUNCEMENTS, self._announce, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._close.append(partial(node.destroy_timer, timer))
        self._by_stream: dict[int, ImageInput] = {}
        for stream, (name, content) in enumerate(zip(STREAMS, CONTENTS, strict=True)):
            if settings["modality"] in ("both", "prefer_both", name):
                transport, receive = settings[f"{name}_transport"], partial(self._receive, stream)
                self._by_stream[stream] = ImageInput(node, f"~/{name}", transport, receive, content)
                self.inputs.append(self._by_stream[stream])

    def close(self) -> None:
        for source in self.inputs:
            source.close()
        for close in reversed(self._close):
            close()
        self.inputs, self._close = [], []

    def skipped(self) -> None:
        for watch in self._modality.watches:
            watch.forget()

    def time_jumped(self) -> None:
        self._pipeline.scale.reset()  # the pairing sees by the stamps themselves where they go back

    # In the executor's thread.

    def _receive(self, stream: int, arrival: Arrival) -> None:
        route = self._modality.arrived(stream, arrival.at)
        stamp = Time.from_msg(arrival.message.header.stamp).nanoseconds
        if route.alone:
            if stream == 0:
                self._alone = arrival.at
            self._keep(Frame(arrival, None) if stream == 0 else Frame(None, arrival))
        if not route.pair:
            self._pairing.reset()  # what waits for the silent stream is older than this frame
            return
        self._pairing.tolerance = self._settings["sync.tolerance"]
        for rgb, warm in self._pairing.add(stream, stamp, arrival):
            self._modality.paired(arrival.at)
            # Masks never go back: a pair is dropped whose RGB frame came no later than the last one that was
            # segmented alone. (Stamps would not tell: they go back where a bag loops.)
            self._held_back = rgb.at <= self._alone
            if not self._held_back:
                self._keep(Frame(rgb, warm))

    def _learn(self, info: CameraInfo) -> None:
        self._info = info

    def _announce(self) -> None:
        current = self._modality.current(time.monotonic())
        if current != self._announced:
            self._announced = current
            self._modalities.publish(String(data=current))

    # In the worker's thread.

    def segment(self, frame: Frame, confidence: bool) -> Segmented | None:
        if frame.rgb is not None:
            self._frame_id = frame.rgb.message.header.frame_id
        self._pipeline.scale.scaling = scaling(self._settings)
        rgb, thermal = (self._pixels(stream, arrival) for stream, arrival in enumerate(frame))
        made = rgbt_mask(self._pipeline, self._modality, rgb, thermal, time.monotonic(), confidence)
        if made is None:
            return None
        used = frame.rgb if made.used[0] else frame.thermal
        assert used is not None  # what was used was given
        header = used.message.header
        if not made.used[0] and self._rgb_frame_id:
            header = Header(stamp=header.stamp, frame_id=self._rgb_frame_id)
        if self._info is not None:
            height, width = made.result.mask.shape
            self._infos.publish(messages.camera_info(header, self._info, width, height))
        return Segmented(header, made.shown, made.result, max(one.at for one in frame if one is not None))

    @property
    def _rgb_frame_id(self) -> str:
        """Empty before the RGB camera has said anything."""
        return self._frame_id or (self._info.header.frame_id if self._info is not None else "")

    def _pixels(self, stream: int, arrival: Arrival | None) -> np.ndarray | None:
        """None where there are none to make use of, which the modality is told: the other goes on alone."""
        if arrival is None:
            return None
        source = self._by_stream[stream]
        pixels = source.pixels(arrival)
        if pixels is not None and stream == 1:
            try:
                self._pipeline.scale.check(pixels)
            except ThermalError as error:
                source.refuse(error)
                pixels = None
        if pixels is None:
            self._modality.watches[stream].unusable()
        return pixels

    # For the report.

    def findings(self, now: float) -> Sequence[Finding]:
        trouble = self._modality.trouble(now)
        if self._held_back and not trouble:
            return ((WARN, "Pairs come late: no masks until one is newer than what was segmented alone."),)
        if not trouble:
            return ()
        return ((ERROR if self._modality.current(now) == "none" else WARN, trouble),)

    def values(self, now: float) -> Sequence[tuple[str, str]]:
        report = self._pairing.report()
        return (
            ("modality", self._modality.current(now)),
            ("paired", str(report.paired)),
            *diagnostics.spread("skew", report.skew),
            *(
                (f"unmatched {name}, {reason}", str(count))
                for name, reasons in zip(STREAMS, report.unmatched, strict=True)
                for reason, count in reasons.items()
            ),
            ("jumps of stamps", str(report.jumps)),
        )


def registration_of(settings: Settings) -> Registration:
    """How thermal lies on RGB, as the parameters say; ValueError where they contradict each other."""
    path, matrix = settings["registration.file"], settings["registration.homography"]
    thermal, rgb = settings["registration.thermal_size"], settings["registration.rgb_size"]
    if path != "none":
        return registration.load(path)
    if 0 not in (*thermal, *rgb):
        return Registration(Homography(matrix, thermal[::-1], rgb[::-1]))
    if matrix != IDENTITY or any((*thermal, *rgb)):
        raise ValueError(
            "registration.homography is for pictures of certain sizes; set registration.thermal_size and "
            "registration.rgb_size as well, each [width, height]."
        )
    return registration.NONE


def scaling(settings: Settings) -> Scaling:
    """How thermal values become 8 bits, as the parameters say."""
    return Scaling(**{field.name: settings[f"thermal.{field.name}"] for field in fields(Scaling)})
