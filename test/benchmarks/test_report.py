# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report


def test_rounds_become_their_spread() -> None:
    rounds: list[dict[str, Any]] = [
        {"name": "node", "size": [2, 4], "age_ms": {"p50": 10.0}, "lost": 0},
        {"name": "node", "size": [2, 4], "age_ms": {}, "lost": 4},  # no mask came back in this one
        {"name": "node", "size": [2, 4], "age_ms": {"p50": 30.0}, "lost": 1},
    ]
    assert report.over(rounds) == {
        "name": "node",
        "size": [2, 4],
        "age_ms": {"p50": {"median": 20.0, "min": 10.0, "max": 30.0}},
        "lost": {"median": 1.0, "min": 0, "max": 4},
    }


def test_what_is_done_is_kept_when_a_later_part_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rclpy", reason="needs ROS 2")
    pytest.importorskip("psutil", reason="needs psutil (the extra bench)")
    pytest.importorskip("torch", reason="needs PyTorch (the extra train)")
    from benchmarks import __main__ as every
    from samseg_ros.errors import UserError

    def fails() -> dict[str, Any]:
        raise UserError("the camera ended early: no space left.")

    made = {"start": (lambda: {"first_mask_s": 1.0}, str), "label": (fails, str)}
    monkeypatch.setattr(every, "parts", lambda quick: made)
    monkeypatch.setattr("sys.argv", ["benchmarks", "all", "--out", str(tmp_path / "results" / "this.json")])
    with pytest.raises(SystemExit, match="label: the camera ended early"):
        every.main()
    document = json.loads((tmp_path / "results" / "this.json").read_text())
    assert document["start"]["first_mask_s"] == 1.0 and "label" not in document
    assert document["machine"]["cores"] >= 1
