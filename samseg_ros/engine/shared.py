# SPDX-License-Identifier: Apache-2.0
"""One engine for all cameras that run the same graph: loaded once, used in turns."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

import numpy as np

from samseg_ros.bundle import Bundle
from samseg_ros.engine import runtimes
from samseg_ros.engine.acceptance import MIN_AGREEMENT
from samseg_ros.engine.engine import Engine, Prediction, Tell, log

LoadEngine = Callable[[Bundle, str, str, int, str, float, Tell], Engine]
Key = tuple[str, str, str, int, str, float]
HANGS = 10.0  # seconds


class SharedEngines:
    """The engines in use, one per graph and way of running it; `load` makes new ones.

    Each lives as long as somebody holds what :meth:`load` returned. One that has had a frame for longer than
    `HANGS` is given to nobody else. May be used from several threads.
    """

    def __init__(self, load: LoadEngine = runtimes.load) -> None:
        self._load = load
        self._changing = threading.Lock()
        self._loading: dict[Key, threading.Lock] = {}
        self._in_use: WeakValueDictionary[Key, _InTurns] = WeakValueDictionary()

    def load(
        self,
        bundle: Bundle,
        device: str = "auto",
        runtime: str = "auto",
        threads: int = 0,
        precision: str = "auto",
        min_agreement: float = MIN_AGREEMENT,
        tell: Tell = log,
    ) -> SharedEngine:
        """As :func:`samseg_ros.engine.load`, with its errors; loads only what nobody uses yet.

        Each user calls it for itself, and so gets an Engine of its own.
        """
        key = (bundle.sha256, device.upper(), runtime, threads, precision, min_agreement)
        with self._changing:
            loading = self._loading.setdefault(key, threading.Lock())
        # Who wants the same engine waits for it; who wants another one does not.
        with loading:
            engine = self._in_use.get(key)
            if engine is None or engine.hangs():
                engine = self._in_use[key] = _InTurns(
                    self._load(bundle, device, runtime, threads, precision, min_agreement, tell)
                )
        return SharedEngine(engine)


class SharedEngine:
    """One user's share of an engine; an Engine itself, and like any other not for two threads at once.

    Users are served in the order in which they ask, one frame each: who asks seldom waits for one frame of
    every other user at most, however often these ask.
    """

    def __init__(self, engine: _InTurns) -> None:
        self._engine = engine
        self.runtime = engine.engine.runtime
        self.version = engine.engine.version
        self.device = engine.engine.device
        self.precision = engine.engine.precision
        self.fallback = engine.engine.fallback
        self._prediction: Prediction | None = None

    def infer(self, **inputs: np.ndarray) -> Prediction:
        """As of any Engine. The arrays returned are this user's until its own next call."""
        with self._engine.turn() as engine:
            # The engine's own arrays are overwritten by the next user.
            self._prediction = _copy(engine.infer(**inputs), self._prediction)
        return self._prediction


class _InTurns:
    """An engine that is handed out in the order in which it was asked for; a plain lock promises no order."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._waiting: deque[object] = deque()  # the first of them has its turn
        self._moved_up = threading.Condition()
        self._since: float | None = None  # monotonic time of the present turn

    def hangs(self) -> bool:
        since = self._since
        return since is not None and time.monotonic() - since > HANGS

    @contextmanager
    def turn(self) -> Iterator[Engine]:
        ticket = object()
        with self._moved_up:
            self._waiting.append(ticket)
        try:
            with self._moved_up:
                self._moved_up.wait_for(lambda: self._waiting[0] is ticket)
                self._since = time.monotonic()
            yield self.engine
        finally:
            with self._moved_up:
                if self._waiting[0] is ticket:
                    self._since = None
                self._waiting.remove(ticket)
                self._moved_up.notify_all()


def _copy(prediction: Prediction, into: Prediction | None) -> Prediction:
    if into is None:
        return Prediction(prediction.labels.copy(), prediction.confidence.copy())
    np.copyto(into.labels, prediction.labels)
    np.copyto(into.confidence, prediction.confidence)
    return into
