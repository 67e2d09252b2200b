# SPDX-License-Identifier: Apache-2.0
"""Runs the table: drawn pairs, what plays SAM and what plays CLIP, then row by row.

ROOT/data has the drawn sets, ROOT/ssr/foundation what plays SAM, shared with the study of SSR, ROOT/sartm the
run folders NAME_seedK. A run with results.json is done, one with a checkpoint is continued.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from training import config, run_folder
from training.foundation.checksum import sha256
from training.foundation.pretrain.settings import Settings as Foundation
from training.sartm.settings import Settings
from training.study import process, runs
from training.study.comparison import compare, same_sam
from training.study.drawing import LIGHTS, drawn
from training.study.sartm import cost, report
from training.study.sartm.rows import FOUNDATION_WORLDS, ROWS, WORLDS, Row
from training.study.sartm.words import SAM, Where, row_words
from training.study.ssr.words import foundation_words
from training.study.steps import Step, carry_out
from training.supervised.settings import Settings as Supervised


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
        only: names of rows; None is all.
        overrides: key=value for every training.
        configs: folder of b0.yaml and sartm.yaml.

    Raises:
        ValueError: a finished run was made with other settings, a configuration is not scored in every light,
            a training failed.
    """
    where = Where(root, configs, tuple(overrides))
    rows = [row for row in ROWS if only is None or row.name in only]
    planned = [(row, seed) for seed in seeds for row in rows]
    _check(where, planned)
    steps = [drawn(root, name) for name in WORLDS]
    data = [one.proof for one in steps]
    shared = _shared(where) if any(row.command == "sartm" for row in rows) else []
    steps += shared
    for row, seed in planned:
        needs = [*data, *(one.proof for one in shared if row.command == "sartm")]
        words = [row.command, *row_words(where, row, seed)]
        run = runs.folder(where.runs, row.name, seed)
        steps += [runs.training(run, "training", words, needs), _cost(run)]
    carry_out(steps, lambda: report.write(where, results, readme))


def _shared(where: Where) -> list[Step]:
    """What plays SAM and CLIP, where the configuration names nothing else, after what that needs."""
    steps: list[Step] = []
    if where.makes_sam() and not run_folder.finished(where.foundation):
        steps += [drawn(where.root, name) for name in FOUNDATION_WORLDS]
        words = ["foundation", *foundation_words(where.ssr)]
        needs = [one.proof for one in steps]
        steps.append(runs.training(where.foundation, "training", words, needs))
    if where.makes_text():
        steps.append(Step(where.text, where.text, lambda lock: _write_text(where.text)))
    return steps


def _write_text(path: Path) -> None:
    # It brings PyTorch along.
    from training.study.sartm.text import write

    write(path)


def _cost(run: Path) -> Step:
    """Counts parameters and operations of a finished run's network."""

    def count(lock: int) -> None:
        process.command("training.study.sartm.cost", [str(run)], lock)

    return Step(run, run / cost.FILE, count, (run / run_folder.RESULTS,))


def _check(where: Where, planned: Sequence[tuple[Row, int]]) -> None:
    """Read every configuration before the first run, and compare those of finished runs."""
    digest = None
    if any(row.command == "sartm" for row, _ in planned) and where.makes_sam():
        path, *words = foundation_words(where.ssr)
        # Whether a finished foundation has seen real pictures too does not matter here.
        compare(where.foundation, config.read(Path(path), Foundation, words), {"data": True})
        sam = where.foundation / SAM
        digest = sha256(sam) if run_folder.finished(where.foundation) and sam.is_file() else None
    for row, seed in planned:
        path, *words = row_words(where, row, seed)
        wanted: Settings | Supervised = (
            config.read(Path(path), Settings, words)
            if row.command == "sartm"
            else config.read(Path(path), Supervised, words)
        )
        if {one.name for one in wanted.validation} != set(LIGHTS):
            raise ValueError(f"{path} must have one validation set for each light: {', '.join(LIGHTS)}.")
        compare(wanted.run, wanted)
        if row.command == "sartm" and run_folder.finished(wanted.run):
            theirs = run_folder.results(wanted.run)["backbone"]["sha256"]
            same_sam(wanted.run, theirs, where.foundation, digest)
