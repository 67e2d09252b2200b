# SPDX-License-Identifier: Apache-2.0
"""A mailbox with one slot: the newest frame wins, so the age of an output stays bounded under any load."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Hands the newest item from one thread to another; what is not taken in time is dropped and counted."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self._received = 0
        self._dropped = 0

    def put(self, item: T) -> None:
        """Leave an item, in place of one that still waits. After close() it is ignored. Never blocks long."""
        with self._ready:
            if self._closed:
                return
            self._received += 1
            self._dropped += self._item is not None
            self._item = item
            self._ready.notify()

    def take(self, timeout: float | None = None) -> T | None:
        """The newest item, waiting up to `timeout` seconds (None: for ever); None if none came or closed."""
        with self._ready:
            self._ready.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            return item

    def clear(self) -> None:
        """Drop what waits (after a jump of time, say); it counts as dropped."""
        with self._ready:
            self._dropped += self._item is not None
            self._item = None

    def close(self) -> None:
        """Wake whoever waits; from now on take() gives None and put() does nothing."""
        with self._ready:
            self._closed = True
            self._item = None
            self._ready.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def received(self) -> int:
        """Items put so far."""
        return self._received

    @property
    def dropped(self) -> int:
        """Items that a newer one replaced before they were taken."""
        return self._dropped
