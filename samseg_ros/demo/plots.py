# SPDX-License-Identifier: Apache-2.0
"""The plots of a report, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

_WIDTH, _LEFT, _RIGHT = 1060, 52, 12


def latency_plot(latencies_ms: list[float | None], spread: dict[str, float | None]) -> str:
    """An inline SVG: one dot per frame, a stroke on the axis for each that did not come back."""
    width, height, left, bottom = _WIDTH, 240, _LEFT, 28
    known = [value for value in latencies_ms if value is not None]
    top_ms = _round_up(max(known, default=1.0))
    across = (width - left - 12) / max(1, len(latencies_ms) - 1)

    def x(index: int) -> float:
        return left + index * across

    def y(ms: float) -> float:
        return height - bottom - (height - bottom - 14) * ms / top_ms

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="latency of each frame">']
    for step in range(5):
        ms = top_ms * step / 4
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 12}" y1="{y(ms):.1f}" y2="{y(ms):.1f}"/>')
        unit = " ms" if step == 4 else ""
        parts.append(f'<text x="{left - 8}" y="{y(ms) + 4:.1f}" text-anchor="end">{ms:g}{unit}</text>')
    for name, value in spread.items():
        if value is not None:
            parts.append(
                f'<line class="mark" x1="{left}" x2="{width - 12}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
            )
            beside = y(value) + (14 if name == "p50" else -6)  # so that two close ones stay readable
            parts.append(
                f'<text x="{width - 14}" y="{beside:.1f}" text-anchor="end">{name} {value:g} ms</text>'
            )
    for index, value in enumerate(latencies_ms):
        if value is None:
            low = height - bottom
            parts.append(
                f'<line class="lost" x1="{x(index):.1f}" x2="{x(index):.1f}" y1="{low}" y2="{low - 12}">'
                f"<title>frame {index}: dropped</title></line>"
            )
        else:
            parts.append(
                f'<circle class="dot" cx="{x(index):.1f}" cy="{y(value):.1f}" r="3.4">'
                f"<title>frame {index}: {value:.0f} ms</title></circle>"
            )
    parts.append(f'<text x="{left}" y="{height - 8}">frame 0</text>')
    parts.append(f'<text x="{width - 12}" y="{height - 8}" text-anchor="end">{len(latencies_ms) - 1}</text>')
    return "".join([*parts, "</svg>"])


def _round_up(value: float) -> float:
    """The next of 1, 2, 4 or 8 times a power of ten: quarters of it are round numbers."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-9)))
    return float(next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value))


def timeline(kinds: Sequence[tuple[str, str]], came_back: Sequence[bool]) -> str:
    """What the cameras gave, and whether a mask came of it, frame by frame.

    `kinds` holds the light of each frame and which cameras saw it: ``both``, ``rgb`` or ``thermal``.
    """
    height, row, top = 132, 26, 24
    across = (_WIDTH - _LEFT - _RIGHT) / max(1, len(kinds))

    def x(index: int) -> float:
        return _LEFT + index * across

    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="cameras and masks over time">']
    start = 0
    for light, run in groupby(light for light, _ in kinds):
        count = len(list(run))
        parts.append(f'<text x="{x(start) + 2:.1f}" y="14">{light}</text>')
        if start:
            parts.append(
                f'<line class="grid" x1="{x(start):.1f}" x2="{x(start):.1f}" y1="4" y2="{height - 22}"/>'
            )
        start += count
    rows = (
        ("RGB", [given != "thermal" for _, given in kinds], [given for _, given in kinds]),
        ("thermal", [given != "rgb" for _, given in kinds], [given for _, given in kinds]),
        ("mask", came_back, [given for _, given in kinds]),
    )
    for number, (name, there, given) in enumerate(rows):
        y = top + number * (row + 4)
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 17}" text-anchor="end">{name}</text>')
        for index, is_there in enumerate(there):
            kind = given[index] if name == "mask" and is_there else "there" if is_there else "absent"
            what = f"frame {index + 1}: " + (
                (f"from {given[index]}" if is_there else "no mask")
                if name == "mask"
                else ("sent" if is_there else "cut off")
            )
            parts.append(
                f'<rect class="{kind}" x="{x(index) + 0.5:.1f}" y="{y}" width="{across - 1:.1f}" '
                f'height="{row}"><title>{what}</title></rect>'
            )
    parts.append(f'<text x="{_LEFT}" y="{height - 6}">frame 1</text>')
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{height - 6}" text-anchor="end">{len(kinds)}</text>')
    return "".join([*parts, "</svg>"])
