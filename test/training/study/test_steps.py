# SPDX-License-Identifier: Apache-2.0
"""Steps of a study: what is done when, alone and beside another process."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from training.study import process, steps
from training.study.steps import Step, carry_out


@pytest.fixture
def done() -> list[str]:
    return []


def step(root: Path, name: str, done: list[str], *needs: Step) -> Step:
    def make(lock: int) -> None:
        (root / name).write_text("")
        done.append(name)

    return Step(root / name, root / name, make, tuple(one.proof for one in needs))


def test_what_another_process_works_on_is_passed_over_and_come_back_to(
    tmp_path: Path, done: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start = step(tmp_path, "start", done)
    row = step(tmp_path, "row", done, start)
    other = step(tmp_path, "other", done)
    with ExitStack() as elsewhere:
        elsewhere.enter_context(process.alone(start.place))

        def finish(seconds: float) -> None:
            assert done == ["other"]
            start.proof.write_text("")
            elsewhere.close()

        monkeypatch.setattr(steps.time, "sleep", finish)
        carry_out([start, row, other], lambda: None)
    assert done == ["other", "row"]
    assert "Waiting for other processes, which work on start." in capsys.readouterr().out


def test_what_another_process_gave_up_is_done_here(
    tmp_path: Path, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as elsewhere:
        elsewhere.enter_context(process.alone(tmp_path / "start"))
        monkeypatch.setattr(steps.time, "sleep", lambda seconds: elsewhere.close())
        carry_out([step(tmp_path, "start", done)], lambda: None)
    assert done == ["start"]


def test_a_step_that_two_rows_need_is_done_once_and_each_is_reported(tmp_path: Path, done: list[str]) -> None:
    start = step(tmp_path, "start", done)
    reports: list[int] = []
    rows = [step(tmp_path, name, done, start) for name in ("a", "b")]
    carry_out([start, rows[0], start, rows[1]], lambda: reports.append(len(done)))
    assert done == ["start", "a", "b"]
    assert reports == [0, 1, 2, 3, 3]


def test_a_step_that_leaves_nothing_behind_ends_the_study(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"run was left without results\.json: see above"):
        carry_out([Step(tmp_path / "run", tmp_path / "results.json", lambda lock: None)], lambda: None)
