# SPDX-License-Identifier: Apache-2.0
"""What a node knows about its own work since it was activated."""

from __future__ import annotations

from dataclasses import dataclass, field

from samseg_ros.flow.window import Window


@dataclass
class Statistics:
    """Totals, and what the last seconds were like. Written by one thread; any may read.

    Windows hold milliseconds at times of the monotonic clock. `latency` is from the stamp of the frame to
    the end of its publication; `overhead` from its arrival to there, less inference.
    """

    published: int = 0
    skipped: int = 0  # nobody had subscribed: not worked on
    failed: int = 0
    last_failure: str = ""
    latency: Window = field(default_factory=Window)
    overhead: Window = field(default_factory=Window)
    inference: Window = field(default_factory=Window)
    unmeasured: Window = field(default_factory=Window)  # frames whose stamp is not of the node's clock
    failures: Window = field(default_factory=Window)

    def frame_published(
        self, now: float, *, arrived: float, inference: float, latency: float | None = None
    ) -> None:
        """One frame is out. In seconds: `now` and `arrived` of the monotonic clock, the others durations."""
        self.published += 1
        self.inference.add(now, inference * 1e3)
        self.overhead.add(now, (now - arrived - inference) * 1e3)
        if latency is None:
            self.unmeasured.add(now)
        else:
            self.latency.add(now, latency * 1e3)

    def frame_failed(self, now: float, reason: str) -> None:
        self.failed += 1
        self.last_failure = reason
        self.failures.add(now)

    def forget_times(self) -> None:
        """After a jump of time: durations across it mean nothing. Totals stay."""
        for window in (self.latency, self.overhead, self.inference, self.unmeasured):
            window.clear()
