# SPDX-License-Identifier: Apache-2.0
"""Runs the table: drawn data, the networks that all rows start from, masks, then row by row.

ROOT/data has the drawn sets, ROOT/goodsam the run folders NAME_seedK and the masks. A run with results.json
is done, one with a checkpoint is continued.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from training import config
from training.goodsam.settings import Settings
from training.run_folder import CONFIG, finished
from training.study import process
from training.study.goodsam import report
from training.study.goodsam.rows import CURVE_SEED, ROWS, TABLE, WORLDS, Row
from training.supervised.settings import Settings as Supervised

ADAPTATION = "goodsam.yaml"
# Assistant and student before they see panoramas.
STARTS = ("assistant", "source")
# Settings that say where and how fast a run is made, not what comes out.
NO_MATTER = {
    "out": True, "data_root": True, "cache": True, "assistant": True, "workers": True, "memory_gb": True,
    "student": {"init"},
    "loop": {"device", "threads", "compile", "save_every", "validate_every", "tensorboard"},
}  # fmt: skip


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
    report.write(root, results, readme)  # what cannot be written should not be found out after the first run
    with process.ends_on_sigterm():
        for name, told in WORLDS.items():
            _draw(root / "data" / name, told)
        masks: set[str] = set()
        for row, seed in planned:
            for name in STARTS:
                _train("supervised", root, name, seed, start_words(root, configs, name, seed, overrides))
            words = row_words(root, configs, row, seed, overrides)
            wanted = config.read(Path(words[0]), Settings, words[1:])
            if not finished(wanted.run) and row.losses and row.masks.cache not in masks:
                process.command("training", ["masks", *words])
                masks.add(row.masks.cache)
            kind = "goodsam" if row.losses is not None else "unadapted"
            if _train(kind, root, row.name, seed, words):
                report.write(root, results, readme)
    report.write(root, results, readme)


def start_words(root: Path, configs: Path, name: str, seed: int, overrides: Sequence[str]) -> list[str]:
    """Words of `python -m training supervised` for the run that is called `name`."""
    return [str(configs / f"{name}.yaml"), *_places(root, name, seed), *overrides]


def row_words(root: Path, configs: Path, row: Row, seed: int, overrides: Sequence[str]) -> list[str]:
    """Words of `python -m training goodsam` for a row."""
    runs = root / "goodsam"
    return [
        str(configs / ADAPTATION),
        *_places(root, row.name, seed),
        f"assistant={_text(runs / f'assistant_seed{seed}')}",
        f"student.init={_text(runs / f'source_seed{seed}')}",
        f"cache={_text(runs / row.masks.cache)}",
        *row.settings,
        *overrides,
    ]


def _places(root: Path, name: str, seed: int) -> list[str]:
    out = root / "goodsam" / f"{name}_seed{seed}"
    return [f"data_root={_text(root / 'data')}", f"out={_text(out)}", f"seed={seed}"]


def _text(path: Path) -> str:
    """A path as YAML takes it, whatever is in its name."""
    return json.dumps(str(path))


def _draw(folder: Path, words: str) -> None:
    with process.alone(folder) as lock:
        if not (folder / "manifest.json").is_file():
            print(f"Drawing {folder.name}.", flush=True)
            process.command("training", ["world", "--out", str(folder), *words.split()], lock)


def _train(kind: str, root: Path, name: str, seed: int, words: Sequence[str]) -> bool:
    """One run, unless it is finished; returns whether it had to be made."""
    run = root / "goodsam" / f"{name}_seed{seed}"
    with process.alone(run) as lock:
        if finished(run):
            return False
        print(f"{run.name}:", flush=True)
        if kind == "unadapted":
            process.measured("training.study.goodsam.unadapted", words, run, lock)
        else:
            process.measured("training", [kind, *words], run, lock)
    return True


def _check(root: Path, planned: Sequence[tuple[Row, int]], configs: Path, overrides: Sequence[str]) -> None:
    """Read every configuration before the first run, and compare those of finished runs."""
    for seed in sorted({seed for _, seed in planned}):
        for name in STARTS:
            path, *words = start_words(root, configs, name, seed, overrides)
            _compare(config.read(Path(path), Supervised, words), Supervised)
    for row, seed in planned:
        path, *words = row_words(root, configs, row, seed, overrides)
        _compare(config.read(Path(path), Settings, words), Settings)


def _compare(wanted: Settings | Supervised, model: type[Settings] | type[Supervised]) -> None:
    """Raise ValueError if the run is finished but was made with other settings."""
    if not finished(wanted.run):
        return
    here, there = _matters(wanted), _matters(config.read(wanted.run / CONFIG, model))
    differ = [
        f"{key} {there.get(key)} instead of {here.get(key)}"
        for key in here | there
        if here.get(key) != there.get(key)
    ]
    if differ:
        raise ValueError(
            f"The finished run {wanted.run} was made with {', '.join(differ)}: delete it to make it again, "
            "or choose another --root."
        )


def _matters(settings: BaseModel) -> dict[str, Any]:
    """Settings on which the outcome depends, nested ones by dotted keys."""
    excluded: Any = NO_MATTER
    flat: dict[str, Any] = {}
    waiting = list(settings.model_dump(mode="json", exclude=excluded).items())
    for key, value in waiting:
        if isinstance(value, dict):
            waiting += [(f"{key}.{inner}", one) for inner, one in value.items()]
        else:
            flat[key] = value
    return flat
