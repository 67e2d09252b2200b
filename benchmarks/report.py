# SPDX-License-Identifier: Apache-2.0
"""What all benchmarks print and write."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import machine

Spread = dict[str, float]  # {"median", "min", "max"}


def spread(values: Sequence[float]) -> Spread:
    """``{"median", "min", "max"}`` of repeated measurements."""
    return {
        "median": round(float(np.median(values)), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


def over(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of several rounds as one: of each number its :func:`spread`, of the rest the first."""
    merged: dict[str, Any] = {}
    for key, first in rounds[0].items():
        values = [one[key] for one in rounds if one.get(key) not in (None, {})]
        if values and isinstance(values[0], dict):
            merged[key] = over(values)
        elif values and all(isinstance(value, int | float) for value in values):
            merged[key] = spread(values)
        else:
            merged[key] = first
    return merged


def cloud(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A picture uint8 [h, w, 3] of soft coloured blobs: no flat areas, no noise."""
    coarse = random.integers(0, 256, (size[0] // 16, size[1] // 16, 3), np.uint8)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")


def emit(args: argparse.Namespace, name: str, results: dict[str, Any], table: str) -> None:
    """Print the results, as a table or as JSON with the machine they were measured on, and write them."""
    document = json.dumps({"benchmark": name, "machine": machine.describe(), **results}, indent=2)
    print(document if args.json else table)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(document + "\n", encoding="utf-8")
