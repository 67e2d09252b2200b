# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from training.summary import tell

RESULTS = {
    "validation": {
        "streets": {"miou": 0.5, "pixel_accuracy": 0.75, "iou": {"road": 0.5, "car": None}},
        "empty": {"miou": None, "pixel_accuracy": None, "iou": {"road": None}},
    }
}


def test_scores_are_told_as_far_as_they_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Path("runs/a"), RESULTS)
    assert capsys.readouterr().out.splitlines() == [
        "streets: mIoU 0.500, pixel accuracy 0.750 (road 0.500)",
        "empty: mIoU unknown, pixel accuracy unknown (no pixel is labelled)",
        "Run folder: runs/a",
    ]


def test_one_of_several_processes_tells(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for rank, lines in (("0", 3), ("1", 0)):
        monkeypatch.setenv("RANK", rank)
        tell(Path("runs/a"), RESULTS)
        assert len(capsys.readouterr().out.splitlines()) == lines
