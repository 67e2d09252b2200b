# SPDX-License-Identifier: Apache-2.0
"""The programs that the demonstration runs: each with its log, and none outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType

from samseg_ros import ending
from samseg_ros.errors import UserError

_PATIENCE_S = 3.0  # that a program has to end in good order


class Program:
    """A Python program that is running; its output goes to a log."""

    def __init__(
        self, name: str, arguments: list[str], log: Path, kept: Path, env: Mapping[str, str]
    ) -> None:
        """`log` is where the output goes, `kept` where it will lie when all is over."""
        self.name = name
        self.log = log
        self._kept = kept
        with log.open("wb") as output:
            # A session of its own: Ctrl-C in the terminal reaches it through us alone, and it can be killed
            # together with what it started.
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=dict(env),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def status(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to end in good order."""
        self._process.terminate()

    def end(self) -> None:
        """End it and all it started: in good order if it will, so that its shared memory is given back."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):  # by force, then
            self._process.wait(_PATIENCE_S)
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait()

    def says(self, text: str) -> bool:
        """Whether its log holds `text` by now."""
        return text in self.log.read_text(encoding="utf-8", errors="replace")

    def last_line(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"

    def failure(self, what: str) -> UserError:
        """The error that quotes what it said last."""
        return UserError(f"{self.name} {what}: {self.last_line().rstrip('.')} (see {self._kept}).")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Puts Ctrl-C and its like off until the block ends. For the main thread."""
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, *ending.signals())}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


class Programs:
    """Starts programs, watches them, and kills those that are left when the block ends."""

    def __init__(self, logs: Path, kept: Path, environment: Mapping[str, str]) -> None:
        """Logs are written to `logs`, and will lie in `kept` when all is over."""
        self._logs = logs
        self._kept = kept
        self._environment = environment
        self._running: list[Program] = []

    def __enter__(self) -> Programs:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _uninterrupted():
            for program in self._running:
                program.end()

    def start(self, name: str, arguments: list[str]) -> Program:
        """Start ``python ARGUMENTS``; its log is ``NAME.log``."""
        log = f"{name}.log"
        with _uninterrupted():  # or Ctrl-C could come when it runs but is not in the list yet
            program = Program(name, arguments, self._logs / log, self._kept / log, self._environment)
            self._running.append(program)
        return program

    def run(self, programs: Mapping[str, list[str]], tick: Callable[[], object]) -> None:
        """Run programs (name: arguments) side by side to their ends, calling `tick` now and then.

        UserError as soon as one has a bad end.
        """
        running = [self.start(name, arguments) for name, arguments in programs.items()]
        while running:
            for program in list(running):
                if (status := program.status()) is None:
                    continue
                if status != 0:
                    raise program.failure("failed")
                running.remove(program)
            tick()
            time.sleep(0.1)

    def until(self, done: Callable[[], bool], what: str, timeout_s: float, needed: list[Program]) -> None:
        """Wait until `done()`; UserError where a program it needs ends before, or when time is up."""
        deadline = time.monotonic() + timeout_s
        while not done():
            for program in needed:
                if program.status() is not None:
                    raise program.failure(f"ended (status {program.status()}) before {what}")
            if time.monotonic() > deadline:
                raise needed[0].failure(f"gave no sign of {what} in {timeout_s:g} s; it last said")
            time.sleep(0.05)
