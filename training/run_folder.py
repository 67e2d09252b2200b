# SPDX-License-Identifier: Apache-2.0
"""What every run folder has: config.yaml from the start, results.json when the run is finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.draft import draft

CONFIG, RESULTS = "config.yaml", "results.json"


def finished(run: Path) -> bool:
    """Has the run its results?"""
    return (run / RESULTS).is_file()


def results(run: Path) -> dict[str, Any]:
    """What a finished run tells; FileNotFoundError or ValueError where there is nothing to read."""
    told: dict[str, Any] = json.loads((run / RESULTS).read_text(encoding="utf-8"))
    return told


def write_results(run: Path, told: Mapping[str, Any]) -> None:
    """Finish a run with plain JSON values; the file appears whole."""
    with draft(run / RESULTS) as temporary:
        temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
