# SPDX-License-Identifier: Apache-2.0
"""Steps of a study as processes of their own."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from training.study import process


def test_a_process_tells_how_much_memory_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hungry.py").write_text("taken = bytearray(200_000_000)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with process.alone(tmp_path / "run") as lock:
        assert lock is not None
        process.measured("hungry", [], tmp_path, lock)
    assert 0.2 <= json.loads((tmp_path / "memory.json").read_text())["peak_memory_gb"] < 4


def test_a_failure_names_the_command() -> None:
    with pytest.raises(ValueError, match=r"`python -m json\.tool no_such_file` ended with [12], see above"):
        process.command("json.tool", ["no_such_file"])


def test_a_process_that_was_interrupted_interrupts_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "interrupted.py").write_text("raise SystemExit(130)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        process.command("interrupted", [])


def test_a_folder_stays_taken_while_a_process_that_lost_its_study_works_there(tmp_path: Path) -> None:
    with process.alone(tmp_path / "run") as lock:
        assert lock is not None
        left = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
    with (tmp_path / ".run.lock").open("w") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left.communicate(b"\n")
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_being_asked_to_end_is_an_interruption() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), process.ends_on_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
