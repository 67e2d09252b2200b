# SPDX-License-Identifier: Apache-2.0
"""Figures and tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.report import Spread

NOTHING = "–"
MOST = 200  # characters of a cell or a reason


def section(title: str, module: str, about: str, *paragraphs: str) -> str:
    command = f"([`python -m benchmarks.{module}`](../benchmarks/{module}.py))"
    shown = [paragraph for paragraph in paragraphs if paragraph]
    return "\n\n".join([f"## {title}", f"{prose(about)} {command}", *shown])


def prose(text: str) -> str:
    """In one line."""
    return " ".join(text.split())


def picture(name: str, alternative: str) -> str:
    return f"![{alternative}](benchmarks/{name}.svg)"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown; short rows are filled up."""
    lines = [header, ["---"] * len(header)]
    lines += [[*map(plain, row), *[""] * (len(header) - len(row))] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(text: str) -> str:
    """In one line that is not too long, with nothing that ends a cell of a table or begins HTML."""
    line = prose(text)
    line = f"{line[:MOST]}…" if len(line) > MOST else line
    return line.replace("<", "&lt;").replace("|", "\\|")


def told(spread: Spread | None) -> str:
    """``5.21 (5.02–5.4)``; the median alone where the rounds do not differ."""
    if spread is None:
        return NOTHING
    median, low, high = (number(spread[key]) for key in ("median", "min", "max"))
    return median if low == high else f"{median} ({low}–{high})"


def count(spread: Spread) -> str:
    """The same of a number of things, in full."""
    median, low, high = (f"{spread[key]:,g}" for key in ("median", "min", "max"))
    return median if low == high else f"{median} ({low}–{high})"


def number(value: float | None) -> str:
    """With three significant digits, thousands apart."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    decimals = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(0, decimals)}f}"


def signed(value: float) -> str:
    """To hundredths: what is below them is noise."""
    return f"{value:+.2f}"


def share(value: float | None) -> str:
    """Of 0…1 in percent; never rounded up to all."""
    if value is None:
        return ""
    return "100 %" if value == 1 else f"{math.floor(value * 1e4) / 100:.2f} %"


def size(sides: Sequence[int]) -> str:
    """Width × height, of (height, width)."""
    height, width = sides
    return f"{width}×{height}"
