# SPDX-License-Identifier: Apache-2.0
"""A thread that works on the newest item only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from samseg_ros.flow.latest import Latest

T = TypeVar("T")


class Worker(Generic[T]):
    """Calls `work` with the newest item of its `inbox`, one at a time, in a thread of its own.

    What `work` raises goes to `report`, and the next item follows: one bad frame does not end the stream.
    """

    def __init__(self, work: Callable[[T], None], report: Callable[[Exception], None], name: str) -> None:
        self.inbox: Latest[T] = Latest()
        self.busy_since: float | None = None  # monotonic time of the item in hand; None where there is none
        self._work = work
        self._report = report
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """Finish the item in hand, take no more; False if that took longer than `timeout` seconds."""
        self.inbox.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self.inbox.closed:
            item = self.inbox.take()
            if item is None:
                continue
            self.busy_since = time.monotonic()
            try:
                self._work(item)
            except Exception as error:
                self._report(error)
            self.busy_since = None
            del item  # let go of the frame before the next one is waited for
