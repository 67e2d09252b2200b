# SPDX-License-Identifier: Apache-2.0
"""What the recording of a demonstration shows: which frames came back, when, and how good they are."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from samseg_ros.bags.read import IMAGE, Bag, deserialize
from samseg_ros.demo.drive import Drive, Frame, Stamp

_DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"


@dataclass(frozen=True)
class Pace:
    """What one frame takes in the pipeline, and the rate of the drive that follows from it."""

    inference_ms: float
    hz: float
    reason: str


@dataclass(frozen=True)
class Shot:
    """A frame that was sent, with what came back: `mask` uint8 [h, w] and `latency_ms`, or None for both."""

    index: int
    frame: Frame
    mask: np.ndarray | None
    latency_ms: float | None


@dataclass(frozen=True)
class Recording:
    """What was sent (`times`, a CSV of samseg replay) and the bag of what came back on `mask_topic`.

    `modalities_topic` is where a node of two cameras says which it relies on.
    """

    drive: Drive
    times: Path
    bag: Path
    mask_topic: str
    modalities_topic: str = ""

    def shots(self) -> Iterator[Shot]:
        """Every frame of the drive with its mask, matched by stamp."""
        sent = self._sent()
        order = {stamp: index for index, stamp in enumerate(self.drive.stamps())}
        masks = (mask for mask in self._masks() if mask[0] in order)
        arrived = next(masks, None)
        for index, frame in enumerate(self.drive.play()):
            while arrived is not None and order[arrived[0]] < index:
                arrived = next(masks, None)
            if arrived is None or arrived[0] != frame.stamp:
                yield Shot(index, frame, None, None)
            else:
                # A pair is only there when its second message is.
                complete = max(sent[message] for message in frame.sent)
                yield Shot(index, frame, arrived[2], (arrived[1] - complete) * 1e-6)

    def seconds(self) -> float:
        """From the first frame sent to the last."""
        sent = self._sent().values()
        return (max(sent) - min(sent)) * 1e-9

    def messages_sent(self) -> int:
        """Images handed to ROS, of all cameras."""
        return len(self._sent())

    def modalities(self) -> list[str]:
        """What the node said it relies on during the drive, one after the other."""
        if not self.modalities_topic:
            return []
        sent = self._sent().values()
        with Bag(self.bag) as bag:
            said = [
                (message.time, deserialize(message).data)
                for message in bag.messages({self.modalities_topic})
                if message.time <= max(sent)
            ]
        # What it said before there was anything to see is of no interest.
        return [text for time, text in said if time >= min(sent)] or [text for _, text in said[-1:]]

    def diagnostics(self) -> dict[str, str]:
        """The key-value pairs that the node published last, and ``received`` of all its cameras together."""
        last: dict[str, str] = {}
        with Bag(self.bag) as bag:
            topics = {c.topic for c in bag.channels if c.msgtype == _DIAGNOSTICS}
            if not topics:
                return {}
            for message in bag.messages(topics):
                for status in deserialize(message).status:
                    last.update({pair.key: pair.value for pair in status.values})
                    received = [pair.value for pair in status.values if pair.key.endswith("received")]
                    if received:
                        last["received"] = str(sum(map(int, received)))
        return last

    def _sent(self) -> dict[tuple[str, int], int]:
        """Topic and log time → wall time of sending, both in nanoseconds."""
        with self.times.open(newline="", encoding="utf-8") as file:
            return {
                (row["topic"], int(row["log_time_ns"])): int(row["sent_ns"]) for row in csv.DictReader(file)
            }

    def _masks(self) -> Iterator[tuple[Stamp, int, np.ndarray]]:
        """Stamp, arrival in nanoseconds and ids of each mask, in order."""
        with Bag(self.bag) as bag:
            for message in bag.messages({self.mask_topic}):
                if message.channel.msgtype != IMAGE:
                    continue
                content = deserialize(message)
                rows = np.asarray(content.data, np.uint8).reshape(content.height, content.step)
                yield (
                    (content.header.stamp.sec, content.header.stamp.nanosec),
                    message.time,
                    rows[:, : content.width],
                )


def percentiles(latencies_ms: list[float]) -> dict[str, float | None]:
    """``{"p50", "p95"}`` in milliseconds; None where there is nothing to measure."""
    if not latencies_ms:
        return {"p50": None, "p95": None}
    p50, p95 = np.percentile(latencies_ms, (50, 95))
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}


def where_dropped(
    frames_in: int, frames_out: int, lost: int | None, published: int | None
) -> dict[str, int | None]:
    """Where the missing frames went, by what the node counted: the three numbers sum to in minus out.

    ``before_node`` never got there: at most the `lost` messages. ``node`` were replaced by newer ones while
    it was busy, could not be read, or were half a pair. ``after_node`` are masks lost on the way to the
    recorder. None where the node did not say.
    """
    if lost is None or published is None:
        return {"before_node": None, "node": None, "after_node": None}
    before = min(lost, frames_in - published)
    return {
        "before_node": before,
        "node": frames_in - published - before,
        "after_node": published - frames_out,
    }
