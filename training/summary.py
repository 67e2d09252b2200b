# SPDX-License-Identifier: Apache-2.0
"""What a training command says at its end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def tell(run: Path, results: Mapping[str, Any]) -> None:
    """Print the scores in a run's results, and where the run is; of several processes the first one does."""
    if os.environ.get("RANK", "0") != "0":
        return
    for name, scores in results["validation"].items():
        each = ", ".join(f"{key} {value:.3f}" for key, value in scores["iou"].items() if value is not None)
        mean, accuracy = (_number(scores[key]) for key in ("miou", "pixel_accuracy"))
        print(f"{name}: mIoU {mean}, pixel accuracy {accuracy} ({each or 'no pixel is labelled'})")
    print(f"Run folder: {run}")


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
