# SPDX-License-Identifier: Apache-2.0
"""Results as Markdown: tables, and the numbers in their cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NONE = "–"


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose first column has the names of its lines."""
    rows = [heads, *lines]
    texts = [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows]
    return "\n".join([texts[0], "|" + "---|" * len(heads), *texts[1:]])


def plus_minus(spread: dict[str, Any], sign: bool = False) -> str:
    """Mean ± standard deviation."""
    value = f"{spread['mean']:+.2f}" if sign else f"{spread['mean']:.2f}"
    return value if spread["sd"] is None else f"{value} ± {spread['sd']:.2f}"


def cost(row: dict[str, Any]) -> tuple[str, str]:
    """Minutes and peak memory of one training, of a row with "seconds" and "peak_memory_gb"."""
    trained = row["seconds"]["mean"] > 0
    minutes = f"{row['seconds']['mean'] / 60:.1f}" if trained else NONE
    memory = f"{row['peak_memory_gb']:.1f} GB" if trained and row["peak_memory_gb"] is not None else NONE
    return minutes, memory


def iou(found: dict[str, float | None], names: Sequence[str]) -> list[str]:
    """The IoU of each class in percent."""
    values = (found[name] for name in names)
    return [NONE if one is None else f"{one:.1f}" for one in values]


def by(size: Sequence[int]) -> str:
    """A size as height × width."""
    return " × ".join(str(side) for side in size)


def effort(minutes: float, machine: dict[str, Any]) -> str:
    """How long all trainings together took, and on what."""
    return (
        f"All runs together trained for {minutes:.0f} minutes on {machine['cores']} cores of "
        f"{machine['cpu']} with {machine['memory_gb']:.0f} GB, PyTorch "
        f"{machine['packages'].get('torch', NONE)}, {machine['date'][:10]}."
    )
