# SPDX-License-Identifier: Apache-2.0
"""What the runs found so far, as JSON and as tables between markers of a text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml

from benchmarks import machine
from training.draft import draft
from training.study.goodsam import tables
from training.study.goodsam.rows import CURVE, CURVE_SEED, GOODSAM, PLAIN, TABLE, UNADAPTED, Row
from training.study.process import MEMORY

CHECKOUT = Path(__file__).parents[3]
JSON = CHECKOUT / "benchmarks" / "results" / "goodsam.json"
README = CHECKOUT / "training" / "goodsam" / "README.md"
CONFIGS = Path(__file__).parent
BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"
SET = "panorama_b"  # name of the validation set in goodsam.yaml
PACKAGES = ("numpy", "opencv-python-headless", "torch", "transformers", "lightning-fabric")

Results = dict[str, Any]


def write(root: Path, results: Path, readme: Path) -> None:
    """Collect all finished runs under `root`, of whatever seeds; write the JSON, rewrite the tables.

    A `readme` that does not exist is made, with nothing but the tables.

    Raises:
        ValueError: `readme` has no markers.
    """
    text = readme.read_text(encoding="utf-8") if readme.is_file() else f"{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"{readme} lacks the lines {BEGIN} and {END}, between which the tables go: add them there."
        )
    found = collect(root)
    _replace(results, json.dumps(found, indent=1) + "\n")
    _replace(readme, f"{before}{BEGIN}\n{tables.markdown(found)}\n{END}{after}")


def collect(root: Path) -> Results:
    """Everything the tables are made of; rows without a finished run are left out."""
    runs = root / "goodsam"
    rows = {row.name: summary(row, runs, _seeds(row.name, runs)) for row in TABLE}
    points = [summary(row, runs, _seeds(row.name, runs, only=CURVE_SEED)) for row in CURVE]
    return {
        "study": "goodsam",
        "machine": machine.describe(PACKAGES),
        "size": _size(runs),
        "rows": [row for row in rows.values() if row["seeds"]],
        "degradation": [point for point in points if point["seeds"]],
        "differences": _differences(rows),
    }


def summary(row: Row, runs: Path, seeds: Sequence[int]) -> Results:
    """Scores of a row: a list over its seeds, mean and standard deviation, of student and assistant."""
    folders = [runs / f"{row.name}_seed{seed}" for seed in seeds]
    found = [_read(folder / "results.json") for folder in folders]
    memory = [_read(folder / MEMORY)["peak_memory_gb"] for folder in folders if (folder / MEMORY).is_file()]
    return {
        "name": row.name,
        "row": row.text,
        "masks": row.masks.text if row.losses else None,
        "settings": list(row.settings),
        "seeds": list(seeds),
        "student": _scores([one["validation"][SET] for one in found]),
        "assistant": _scores([one["validation"][f"{SET}_assistant"] for one in found]),
        "seconds": spread([one["seconds"] for one in found]),
        "peak_memory_gb": max(memory, default=None),
    }


def spread(values: Sequence[float]) -> Results:
    """Mean and, of two or more, standard deviation (n - 1)."""
    return {
        "each": list(values),
        "mean": mean(values) if values else None,
        "sd": stdev(values) if len(values) > 1 else None,
    }


def _scores(found: Sequence[Results]) -> Results:
    """mIoU and IoU in percent."""
    classes = found[0]["iou"] if found else {}
    each = {name: [one["iou"][name] for one in found if one["iou"][name] is not None] for name in classes}
    return {
        "miou": spread([100 * one["miou"] for one in found]),
        "iou": {name: 100 * mean(values) if values else None for name, values in each.items()},
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
        theirs = dict(zip(other["seeds"], other[who]["miou"]["each"], strict=True))
        ours = zip(own["seeds"], own["student"]["miou"]["each"], strict=True)
        points = [miou - theirs[seed] for seed, miou in ours if seed in theirs]
        if points:
            found.append({"against": text, "points": spread(points)})
    return found


def _size(runs: Path) -> Results:
    """How large the study is, from the run folders, and how long all of it took to train."""
    names = ("assistant", "source", *(row.name for row in (*TABLE, *CURVE)))
    folders = {name: [runs / f"{name}_seed{seed}" for seed in _seeds(name, runs)] for name in names}
    results = {name: [_read(one / "results.json") for one in part] for name, part in folders.items()}
    told: Results = {
        "minutes": round(sum(one["seconds"] for part in results.values() for one in part) / 60, 1)
    }
    for name in ("assistant", "source", GOODSAM.name):
        if folders[name]:
            config = _config(folders[name][0])
            network = config["student"] if name == GOODSAM.name else config["network"]
            told[name] = {
                "size": config["size"],
                "network": network["variant"],
                "images": results[name][0]["data"][-1]["images"],
                "batch": config["batch"],
                "steps": results[name][0]["steps"],
            }
    if folders[UNADAPTED.name]:
        scored = results[UNADAPTED.name][0]
        config = _config(folders[UNADAPTED.name][0])
        told["panorama"] = {key: config[key] for key in ("size", "vertical_fov", "windows")}
        told["scored"] = scored["validation"][SET]["images"]
        told["parameters"] = scored["parameters"]
    return told


def _config(run: Path) -> Results:
    found: Results = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    return found


def _seeds(name: str, runs: Path, only: int | None = None) -> list[int]:
    """Seeds with which the run is finished."""
    texts = [path.parent.name.rpartition("_seed")[2] for path in runs.glob(f"{name}_seed*/results.json")]
    return sorted(int(text) for text in texts if text.isdecimal() and only in (None, int(text)))


def _read(path: Path) -> Results:
    found: Results = json.loads(path.read_text(encoding="utf-8"))
    return found


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
