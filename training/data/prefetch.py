# SPDX-License-Identifier: Apache-2.0
"""Batches made ahead of time in background threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")


def prefetch(make: Callable[[int], Batch], first: int, workers: int = 1) -> Iterator[Batch]:
    """Yield make(first), make(first + 1), … without end, two for each worker made in advance, at least four.

    Threads suffice: OpenCV and numpy release the interpreter while they work. `workers` 0 makes each batch
    when it is asked for. What `make` raises is raised here, in order.
    """
    if workers == 0:
        step = first
        while True:
            yield make(step)
            step += 1
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    ahead = max(4, 2 * workers)
    waiting: deque[Future[Batch]] = deque()
    step = first
    try:
        while True:
            while len(waiting) < ahead:
                waiting.append(pool.submit(make, step))
                step += 1
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
