# SPDX-License-Identifier: Apache-2.0
"""The report of a demonstration: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from samseg_ros.labels import LabelSet

TEMPLATE = Path(__file__).with_name("report.html")
_STILL_WIDTH = 960


@dataclass(frozen=True)
class Still:
    """A frame to look at closely: picture and coloured mask, BGR uint8."""

    image: np.ndarray
    color: np.ndarray
    caption: str


@dataclass(frozen=True)
class Report:
    """What the report shows. `summary` is that of summary.json; `shares` is each class's share of pixels."""

    summary: dict[str, Any]
    labels: LabelSet
    shares: list[float]
    latencies_ms: list[float | None]  # None for a frame that did not come back
    video: bytes
    stills: list[Still] = field(default_factory=list)

    def html(self) -> str:
        """The whole page."""
        summary = self.summary
        slots = {
            "MODEL": escape(summary["model"]),
            "NODE": escape(summary["node"]),
            "LEAD": escape(self._lead()),
            "TILES": _tiles(summary),
            "LEGEND": _legend(self.labels),
            "VIDEO_NOTE": "Frames that were dropped show the mask before, in grey."
            if summary["dropped"]
            else "Shown at the rate it was driven.",
            "CLASSES_TITLE": "Intersection over union" if summary["iou"] else "Classes found",
            "CLASSES": _bars(self.labels, summary["iou"], self.shares),
            "CLASSES_NOTE": "Against the truth of the street generator, over all masks that came back."
            if summary["iou"]
            else "Share of all pixels; this drive has no labels to compare with.",
            "ACCOUNT": _table(_account(summary)),
            "ACCOUNT_NOTE": escape(_account_note(summary)),
            "LATENCY": latency_plot(self.latencies_ms, summary["latency_ms"]),
            "SETTINGS": _table(_settings(summary)),
            # The long ones last: every replacement copies the page.
            "FRAMES": "\n".join(_frame(still) for still in self.stills),
            "VIDEO": base64.b64encode(self.video).decode(),
        }
        page = TEMPLATE.read_text(encoding="utf-8")
        for name, value in slots.items():
            page = page.replace(f"@@{name}@@", value)
        return page

    def _lead(self) -> str:
        s = self.summary
        drive = "A rendered drive" if s["source"] == "rendered" else f"The drive in {s['source']}"
        return (
            f"{drive} of {s['frames_in']} frames at {s['hz']:g} Hz, {s['width']}×{s['height']}: published "
            f"over ROS 2, labelled by the real node, a process of its own, with {s['model']} on "
            f"{s['runtime']}, and recorded again."
        )


def latency_plot(latencies_ms: list[float | None], spread: dict[str, float | None]) -> str:
    """An inline SVG: one dot per frame, a stroke on the axis for each that did not come back."""
    width, height, left, bottom = 1060, 240, 52, 28
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


def _tiles(summary: dict[str, Any]) -> str:
    latency = summary["latency_ms"]
    tiles = [
        (f"{summary['frames_out']} / {summary['frames_in']}", "masks out of frames in"),
        (_number(latency["p50"], " ms"), "latency, median"),
        (_number(latency["p95"], " ms"), "latency, 95th percentile"),
        (f"{summary['hz']:g} Hz", "drive rate"),
        (_number(summary["inference_ms"], " ms"), "one frame through the engine"),
    ]
    if summary["miou"] is not None:
        tiles.insert(1, (f"{100 * summary['miou']:.1f} %", "mean IoU"))
    return "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{name}</span></div>' for value, name in tiles
    )


def _number(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:.0f}{unit}"


def _frame(still: Still) -> str:
    picture, mask = _data_uri(still.image, ".jpg"), _data_uri(still.color, ".png")
    caption = escape(still.caption)
    return (
        f'<figure><div class="compare"><img src="{picture}" alt="{caption}, picture">'
        f'<img src="{mask}" alt="{caption}, mask">'
        f'<input type="range" min="0" max="100" value="50" aria-label="{caption}: picture or mask"></div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _data_uri(image: np.ndarray, suffix: str) -> str:
    lossless = suffix == ".png"
    size = (_STILL_WIDTH, round(_STILL_WIDTH * image.shape[0] / image.shape[1]))
    image = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST if lossless else cv2.INTER_AREA)
    data = base64.b64encode(cv2.imencode(suffix, image)[1].tobytes()).decode()
    return f"data:image/{'png' if lossless else 'jpeg'};base64,{data}"


def _bars(labels: LabelSet, iou: dict[str, float | None] | None, shares: list[float]) -> str:
    rows = []
    for name, (r, g, b), share in zip(labels.names, labels.colors, shares, strict=True):
        value = iou[name] if iou else share
        text = "–" if value is None else f"{100 * value:.1f} %"
        rows.append(
            f'<label><i style="background: rgb({r}, {g}, {b})"></i>{escape(name)}</label>'
            f'<div><u style="width: {100 * (value or 0):.1f}%"></u></div><span>{text}</span>'
        )
    return "".join(rows)


def _legend(labels: LabelSet) -> str:
    return "".join(
        f'<span><i style="background: rgb({r}, {g}, {b})"></i>{escape(name)}</span>'
        for name, (r, g, b) in zip(labels.names, labels.colors, strict=True)
    )


def _account(summary: dict[str, Any]) -> list[tuple[str, str]]:
    where = summary["dropped_where"]
    return [
        ("frames sent", str(summary["frames_in"])),
        ("the machine could process", str(summary["frames_processable"])),
        ("masks recorded", str(summary["frames_out"])),
        ("dropped", str(summary["dropped"])),
        ("· on the way to the node", _count(where["before_node"])),
        ("· by the node, for a newer frame", _count(where["node"])),
        ("· on the way to the recorder", _count(where["after_node"])),
    ]


def _count(value: int | None) -> str:
    return "not known" if value is None else str(value)


def _account_note(summary: dict[str, Any]) -> str:
    if not summary["dropped"]:
        return "Nothing was lost. The node keeps the newest frame only, so that no mask is ever old."
    return (
        "The node keeps the newest frame only: one that arrives while it is busy takes the place of the last."
    )


def _settings(summary: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("model", f"{summary['model']} ({summary['label_set']}), sha256 {summary['sha256'][:12]}…"),
        ("runtime", f"{summary['runtime']}, {summary['device']}, {summary['precision']}"),
        ("node", summary["node"]),
        ("transport", summary["transport"]),
        ("rate", f"{summary['hz']:g} Hz; {summary['hz_reason']}"),
        ("machine", summary["machine"]),
        ("samseg_ros", summary["samseg_ros"]),
    ]


def _table(rows: list[tuple[str, str]]) -> str:
    return "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
