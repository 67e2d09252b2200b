# SPDX-License-Identifier: Apache-2.0
"""What a demonstration that went a known way leaves behind."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from recordings import PERIOD, START, half_red, header, image_message

from samseg_ros.bags.read import IMAGE, TYPES
from samseg_ros.bags.write import channel, new_bag
from samseg_ros.demo.drive import Drive, Stream
from samseg_ros.demo.measure import Recording

SENT = 1_800_000_000_000_000_000


def write_run(folder: Path, frames: int, latencies_ms: dict[int, float], said: dict[str, str]) -> Recording:
    """A drive, when it was sent, and masks of the frames in `latencies_ms`: ids all equal to the index."""
    images, masks = channel("/camera/image", IMAGE), channel("/camera/mask", IMAGE)
    with new_bag(folder / "drive") as bag:
        for i in range(frames):
            bag.write_message(images, START + i * PERIOD + 5, image_message(half_red(), START + i * PERIOD))
    with (folder / "sent.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("topic", "log_time_ns", "sent_ns"))
        rows.writerows(("/camera/image", START + i * PERIOD + 5, SENT + i * PERIOD) for i in range(frames))
    kind = TYPES.types
    with new_bag(folder / "masks") as bag:
        stray = mask_message(START - PERIOD, 99)
        bag.write_message(masks, SENT, stray)
        for i, latency in latencies_ms.items():
            arrival = SENT + i * PERIOD + round(latency * 1e6)
            bag.write_message(masks, arrival, mask_message(START + i * PERIOD, i))
        pairs = [kind["diagnostic_msgs/msg/KeyValue"](key=k, value=v) for k, v in said.items()]
        status = kind["diagnostic_msgs/msg/DiagnosticStatus"](
            level=0, name="", message="", hardware_id="", values=pairs
        )
        report = kind["diagnostic_msgs/msg/DiagnosticArray"](header=header(START), status=[status])
        bag.write_message(
            channel("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray"), SENT + 10 * PERIOD, report
        )
    drive = Drive(folder / "drive", (Stream("image", "/camera/image"),), frames, 10.0, "test")
    return Recording(drive, folder / "sent.csv", folder / "masks", "/camera/mask")


def mask_message(stamp: int, value: int) -> Any:
    return TYPES.types[IMAGE](
        header=header(stamp), height=4, width=6, encoding="mono8", is_bigendian=0, step=8,
        data=np.full(32, value, np.uint8),
    )  # fmt: skip


def record(folder: Path, drive: Drive, latencies_ms: dict[int, float], said: list[str]) -> Recording:
    """What comes back of a drive of two cameras: masks of the frames in `latencies_ms`, and what was `said`.

    The node says the first thing before the drive, the others in it.
    """
    frames = list(drive.play())
    wall = {message: SENT + message[1] - START for frame in frames for message in frame.sent}
    with (folder / "sent.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("topic", "log_time_ns", "sent_ns"))
        rows.writerows((*message, sent) for message, sent in wall.items())
    kind = TYPES.types
    text = channel("/rgbt/modalities", "std_msgs/msg/String")
    with new_bag(folder / "masks") as bag:
        for i, words in enumerate(said):
            bag.write_message(text, SENT + i - 1, kind["std_msgs/msg/String"](data=words))
        for i, latency in latencies_ms.items():
            arrival = max(wall[message] for message in frames[i].sent) + round(latency * 1e6)
            sec, nanosec = frames[i].stamp
            message = mask_message(sec * 10**9 + nanosec, i)
            bag.write_message(channel("/rgbt/mask", IMAGE), arrival, message)
        received = {"/rgb": "7", "/thermal": str(len(wall) - 8)}
        values = [("topic", t) for t in received] + [("received", n) for n in received.values()]
        values += [("published", str(len(latencies_ms))), ("paired", "5"), ("skew p50 [ms]", "4.0")]
        pairs = [kind["diagnostic_msgs/msg/KeyValue"](key=key, value=value) for key, value in values]
        status = kind["diagnostic_msgs/msg/DiagnosticStatus"](
            level=0, name="", message="", hardware_id="", values=pairs
        )
        report = kind["diagnostic_msgs/msg/DiagnosticArray"](header=header(START), status=[status])
        topic = channel("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")
        bag.write_message(topic, SENT + 10 * PERIOD, report)
    return Recording(drive, folder / "sent.csv", folder / "masks", "/rgbt/mask", "/rgbt/modalities")
