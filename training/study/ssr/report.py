# SPDX-License-Identifier: Apache-2.0
"""What the runs found so far, as JSON and as tables between markers of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import machine
from training import run_folder
from training.study import runs
from training.study.publish import PACKAGES, publish
from training.study.spread import ahead, scores, spread
from training.study.ssr import tables
from training.study.ssr.rows import DAFORMER, DIFFERENCES, DRAWN, REAL, REAL_DAFORMER, ROWS, SSR, Row
from training.study.ssr.words import SOURCE, START, Where

Results = dict[str, Any]


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
        "study": "ssr",
        "machine": machine.describe(PACKAGES),
        "size": _size(where, finished),
        "foundation": _foundation(where),
        "rows": [rows[row.name] for row in DRAWN if rows[row.name]["seeds"]],
        "real": [rows[row.name] for row in REAL if rows[row.name]["seeds"]],
        "differences": _differences(rows),
    }


def summary(row: Row, found: runs.Finished) -> Results:
    """Scores of a row: a list over its seeds, mean and standard deviation."""
    return {
        "name": row.name,
        "row": row.text,
        "set": row.scored,
        "settings": list(row.settings),
        "seeds": found.seeds,
        **scores([one["validation"][row.scored] for one in found.results]),
        "seconds": spread([one["seconds"] for one in found.results]),
        "peak_memory_gb": found.peak_memory_gb,
    }


def _differences(rows: dict[str, Results]) -> list[Results]:
    """One row against another, seed by seed; points of mIoU."""
    found = []
    for one, other in DIFFERENCES:
        ours, theirs = rows[one.name], rows[other.name]
        points = ahead(ours["seeds"], ours["miou"], theirs["seeds"], theirs["miou"])
        if points is not None:
            found.append({"of": one.name, "against": other.name, "set": one.scored, "points": points})
    return found


def _foundation(where: Where) -> Results | None:
    """What plays SAM: its size, what it has seen, and how well points find masks."""
    if not run_folder.finished(where.foundation):
        return None
    config, results = runs.settings(where.foundation), run_folder.results(where.foundation)
    return {
        "encoder": config["encoder"],
        "batch": config["batch"],
        "steps": results["steps"],
        "data": results["data"],
        "validation": results["validation"],
    }


def _size(where: Where, finished: dict[str, runs.Finished]) -> Results:
    """How large the study is, from the run folders, and how long all of it took to train."""
    source = runs.finished(where.source(0).parent, SOURCE)
    start = runs.finished(where.runs, START)
    seconds = [one["seconds"] for part in (source, start, *finished.values()) for one in part.results]
    if run_folder.finished(where.foundation):
        seconds.append(run_folder.results(where.foundation)["seconds"])
    told: Results = {"minutes": round(sum(seconds) / 60, 1)}
    if source.seeds:
        told["source"] = {
            "batch": runs.settings(source.folders[0])["batch"],
            "labelled": source.results[0]["data"][-1]["images"],
            "steps": source.results[0]["steps"],
        }
    if start.seeds:
        told["start"] = {
            **_training(runs.settings(start.folders[0]), start.results[0]),
            "miou": scores([one["validation"][DAFORMER.scored] for one in start.results])["miou"],
        }
    # Each stands for all rows of its table.
    for name in (DAFORMER.name, REAL_DAFORMER.name):
        if finished[name].seeds:
            told[name] = _training(runs.settings(finished[name].folders[0]), finished[name].results[0])
    if finished[SSR.name].seeds:
        told["parameters"] = finished[SSR.name].results[0]["parameters"]
    return told


def _training(config: Results, results: Results) -> Results:
    unlabelled = [one["images"] for one in results["data"] if not one.get("labels", True)]
    labelled = [one["images"] for one in results["data"] if one.get("labels", True)]
    return {
        **{key: config[key] for key in ("size", "crop", "batch")},
        **{key: config["network"][key] for key in ("variant", "channels")},
        # Before them are those of the run that it started from.
        "labelled": sum(labelled[-len(config["source"]) :]),
        "unlabelled": sum(unlabelled),
        "steps": results["steps"],
        "scored": next(iter(results["validation"].values()))["images"],
    }
