# SPDX-License-Identifier: Apache-2.0
"""The approximate synchroniser of message_filters, in the place of our own pairing.

For systems whose other nodes pair with message_filters. It does not survive looped bags, and counts nothing
but its pairs.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from rclpy.duration import Duration
from rclpy.time import Time
from std_msgs.msg import Header

from samseg_ros.flow.pairing import PairingReport
from samseg_ros.flow.window import Spread

T = TypeVar("T")


class MessageFiltersPairing(Generic[T]):
    """As :class:`samseg_ros.flow.pairing.Pairing`. ValueError where message_filters is not installed."""

    def __init__(self, tolerance: float, capacity: int = 16) -> None:
        try:
            import message_filters
        except ImportError as error:
            raise ValueError(
                "sync.method is message_filters, but that package is not installed; install it "
                "(ros-jazzy-message-filters) or set sync.method to nearest."
            ) from error
        self.tolerance = tolerance
        self._capacity = capacity
        self._filters = message_filters
        self._skews: deque[float] = deque(maxlen=300)
        self._paired = 0
        self._made: list[tuple[T, T]] = []
        self.reset()

    def add(self, stream: int, stamp: int, item: T) -> list[tuple[T, T]]:
        """The pairs that come of this frame of stream 0 or 1; `stamp` in ns."""
        self._synchroniser.slop = Duration(seconds=self.tolerance)
        self._made = []
        header = Header(stamp=Time(nanoseconds=stamp).to_msg())
        self._inputs[stream].signalMessage(_Stamped(header, stamp, item))
        return self._made

    def reset(self) -> None:
        """Forget the frames that wait."""
        self._inputs = (self._filters.SimpleFilter(), self._filters.SimpleFilter())
        self._synchroniser: Any = self._filters.ApproximateTimeSynchronizer(
            self._inputs, self._capacity, self.tolerance
        )
        self._synchroniser.registerCallback(self._keep)

    def report(self) -> PairingReport:
        skew = Spread(*np.percentile(self._skews, [50, 95, 100]).tolist()) if self._skews else None
        return PairingReport(self._paired, skew, ({}, {}), (0, 0), 0)

    def _keep(self, first: _Stamped, second: _Stamped) -> None:
        self._made.append((first.item, second.item))
        self._skews.append(abs(first.stamp - second.stamp) * 1e-6)
        self._paired += 1


class _Stamped(NamedTuple):
    """What message_filters takes for a message: anything with a header."""

    header: Header
    stamp: int
    item: Any
