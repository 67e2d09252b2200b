# SPDX-License-Identifier: Apache-2.0
"""Loads an engine, which may have to be built for minutes, and meanwhile says how far that is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

from samseg_ros.engine.engine import Engine, Tell

_CHECKS = 0.5  # seconds between looks whether to go on


def load_while_reporting(
    load: Callable[[Tell], Engine],
    report: Callable[[str], None],
    period: float,
    log: Tell,
    check: Callable[[], None] = lambda: None,
) -> Engine:
    """What `load` returns or raises, from a thread of its own.

    `report` is called here at every `period` in seconds with what `load` told last and for how long that has
    been: "building the engine, fp16, 34 s". `check` is called more often; where it raises, that is raised and
    the thread left to itself. `log` hears all that `load` tells.
    """
    loaded: Future[Engine] = Future()
    phase, since = "loading the engine", time.monotonic()

    def tell(what: str) -> None:
        nonlocal phase, since
        log(what)
        phase, since = what, time.monotonic()

    def work() -> None:
        try:
            loaded.set_result(load(tell))
        except BaseException as error:  # whatever it is, it is raised where the result is asked for
            loaded.set_exception(error)

    # A builder cannot be interrupted; the process need not wait for it to end.
    threading.Thread(target=work, name="loading", daemon=True).start()
    reported = time.monotonic()
    while not wait([loaded], min(period, _CHECKS)).done:
        check()
        if time.monotonic() - reported >= period:
            reported = time.monotonic()
            report(f"{phase}, {reported - since:.0f} s")
    return loaded.result()
