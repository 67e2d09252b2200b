# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time

from samseg_ros.flow.worker import Worker

DEADLINE = 60.0


def test_a_busy_worker_takes_the_newest_only() -> None:
    seen: list[int] = []
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work(item: int) -> None:
        seen.append(item)
        begun.set()
        go_on.wait(DEADLINE)
        if item == 4:
            done.set()

    worker = Worker(work, lambda error: None, "test")
    worker.start()
    worker.inbox.put(1)
    assert begun.wait(DEADLINE)
    for item in (2, 3, 4):
        worker.inbox.put(item)
    go_on.set()
    assert done.wait(DEADLINE)
    assert worker.stop(DEADLINE)
    assert seen == [1, 4]
    assert worker.inbox.dropped == 2


def test_an_error_is_reported_and_the_next_item_follows() -> None:
    errors: list[Exception] = []
    survived = threading.Event()

    def work(item: str) -> None:
        if item == "bad":
            raise KeyError(item)
        survived.set()

    def report(error: Exception) -> None:
        errors.append(error)
        worker.inbox.put("good")

    worker = Worker(work, report, "test")
    worker.start()
    worker.inbox.put("bad")
    assert survived.wait(DEADLINE)
    assert worker.stop(DEADLINE)
    assert [type(error) for error in errors] == [KeyError]


def test_stopping_says_when_the_item_in_hand_takes_too_long() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(item: int) -> None:
        begun.set()
        go_on.wait(DEADLINE)

    worker = Worker(work, lambda error: None, "test")
    worker.start()
    assert worker.busy_since is None
    worker.inbox.put(1)
    assert begun.wait(DEADLINE)
    assert worker.busy_since is not None and worker.busy_since <= time.monotonic()
    assert not worker.stop(0.01)
    go_on.set()
    assert worker.stop(DEADLINE)
    assert worker.busy_since is None
