# SPDX-License-Identifier: Apache-2.0
"""Where a demonstration puts its results, and what it will not touch."""

import json
from pathlib import Path

import pytest

from samseg_ros.demo.folder import LOGS, REPORT, SUMMARY, results
from samseg_ros.errors import UserError


def run(out, text):
    with results(out) as folder:
        (folder / SUMMARY).write_text(json.dumps({"samseg_ros": text, "frames_in": 1}))
        (folder / LOGS).mkdir()
        (folder / LOGS / "node.log").write_text(text)


def test_a_second_run_replaces_the_first(tmp_path):
    out = tmp_path / "demo"
    run(out, "first")
    (out / REPORT).write_text("of the first")
    run(out, "second")
    assert json.loads((out / SUMMARY).read_text())["samseg_ros"] == "second"
    assert not (out / REPORT).exists()
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_somebody_elses_is_left_alone(tmp_path, kind):
    out = tmp_path / "demo"
    if kind == "folder":
        run(out, "first")
        (out / "thesis.tex").write_text("years of work")
    else:
        out.write_text("years of work")
    with pytest.raises(UserError, match="is no result of a demonstration; choose another --out"):
        run(out, "second")
    assert (out / "thesis.tex" if kind == "folder" else out).read_text() == "years of work"
    assert list(tmp_path.iterdir()) == [out]


def test_folders_with_names_like_ours_are_not_ours(tmp_path):
    for name in ("drive", "camera"):
        (tmp_path / "rec" / name).mkdir(parents=True)
        (tmp_path / "rec" / name / "precious").write_text("two hours of driving")
    with pytest.raises(UserError, match="is no result of a demonstration"):
        run(tmp_path / "rec", "first")
    assert (tmp_path / "rec" / "drive" / "precious").read_text() == "two hours of driving"


@pytest.mark.parametrize("names", [("logs/experiment.log",), ("summary.json", "logs/node.log")])
def test_logs_and_summaries_of_others_are_not_ours(tmp_path, names):
    for name in names:
        (tmp_path / "rec" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rec" / name).write_text('{"frames_in": 3}')
    with pytest.raises(UserError, match="is no result of a demonstration"):
        run(tmp_path / "rec", "first")
    assert all((tmp_path / "rec" / name).read_text() == '{"frames_in": 3}' for name in names)


def test_the_bag_that_is_shown_is_not_replaced(tmp_path):
    out = tmp_path / "demo"
    run(out, "first")
    (out / "drive").mkdir()
    with (
        pytest.raises(UserError, match=r"lies in .* which the results will replace"),
        results(tmp_path / "elsewhere" / ".." / "demo", out / "drive"),
    ):
        pass
    assert (out / "drive").is_dir()


def test_results_that_cannot_take_their_place_leave_the_first(tmp_path, monkeypatch):
    out = tmp_path / "demo"
    run(out, "first")
    rename = Path.rename

    def fail_for_the_second(path, target):
        if path.name == "new":
            raise OSError("no space left")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_second)
    with pytest.raises(OSError, match="no space left"):
        run(out, "second")
    assert json.loads((out / SUMMARY).read_text())["samseg_ros"] == "first"


def test_a_folder_that_cannot_be_replaced_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="cannot be replaced by the results; choose a folder in it"):
        run(tmp_path / ".", "first")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("before", [True, False])
def test_after_a_failure_the_logs_tell_more_and_the_rest_stays(tmp_path, before):
    out = tmp_path / "demo"
    if before:
        run(out, "first")
    with pytest.raises(UserError), results(out) as folder:
        (folder / SUMMARY).write_text("half")
        (folder / LOGS).mkdir()
        (folder / LOGS / "node.log").write_text("why")
        raise UserError("it failed.")
    assert (out / LOGS / "node.log").read_text() == "why"
    assert [p.name for p in out.iterdir() if p.name != LOGS] == ([SUMMARY] if before else [])
    assert list(tmp_path.iterdir()) == [out]
    run(out, "second")  # a folder that holds logs alone is ours too


def test_ctrl_c_leaves_everything_as_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt), results(tmp_path / "demo") as folder:
        (folder / LOGS).mkdir()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
