# SPDX-License-Identifier: Apache-2.0
"""One step of a study as a process of its own: its memory is given back, and can be measured."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from training.draft import draft

MEMORY = "memory.json"


def command(module: str, words: Sequence[str], lock: int | None = None) -> float:
    """`python -m MODULE WORDS…` on this terminal.

    Args:
        lock: of `alone`; the process holds it too, so that nobody takes over a folder in which a process that
            has lost its study still works.

    Returns:
        The most memory that it had at a time, in GB; not less than this process had when it started it, which
        Linux counts in.

    Raises:
        ValueError: it failed; it has said why on stderr.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words], pass_fds=() if lock is None else (lock,)
    )
    try:
        # Unlike Popen.wait it says how much memory this one process took.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode in (-signal.SIGINT, 128 + signal.SIGINT):
        raise KeyboardInterrupt
    if process.returncode != 0:
        raise ValueError(
            f"`python -m {module} {' '.join(words[:2])}` ended with {process.returncode}, see above: mend "
            "that and start the study again, which goes on from there."
        )
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e9


def measured(module: str, words: Sequence[str], run: Path, lock: int) -> None:
    """As `command`, and its peak memory goes to memory.json in the run folder.

    Of a run that was stopped and continued it is that of its last process.
    """
    peak = command(module, words, lock)
    with draft(run / MEMORY) as temporary:
        temporary.write_text(json.dumps({"peak_memory_gb": round(peak, 2)}) + "\n", encoding="utf-8")


@contextmanager
def alone(place: Path) -> Iterator[int | None]:
    """Of several studies with the same root, one at a time works on a folder or file.

    Yields:
        The descriptor of the lock, for processes that are started meanwhile; None where another study has
        it.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / f".{place.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            taken = True
        else:
            taken = False
        yield None if taken else lock.fileno()


@contextmanager
def ends_on_sigterm() -> Iterator[None]:
    """A study that is asked to end asks its process first, rather than leave it behind."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
