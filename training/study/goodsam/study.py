# SPDX-License-Identifier: Apache-2.0
"""Runs the table: drawn data, the networks that all rows start from, masks, then row by row.

ROOT/data has the drawn sets, ROOT/goodsam the run folders NAME_seedK and the masks. A run with results.json
is done, one with a checkpoint is continued.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training import config
from training.goodsam.settings import Settings
from training.study import process, runs
from training.study.comparison import compare
from training.study.drawing import drawn
from training.study.goodsam import report
from training.study.goodsam.rows import CURVE_SEED, ROWS, TABLE, WORLDS, Row
from training.study.steps import Step, carry_out
from training.supervised.settings import Settings as Supervised

ADAPTATION = "goodsam.yaml"
# Assistant and student before they see panoramas.
STARTS = ("assistant", "source")
# Settings that say where a run finds what it starts from.
PLACES = {"cache": True, "assistant": True, "student": {"init"}}


def study(
    root: Path,
    *,
    seeds: Sequence[int],
    only: Sequence[str] | None,
    overrides: Sequence[str],
    configs: Path,
    results: Path,
    readme: Path,
) -> None:
    """Run what is missing, and rewrite `results` and the tables in `readme` after every run.

    Args:
        root: absolute path of the folder for everything.
        only: names of rows, those of the degradation curve included; None is all.
        overrides: key=value for every training.
        configs: folder of assistant.yaml, source.yaml and goodsam.yaml.

    Raises:
        ValueError: a finished run was made with other settings, a row has no such seed, a training failed.
    """
    rows = [row for row in ROWS if only is None or row.name in only]
    planned = [(row, seed) for seed in seeds for row in rows if row in TABLE]
    planned += [(row, seed) for row in rows if row not in TABLE for seed in seeds if seed == CURVE_SEED]
    if not planned:
        raise ValueError(f"Rows of the degradation curve have seed {CURVE_SEED} alone: add it to --seeds.")
    _check(root, planned, configs, overrides)
    steps = [drawn(root, name) for name in WORLDS]
    data = [one.proof for one in steps]
    masks: set[str] = set()
    for row, seed in planned:
        starts = []
        for name in STARTS:
            words = ["supervised", *start_words(root, configs, name, seed, overrides)]
            starts.append(runs.training(_run(root, name, seed), "training", words, data))
        steps += starts
        needs = [*data, *(one.proof for one in starts)]
        steps.append(_row(root, row, seed, row_words(root, configs, row, seed, overrides), needs, masks))
    carry_out(steps, lambda: report.write(root, results, readme))


def start_words(root: Path, configs: Path, name: str, seed: int, overrides: Sequence[str]) -> list[str]:
    """Words of `python -m training supervised` for the run that is called `name`."""
    return [
        str(configs / f"{name}.yaml"),
        *runs.places(root, _run(root, name, seed), seed),
        *overrides,
    ]


def row_words(root: Path, configs: Path, row: Row, seed: int, overrides: Sequence[str]) -> list[str]:
    """Words of `python -m training goodsam` for a row."""
    return [
        str(configs / ADAPTATION),
        *runs.places(root, _run(root, row.name, seed), seed),
        f"assistant={runs.text(_run(root, 'assistant', seed))}",
        f"student.init={runs.text(_run(root, 'source', seed))}",
        f"cache={runs.text(root / 'goodsam' / row.masks.cache)}",
        *row.settings,
        *overrides,
    ]


def _run(root: Path, name: str, seed: int) -> Path:
    return runs.folder(root / "goodsam", name, seed)


def _row(
    root: Path, row: Row, seed: int, words: Sequence[str], needs: Sequence[Path], masks: set[str]
) -> Step:
    """The run of a row, after its masks; `masks` names those that were seen to."""
    run = _run(root, row.name, seed)
    if row.losses is None:
        return runs.training(run, "training.study.goodsam.unadapted", words, needs)
    adaptation = runs.training(run, "training", ["goodsam", *words], needs)

    def adapt(lock: int) -> None:
        if row.losses and row.masks.cache not in masks:
            process.command("training", ["masks", *words], lock)
            masks.add(row.masks.cache)
        adaptation.make(lock)

    return replace(adaptation, make=adapt)


def _check(root: Path, planned: Sequence[tuple[Row, int]], configs: Path, overrides: Sequence[str]) -> None:
    """Read every configuration before the first run, and compare those of finished runs."""
    for seed in sorted({seed for _, seed in planned}):
        for name in STARTS:
            path, *words = start_words(root, configs, name, seed, overrides)
            compare(_run(root, name, seed), config.read(Path(path), Supervised, words))
    for row, seed in planned:
        path, *words = row_words(root, configs, row, seed, overrides)
        compare(_run(root, row.name, seed), config.read(Path(path), Settings, words), PLACES)
