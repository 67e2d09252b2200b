# SPDX-License-Identifier: Apache-2.0
"""What every run folder has: config.yaml from the start, results.json when the run is finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

from training.draft import draft

CONFIG, RESULTS = "config.yaml", "results.json"

Method = Literal["supervised", "ssr", "goodsam", "sartm"]
# Keys of config.yaml that the runs of one method alone have.
_METHODS: dict[str, Method] = {
    "assistant": "goodsam",
    "source": "ssr",
    "task": "supervised",
    "backbone": "sartm",
}


def method(run: Path) -> Method:
    """The command that trained the network of a run folder, `python -m training METHOD`.

    Raises:
        FileNotFoundError: no run folder.
        ValueError: one of no method that trains a network for deployment.
    """
    if not (run / CONFIG).is_file():
        raise FileNotFoundError(f"{run} has no {CONFIG}: give the folder of a run.")
    try:
        keys = yaml.safe_load((run / CONFIG).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{run / CONFIG} is not readable YAML: give the folder of a run.") from error
    found = [name for key, name in _METHODS.items() if isinstance(keys, dict) and key in keys]
    if not found:
        raise ValueError(
            f"{run} is no run of a segmentation network: give the folder of one that "
            "`python -m training supervised`, `ssr`, `goodsam` or `sartm` made."
        )
    return found[0]


def finished(run: Path) -> bool:
    """Has the run its results?"""
    return (run / RESULTS).is_file()


def results(run: Path) -> dict[str, Any]:
    """What a finished run tells; FileNotFoundError or ValueError where there is nothing to read."""
    told: dict[str, Any] = json.loads((run / RESULTS).read_text(encoding="utf-8"))
    return told


def learned_from(run: Path) -> list[dict[str, Any]]:
    """The sets that a finished run learned from, those of what it started from included.

    Raises:
        ValueError: it is not finished, or not there: a model must tell what went into it.
    """
    if not finished(run):
        raise ValueError(
            f"{run} has no {RESULTS}, which tells what it learned from: let that run finish, or give another."
        )
    found: list[dict[str, Any]] = results(run)["data"]
    return found


def told_before(run: Path, *starts: Path) -> list[dict[str, Any]] | None:
    """What `run` learned from, as it has told where it is finished; None where all of its `starts` are there
    and can tell it anew, or it is not finished.
    """
    if finished(run) and not all(start.exists() for start in starts):
        return learned_from(run)
    return None


def write_results(run: Path, told: Mapping[str, Any]) -> None:
    """Finish a run with plain JSON values; the file appears whole."""
    with draft(run / RESULTS) as temporary:
        temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
