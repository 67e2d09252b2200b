# SPDX-License-Identifier: Apache-2.0
"""Numbers over the seeds: each of them, mean and standard deviation."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any


def spread(values: Sequence[float]) -> dict[str, Any]:
    """{"each", "mean", "sd"}: the standard deviation (n - 1) is that of two or more values."""
    return {
        "each": list(values),
        "mean": mean(values) if values else None,
        "sd": stdev(values) if len(values) > 1 else None,
    }


def scores(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """{"miou": spread, "iou": mean of each class}, in percent, of what runs scored on one set.

    A class's mean is over those runs in which it has an IoU.
    """
    classes = found[0]["iou"] if found else {}
    each = {name: [one["iou"][name] for one in found if one["iou"][name] is not None] for name in classes}
    return {
        "miou": spread([100 * one["miou"] for one in found]),
        "iou": {name: 100 * mean(values) if values else None for name, values in each.items()},
    }


def ahead(
    seeds: Sequence[int], ours: dict[str, Any], their_seeds: Sequence[int], theirs: dict[str, Any]
) -> dict[str, Any] | None:
    """Ours minus theirs, seed by seed, of two spreads; None where no seed is in both."""
    by_seed = dict(zip(their_seeds, theirs["each"], strict=True))
    pairs = zip(seeds, ours["each"], strict=True)
    points = [value - by_seed[seed] for seed, value in pairs if seed in by_seed]
    return spread(points) if points else None
