# SPDX-License-Identifier: Apache-2.0
"""A peer that talks to real nodes over DDS, and what it needs to judge their answers."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header

DEADLINE = 60.0  # seconds; generous, for machines that are busy with something else
PATIENCE = 10.0  # seconds until an answer that did not come is taken for lost
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
LEVELS = {b"\x00": "OK", b"\x01": "WARN", b"\x02": "ERROR"}


class Peer:
    """A ROS node in this process: it publishes frames and collects what comes back."""

    def __init__(self, domain: int) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = Node("peer", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._reports = self.collect(DiagnosticArray, "/diagnostics")

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def collect(self, kind: type, topic: str, qos: Any = 10) -> list[Any]:
        """A list into which the topic's messages will come."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def until(self, met: Callable[[], Any], what: str, doing: Callable[[], Any] = lambda: None) -> Any:
        """Spin until `met` gives something true, calling `doing` a few times a second; returns it."""
        deadline, again = time.monotonic() + DEADLINE, 0.0
        while not (result := met()):
            assert time.monotonic() < deadline, f"waited {DEADLINE:g} s in vain for {what}"
            if time.monotonic() > again:
                doing()
                again = time.monotonic() + 0.3
            self._executor.spin_once(timeout_sec=0.02)
        return result

    def spin(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.02)

    def header(self, frame_id: str = "camera") -> Header:
        return Header(frame_id=frame_id, stamp=self.node.get_clock().now().to_msg())

    def camera(self, topic: str = "/panorama_node/image", qos: Any = 10, kind: type = Image) -> Any:
        """A publisher that somebody listens to."""
        publisher = self.node.create_publisher(kind, topic, qos)
        self.until(publisher.get_subscription_count, f"a subscriber of {topic}")
        return publisher

    def prime(self, publisher: Any, message: Any, outputs: list[Any]) -> None:
        """Publish until an output comes back, then forget what came: everybody has found everybody."""
        self.until(lambda: outputs, "the first output", lambda: publisher.publish(message))
        self.spin(0.5)
        outputs.clear()

    def diagnosis(
        self,
        matches: Callable[[Diagnosis], bool] = lambda _: True,
        what: str = "a report",
        doing: Callable[[], Any] = lambda: None,
    ) -> Any:
        """The next report of a segmentation node that matches: level, message, and values as a dict."""
        self._reports.clear()

        def found() -> Any:
            for report in self._reports:
                for status in report.status:
                    if "segmentation" in status.name and matches(Diagnosis(status)):
                        return Diagnosis(status)
            return None

        return self.until(found, f"a diagnosis: {what}", doing)

    def call(self, kind: type, service: str, request: Any) -> Any:
        """The service's answer. A request is sent anew where none comes: a server drops its answer if it has
        not found its client 0.1 s after the client found it (ros2/rclc issue 390)."""
        client = self.node.create_client(kind, service)
        self.until(client.service_is_ready, f"service {service}")
        sent: list[Any] = []

        def send() -> None:
            if time.monotonic() > len(sent) * PATIENCE + began:
                sent.append(client.call_async(request))

        began = time.monotonic()
        answered = self.until(
            lambda: next((one for one in sent if one.done()), None), f"an answer of {service}", send
        )
        self.node.destroy_client(client)
        return answered.result()

    def transition(self, name: str, wanted: str | int) -> bool:
        """By label or by id; whether the node made it."""
        request = ChangeState.Request()
        if isinstance(wanted, int):
            request.transition.id = wanted
        else:
            request.transition.label = wanted
        return self.call(ChangeState, f"/{name}/change_state", request).success

    def state(self, name: str) -> str:
        return self.call(GetState, f"/{name}/get_state", GetState.Request()).current_state.label

    def set(self, name: str, **values: Any) -> list[Any]:
        parameters = [Parameter(key, value=value).to_parameter_msg() for key, value in values.items()]
        request = SetParameters.Request(parameters=parameters)
        return self.call(SetParameters, f"/{name}/set_parameters", request).results


class Diagnosis:
    """A DiagnosticStatus, easier to ask."""

    def __init__(self, status: Any) -> None:
        self.level = LEVELS[status.level]
        self.message = status.message
        self.values = {pair.key: pair.value for pair in status.values}


class Running:
    """A node's process; `log` is what it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    def stop(self) -> None:
        stop(self.process)

    @property
    def log(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")


def stop(process: subprocess.Popen[Any]) -> None:
    """Interrupt it, so that it gives back its shared memory (70 MB that would stay); a hung one is killed."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ids(picture: np.ndarray) -> np.ndarray:
    """What the red bundle says of a picture."""
    return np.where(picture[..., 2] > 128, 8, 0).astype(np.uint8)


def array_of(message: Image) -> np.ndarray:
    channels = {"mono8": 1, "bgr8": 3}[message.encoding]
    assert message.step == message.width * channels
    flat = np.frombuffer(message.data, np.uint8)
    return flat.reshape(
        (message.height, message.width, 3) if channels == 3 else (message.height, message.width)
    )


def stamp(message: Any) -> tuple[int, int, str]:
    header = message.header
    return header.stamp.sec, header.stamp.nanosec, header.frame_id
