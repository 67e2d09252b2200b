# SPDX-License-Identifier: Apache-2.0
"""The trainings of a study: run folders NAME_seedK beside each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from training import run_folder
from training.study import process
from training.study.process import MEMORY
from training.study.steps import Step


def folder(runs: Path, name: str, seed: int) -> Path:
    """The run folder."""
    return runs / f"{name}_seed{seed}"


def places(root: Path, run: Path, seed: int) -> list[str]:
    """key=value for what every training of a study is told: data, run folder, seed."""
    return [f"data_root={text(root / 'data')}", f"out={text(run)}", f"seed={seed}"]


def text(path: Path) -> str:
    """A path as YAML takes it, whatever is in its name."""
    return json.dumps(str(path))


def training(run: Path, module: str, words: Sequence[str], needs: Sequence[Path] = ()) -> Step:
    """`python -m MODULE WORDS…`, which fills the run folder `run`. A run with a checkpoint is continued."""

    def train(lock: int) -> None:
        print(f"{run.name}:", flush=True)
        process.measured(module, words, run, lock)

    return Step(run, run / run_folder.RESULTS, train, tuple(needs))


@dataclass(frozen=True)
class Finished:
    """The finished runs of one name.

    Attributes:
        folders, seeds, results: of each, by rising seed.
        peak_memory_gb: the most that one of them took, if it is known.
    """

    folders: list[Path]
    seeds: list[int]
    results: list[dict[str, Any]]
    peak_memory_gb: float | None


def finished(runs: Path, name: str, only: int | None = None) -> Finished:
    """All finished runs of that name, or the one with the seed `only`."""
    found = runs.glob(f"{name}_seed*/{run_folder.RESULTS}")
    texts = [path.parent.name.rpartition("_seed")[2] for path in found]
    seeds = sorted(int(one) for one in texts if one.isdecimal() and only in (None, int(one)))
    folders = [folder(runs, name, seed) for seed in seeds]
    memory = [json.loads((one / MEMORY).read_text()) for one in folders if (one / MEMORY).is_file()]
    return Finished(
        folders,
        seeds,
        [run_folder.results(one) for one in folders],
        max((one["peak_memory_gb"] for one in memory), default=None),
    )


def settings(run: Path) -> dict[str, Any]:
    """config.yaml of a run, as it stands there."""
    found: dict[str, Any] = yaml.safe_load((run / run_folder.CONFIG).read_text(encoding="utf-8"))
    return found
