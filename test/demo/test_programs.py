# SPDX-License-Identifier: Apache-2.0
"""Programs of a demonstration: watched, quoted, and never left behind."""

import os
import time

import pytest

from samseg_ros.demo.programs import Programs
from samseg_ros.errors import UserError

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(99)
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""
OBEDIENT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("up", flush=True)
time.sleep(99)
"""


@pytest.fixture
def programs(tmp_path):
    with Programs(tmp_path / "logs", tmp_path / "kept", os.environ) as programs:
        yield programs


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_that_ends_badly_is_quoted_with_its_log(programs):
    with pytest.raises(UserError, match=r"render failed: no street today \(see .*kept/render.log\)"):
        programs.run({"render": ["-c", "print('one'); raise SystemExit('no street today')"]}, lambda: None)


def test_programs_run_side_by_side(programs, tmp_path):
    ticks = []
    code = "import time; time.sleep(0.5)"
    began = time.monotonic()
    programs.run({"a": ["-c", code], "b": ["-c", code], "c": ["-c", code]}, lambda: ticks.append(1))
    assert ticks
    assert time.monotonic() - began < 20
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["a.log", "b.log", "c.log"]


def test_waiting_ends_when_one_that_is_needed_has_ended(programs):
    broken = programs.start("node", ["-c", "raise SystemExit('no such bundle')"])
    with pytest.raises(UserError, match=r"node ended \(status 1\) before recording: no such bundle"):
        programs.until(lambda: False, "recording", 20, needed=[broken])


def test_waiting_ends_when_time_is_up(programs):
    node = programs.start("node", ["-c", STUBBORN])
    programs.until(lambda: node.says("up"), "starting", 20, needed=[node])
    with pytest.raises(UserError, match=r"node gave no sign of recording in 0.2 s; it last said: up"):
        programs.until(lambda: False, "recording", 0.2, needed=[node])


@pytest.mark.parametrize("end", [None, KeyboardInterrupt, UserError])
def test_none_outlives_it_even_if_it_ignores_sigterm(tmp_path, end):
    pids = []

    def run():
        with Programs(tmp_path / "logs", tmp_path / "kept", os.environ) as programs:
            node = programs.start("node", ["-c", PARENT, STUBBORN])
            programs.until(lambda: node.says("up"), "starting", 20, needed=[node])
            pids.extend([node._process.pid, int(node.log.read_text().split()[0])])
            if end is not None:
                raise end("now")

    if end is None:
        run()
    else:
        with pytest.raises(end):
            run()
    parent, child = pids
    assert not alive(parent)
    deadline = time.monotonic() + 5
    while alive(child) and not is_zombie(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child) or is_zombie(child)


def is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_stop_lets_it_end_in_good_order(programs):
    recorder = programs.start("record", ["-c", OBEDIENT])
    programs.until(lambda: recorder.says("up"), "starting", 20, needed=[recorder])
    recorder.stop()
    programs.until(lambda: recorder.status() is not None, "ending", 20, needed=[])
    assert recorder.status() == 0
