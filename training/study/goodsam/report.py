# SPDX-License-Identifier: Apache-2.0
"""What the runs found so far, as JSON and as tables between markers of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import machine
from training.study import runs
from training.study.goodsam import tables
from training.study.goodsam.rows import CURVE, CURVE_SEED, GOODSAM, PLAIN, TABLE, UNADAPTED, Row
from training.study.publish import PACKAGES, publish
from training.study.spread import ahead, scores, spread

SET = "panorama_b"  # name of the validation set in goodsam.yaml

Results = dict[str, Any]


def write(root: Path, results: Path, readme: Path) -> None:
    """Collect all finished runs under `root`, of whatever seeds; write the JSON, rewrite the tables.

    Raises:
        ValueError: `readme` has no markers.
    """
    found = collect(root)
    publish(found, tables.markdown(found), results, readme)


def collect(root: Path) -> Results:
    """Everything the tables are made of; rows without a finished run are left out."""
    folder = root / "goodsam"
    rows = {row.name: summary(row, runs.finished(folder, row.name)) for row in TABLE}
    points = [summary(row, runs.finished(folder, row.name, only=CURVE_SEED)) for row in CURVE]
    return {
        "study": "goodsam",
        "machine": machine.describe(PACKAGES),
        "size": _size(folder),
        "rows": [row for row in rows.values() if row["seeds"]],
        "degradation": [point for point in points if point["seeds"]],
        "differences": _differences(rows),
    }


def summary(row: Row, found: runs.Finished) -> Results:
    """Scores of a row: a list over its seeds, mean and standard deviation, of student and assistant."""
    return {
        "name": row.name,
        "row": row.text,
        "masks": row.masks.text if row.losses else None,
        "settings": list(row.settings),
        "seeds": found.seeds,
        "student": scores([one["validation"][SET] for one in found.results]),
        "assistant": scores([one["validation"][f"{SET}_assistant"] for one in found.results]),
        "seconds": spread([one["seconds"] for one in found.results]),
        "peak_memory_gb": found.peak_memory_gb,
    }


def _differences(rows: dict[str, Results]) -> list[Results]:
    """GoodSAM's student against what it is to beat, seed by seed; points of mIoU."""
    against = (
        ("the student from plain pseudo-labels", PLAIN, "student"),
        ("the source-only student", UNADAPTED, "student"),
        ("the assistant before it was adapted, on sliding windows", UNADAPTED, "assistant"),
        ("its own assistant, adapted, on sliding windows", GOODSAM, "assistant"),
    )
    own = rows[GOODSAM.name]
    found = []
    for text, row, who in against:
        other = rows[row.name]
        points = ahead(own["seeds"], own["student"]["miou"], other["seeds"], other[who]["miou"])
        if points is not None:
            found.append({"against": text, "points": points})
    return found


def _size(folder: Path) -> Results:
    """How large the study is, from the run folders, and how long all of it took to train."""
    names = ("assistant", "source", *(row.name for row in (*TABLE, *CURVE)))
    found = {name: runs.finished(folder, name) for name in names}
    seconds = sum(one["seconds"] for part in found.values() for one in part.results)
    told: Results = {"minutes": round(seconds / 60, 1)}
    for name in ("assistant", "source", GOODSAM.name):
        part = found[name]
        if part.seeds:
            config = runs.settings(part.folders[0])
            network = config["student"] if name == GOODSAM.name else config["network"]
            told[name] = {
                "size": config["size"],
                "network": network["variant"],
                "images": part.results[0]["data"][-1]["images"],
                "batch": config["batch"],
                "steps": part.results[0]["steps"],
            }
    if found[UNADAPTED.name].seeds:
        scored = found[UNADAPTED.name].results[0]
        config = runs.settings(found[UNADAPTED.name].folders[0])
        told["panorama"] = {key: config[key] for key in ("size", "vertical_fov", "windows")}
        told["scored"] = scored["validation"][SET]["images"]
        told["parameters"] = scored["parameters"]
    return told
