# SPDX-License-Identifier: Apache-2.0
"""What the runs found so far, as JSON and as tables between markers of a text."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks import machine
from training import run_folder
from training.study import runs
from training.study.drawing import LIGHTS
from training.study.publish import PACKAGES, publish
from training.study.sartm import cost, tables
from training.study.sartm.rows import AIMS, ALL, DIFFERENCES, ROWS, SARTM, Aim, Row
from training.study.sartm.words import Where
from training.study.spread import ahead, scores, spread

Results = dict[str, Any]

GROUPS = (ALL, *LIGHTS)


def write(where: Where, results: Path, readme: Path) -> None:
    """Collect all finished runs, of whatever seeds; write the JSON, rewrite the tables.

    Raises:
        ValueError: `readme` has no markers.
    """
    found = collect(where)
    publish(found, tables.markdown(found), results, readme)


def collect(where: Where) -> Results:
    """Everything the tables are made of; rows without a finished run are left out."""
    finished = {row.name: runs.finished(where.runs, row.name) for row in ROWS}
    rows = {row.name: summary(row, finished[row.name]) for row in ROWS}
    return {
        "study": "sartm",
        "machine": machine.describe(PACKAGES),
        "size": _size(finished),
        "foundation": _foundation(where),
        "rows": [row for row in rows.values() if row["seeds"]],
        "aims": [one for aim in AIMS if (one := _reached(aim, rows)) is not None],
        "differences": _differences(rows),
    }


def summary(row: Row, found: runs.Finished) -> Results:
    """Scores of a row by what it sees and by light: a list over its seeds, mean and standard deviation."""
    return {
        "name": row.name,
        "row": row.text,
        "settings": list(row.settings),
        "seeds": found.seeds,
        "scores": {
            stream: {light: scores([_score(one, light, ending) for one in found.results]) for light in GROUPS}
            for stream, ending in row.streams.items()
        },
        **_cost(found),
        "seconds": spread([one["seconds"] for one in found.results]),
        "peak_memory_gb": found.peak_memory_gb,
    }


def _score(results: Results, light: str, ending: str) -> Results:
    """What a run scored in one light, or the mean over the lights: of mIoU, and of the IoU of each class."""
    each = [results["validation"][f"{one}{ending}"] for one in (LIGHTS if light == ALL else (light,))]
    values = {
        name: [one["iou"][name] for one in each if one["iou"][name] is not None] for name in each[0]["iou"]
    }
    return {
        "miou": mean(one["miou"] for one in each),
        "iou": {name: mean(found) if found else None for name, found in values.items()},
    }


def _cost(found: runs.Finished) -> Results:
    """Parameters and GFLOPs: those of one seed are those of all."""
    for run in found.folders:
        if (run / cost.FILE).is_file():
            told: Results = json.loads((run / cost.FILE).read_text(encoding="utf-8"))
            return told
    return {"parameters": None, "size": None, "gflops": None}


def _miou(row: Row, rows: dict[str, Results], stream: str, light: str) -> dict[int, float]:
    """mIoU of a row by seed."""
    summary = rows[row.name]
    each = summary["scores"][row.seen(stream)][light]["miou"]["each"]
    return dict(zip(summary["seeds"], each, strict=True))


def _ahead(ours: dict[int, float], theirs: dict[int, float]) -> Results | None:
    return ahead(list(ours), {"each": list(ours.values())}, list(theirs), {"each": list(theirs.values())})


def _reached(aim: Aim, rows: dict[str, Results]) -> Results | None:
    """SARTM against the best of some rows, seed by seed; None where no seed is in all."""
    others = [_miou(row, rows, aim.stream, aim.light) for row in aim.against]
    seeds = set.intersection(*(set(one) for one in others))
    best = {seed: max(one[seed] for one in others) for seed in sorted(seeds)}
    points = _ahead(_miou(SARTM, rows, aim.stream, aim.light), best)
    if points is None:
        return None
    return {
        "against": aim.text,
        "light": aim.light,
        "stream": aim.stream,
        "points": points,
        "at_least": aim.points,
        "reached": points["mean"] >= aim.points,
    }


def _differences(rows: dict[str, Results]) -> list[Results]:
    """One row against another from both streams, seed by seed; points of mIoU in each light."""
    found = []
    for one, other in DIFFERENCES:
        points = {
            light: _ahead(_miou(one, rows, "both", light), _miou(other, rows, "both", light))
            for light in GROUPS
        }
        if points[ALL] is not None:
            found.append({"of": one.name, "against": other.name, "points": points})
    return found


def _foundation(where: Where) -> Results | None:
    """What plays SAM: its size, what it has seen, how long it learned; None for a published one."""
    if not where.makes_sam() or not run_folder.finished(where.foundation):
        return None
    config, results = runs.settings(where.foundation), run_folder.results(where.foundation)
    return {
        "encoder": config["encoder"],
        "batch": config["batch"],
        "steps": results["steps"],
        "images": sum(one["images"] for one in results["data"]),
        "minutes": round(results["seconds"] / 60, 1),
    }


def _size(finished: dict[str, runs.Finished]) -> Results:
    """How large the study is, from the run folders, and how long all rows took to train."""
    seconds = [one["seconds"] for part in finished.values() for one in part.results]
    told: Results = {"minutes": round(sum(seconds) / 60, 1)}
    for row in ROWS:
        # One row stands for all of its configuration.
        if finished[row.name].seeds and row.command not in told:
            told[row.command] = _training(finished[row.name])
    return told


def _training(found: runs.Finished) -> Results:
    config, results = runs.settings(found.folders[0]), found.results[0]
    return {
        **{key: config[key] for key in ("size", "batch")},
        "crop": config["crop"] if "crop" in config else config["windows"][-1]["size"],
        "rank": config["backbone"]["rank"] if "backbone" in config else None,
        "steps": results["steps"],
        # Before them are those that the backbone has learned from.
        "labelled": sum(one["images"] for one in results["data"][-len(config["data"]) :]),
        "scored": results["validation"][LIGHTS[0]]["images"],
    }
