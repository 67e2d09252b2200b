# SPDX-License-Identifier: Apache-2.0
"""The plots of the page of results: one look, and with the same matplotlib the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.markdown import NOTHING, number
from benchmarks.report import Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's blue: told from grey by everybody.
BLUE, GREY, INK = "#0072b2", "#8c8c8c", "#222222"
DASHED = (0, (3, 3))
AGES = {"p50": "p50", "p95": "p95", "the oldest": "max"}  # of masks under overload
WIDTH = 8.6  # inches
STYLE: Any = {
    "svg.hashsalt": "samseg_ros",  # or ids would differ each time
    "svg.fonttype": "path",  # the same wherever it is shown
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True)
class Row:
    """Of a plot: a value for each of its columns, None where there is none; a headline has no values."""

    label: str
    values: tuple[Spread | None, ...] = ()
    color: str = BLUE


@dataclass(frozen=True)
class Column:
    """Of a plot: its label with the unit, and where to draw a line that values are compared with."""

    label: str
    line: float | None = None


@contextmanager
def canvas(path: Path, height: float, columns: int) -> Iterator[list[Axes]]:
    """Axes beside each other in one look, whatever the user's settings; written as SVG in the end."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
        (axes,) = figure.subplots(1, columns, squeeze=False)
        yield list(axes)
        FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None, "Creator": None})


def draw_rows(
    path: Path, rows: Sequence[Row], columns: Sequence[Column], *, log: bool = False, share_scale: bool = True
) -> None:
    """Each row's values as bars, or on a logarithmic scale as dots; each column beside the one before it."""
    every = [value for row in rows for value in row.values]
    with canvas(path, 0.65 + 0.23 * len(rows), len(columns)) as axes:
        for index, (one, column) in enumerate(zip(axes, columns, strict=True)):
            values = [row.values[index] if row.values else None for row in rows]
            bars(one, values, [row.color for row in rows], log)
            widen(one, every if share_scale else values, log, ticks=max(3, 10 // len(columns)))
            name_rows(one, rows if index == 0 else [])
            one.set_xlabel(column.label)
            for y, row in enumerate(rows):
                if row.values and values[y] is None:
                    one.text(0.02, y, NOTHING, transform=one.get_yaxis_transform(), va="center")
            if column.line is not None:
                one.axvline(column.line, color=INK, linewidth=0.8, linestyle=DASHED)


def draw_overload(path: Path, result: dict[str, Any]) -> None:
    """Memory over the minutes, and beside it ages with their limit."""
    over, limit_ms = result["overloaded"], result["limit_ms"]
    seconds, megabytes = zip(*result["memory"]["rss_mb"], strict=True)
    shown = {f"age, {name}": over["age_ms"][key] for name, key in AGES.items()}
    shown["inference alone, p95"] = over["inference_ms"]["p95"]
    rows = [Row(name, (steady(value),), BLUE if "age" in name else GREY) for name, value in shown.items()]
    values = [steady(value) for value in shown.values()]
    with canvas(path, 1.9, 2) as (left, right):
        left.plot([second / 60 for second in seconds], megabytes, color=BLUE, linewidth=1.4)
        left.set_ylim(0, 1.2 * max(megabytes))
        left.set_xlim(0, seconds[-1] / 60)
        left.set_xlabel("minutes of overload")
        left.set_ylabel("memory (MB)")
        left.grid(axis="y")
        bars(right, values, [row.color for row in rows], log=False)
        widen(right, [*values, steady(limit_ms)], log=False, ticks=4)
        name_rows(right, rows)
        right.set_xlabel("ms")
        right.axvline(limit_ms, color=INK, linewidth=0.8, linestyle=DASHED)
        right.annotate("limit", (limit_ms, -0.6), (0, 2), textcoords="offset points", ha="center")


def steady(value: float) -> Spread:
    """Of what was measured once."""
    return {"median": value, "min": value, "max": value}


def bars(axes: Axes, values: Sequence[Spread | None], colors: Sequence[str], log: bool) -> None:
    """From the top to the bottom, with whiskers from the lowest to the highest round, and the median told."""
    if log:
        axes.set_xscale("log")
    for y, (value, color) in enumerate(zip(values, colors, strict=True)):
        if value is None:
            continue
        if log:
            axes.plot(value["median"], y, "o", color=color, markersize=5)
        else:
            axes.barh(y, value["median"], height=0.62, color=color)
        axes.plot([value["min"], value["max"]], [y, y], color=INK, linewidth=1, solid_capstyle="butt")
        told_at = (value["max"], y)
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        text = number(value["median"])
        axes.annotate(text, told_at, (5, 0), textcoords="offset points", va="center", bbox=behind)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.grid(axis="x")


def widen(axes: Axes, values: Sequence[Spread | None], log: bool, ticks: int) -> None:
    """So that all values fit, with what is written beside them; bars begin at nought."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    low = min((value["min"] for value in values if value), default=1.0)
    high = max((value["max"] for value in values if value), default=1.0)
    axes.set_xlim(low / 2 if log else 0, high * (4 if log else 1.3))
    linear = MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10])
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)) if log else linear)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,g}"))
    axes.minorticks_off()


def name_rows(axes: Axes, rows: Sequence[Row]) -> None:
    """At the left; without rows there are no names."""
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.tick_params(axis="y", length=0)
    for row, name in zip(rows, axes.get_yticklabels(), strict=True):
        name.set_fontweight("normal" if row.values else "bold")
