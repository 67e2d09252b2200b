# SPDX-License-Identifier: Apache-2.0
"""What happened lately: the values of the last seconds, in bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """Median, 95th percentile and largest of some values, in their unit."""

    p50: float
    p95: float
    max: float


class Window:
    """Values with the time at which each came, kept for `seconds`, at most `capacity` of them.

    Times are seconds of any one clock that does not run backwards. For use by several threads.
    """

    def __init__(self, seconds: float = 10.0, capacity: int = 2048) -> None:
        self._seconds = seconds
        self._values: deque[tuple[float, float]] = deque(maxlen=capacity)
        self._lock = threading.Lock()

    def resize(self, seconds: float, capacity: int) -> None:
        """Remember for longer or shorter from now on."""
        with self._lock:
            self._seconds = seconds
            self._values = deque(self._values, maxlen=capacity)

    def add(self, now: float, value: float = 0.0) -> None:
        with self._lock:
            self._values.append((now, value))

    def clear(self) -> None:
        with self._lock:
            self._values.clear()

    def values(self, now: float) -> list[float]:
        """The values that came in the `seconds` before `now`, oldest first."""
        return [value for _, value in self._recent(now)]

    def rate(self, now: float) -> float:
        """How many came per second, from the oldest that is kept until `now`; it falls when they cease."""
        recent = self._recent(now)
        span = now - recent[0][0] if recent else 0.0
        return (len(recent) - 1) / span if span > 0.0 else 0.0

    def spread(self, now: float) -> Spread | None:
        """Median, 95th percentile and largest of the values; None where there are none."""
        values = self.values(now)
        return Spread(*np.percentile(values, [50, 95, 100]).tolist()) if values else None

    def _recent(self, now: float) -> list[tuple[float, float]]:
        with self._lock:
            while self._values and self._values[0][0] < now - self._seconds:
                self._values.popleft()
            return list(self._values)
