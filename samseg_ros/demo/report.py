# SPDX-License-Identifier: Apache-2.0
"""The report of a demonstration: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from samseg_ros.demo.plots import latency_plot, timeline
from samseg_ros.labels import LabelSet

_PAGE, _DRIVE, _CAMERAS = (
    Path(__file__).with_name(f"{name}.html") for name in ("report", "report_drive", "report_cameras")
)
_STILL_WIDTH = 960
_TITLES = {
    "panorama_node": "A 360° street drive through panorama_node",
    "camera_node": "A street drive through camera_node",
    "rgbt_node": "RGB and thermal through rgbt_node",
}


@dataclass(frozen=True)
class Still:
    """A frame to look at closely: picture and coloured mask, BGR uint8, and what to show beneath them."""

    image: np.ndarray
    color: np.ndarray
    caption: str
    beside: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What the report shows of one drive. `summary` is that of summary.json; `shares` is each class's share
    of pixels; `kinds` is of each frame its light and which cameras saw it.
    """

    summary: dict[str, Any]
    labels: LabelSet
    shares: list[float]
    kinds: list[tuple[str, str]]
    latencies_ms: list[float | None]  # None for a frame that did not come back
    video: bytes
    stills: list[Still] = field(default_factory=list)

    @property
    def title(self) -> str:
        return _TITLES[self.summary["node"]]

    def html(self) -> str:
        """The drive's part of the page."""
        summary = self.summary
        of_two = "modalities" in summary
        slots = {
            "ID": summary["node"],
            "TITLE": escape(self.title),
            "LEAD": escape(self._lead()),
            "TILES": _tiles(summary),
            "LEGEND": _legend(self.labels),
            "PANELS": "RGB and thermal above; overlay and mask below."
            if of_two
            else "Overlay above; camera picture and mask below.",
            "VIDEO_NOTE": "Frames that were dropped show the mask before, in grey."
            if summary["dropped"]
            else "Shown at the rate it was driven.",
            "CLASSES_TITLE": "Intersection over union" if summary["iou"] else "Classes found",
            "CLASSES": _bars(self.labels, summary["iou"], self.shares),
            "CLASSES_NOTE": "Against the truth of the street generator, over all masks that came back."
            if summary["iou"]
            else "Share of all pixels; this drive has no labels to compare with.",
            "BY_LIGHT": _groups("light", summary["by_light"]),
            "ACCOUNT": _table(_account(summary)),
            "ACCOUNT_NOTE": escape(_account_note(summary)),
            "LATENCY": latency_plot(self.latencies_ms, summary["latency_ms"]),
            "SETTINGS": _table(_settings(summary)),
            "CAMERAS": self._cameras() if of_two else "",
            # The long ones last: every replacement copies the page.
            "FRAMES": "\n".join(_frame(still) for still in self.stills),
            "VIDEO": base64.b64encode(self.video).decode(),
        }
        return _filled(_DRIVE, slots)

    def _lead(self) -> str:
        s = self.summary
        drive = "A rendered drive" if s["source"] == "rendered" else f"The drive in {s['source']}"
        return (
            f"{drive} of {s['frames_in']} frames at {s['hz']:g} Hz, {s['width']}×{s['height']}: published "
            f"over ROS 2, labelled by the real node, a process of its own, with {s['model']} on "
            f"{s['runtime']}, and recorded again."
        )

    def _cameras(self) -> str:
        """The section on what happens when one of two cameras fails."""
        said = " → ".join(self.summary["modalities"]) or "nothing"
        skew = self.summary["skew_ms"]["p50"]
        pairs = f"{_count(self.summary['paired'])} pairs" + (
            f", {skew:g} ms apart" if skew is not None else ""
        )
        slots = {
            "TIMELINE": timeline(self.kinds, [value is not None for value in self.latencies_ms]),
            "BY_MODALITY": _groups("seen by", self.summary["by_modality"]),
            "SAID": escape(f"{pairs}. The node said on ~/modalities: {said}."),
        }
        return _filled(_CAMERAS, slots)


def page(reports: Sequence[Report]) -> str:
    """The whole page, of one drive or several."""
    links = "".join(f'<a href="#{report.summary["node"]}">{escape(report.title)}</a>' for report in reports)
    slots = {
        "TITLE": escape(", ".join(report.summary["model"] for report in reports)),
        "LINKS": f"<nav>{links}</nav>" if len(reports) > 1 else "",
        "DRIVES": "\n".join(report.html() for report in reports),
    }
    return _filled(_PAGE, slots)


def _filled(template: Path, slots: dict[str, str]) -> str:
    text = template.read_text(encoding="utf-8")
    for name, value in slots.items():
        text = text.replace(f"@@{name}@@", value)
    return text


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
        tiles.insert(1, (_percent(summary["miou"]), "mean IoU"))
    return "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{name}</span></div>' for value, name in tiles
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:.0f}{unit}"


def _frame(still: Still) -> str:
    picture, mask = _data_uri(still.image, ".jpg"), _data_uri(still.color, ".png")
    caption = escape(still.caption)
    beside = "".join(
        f'<div><img src="{_data_uri(image, ".png" if name == "truth" else ".jpg", 480)}" '
        f'alt="{caption}, {name}"><span>{name}</span></div>'
        for name, image in still.beside.items()
    )
    return (
        f'<figure><div class="compare"><img src="{picture}" alt="{caption}, picture">'
        f'<img src="{mask}" alt="{caption}, mask">'
        f'<input type="range" min="0" max="100" value="50" aria-label="{caption}: picture or mask"></div>'
        + (f'<div class="beside">{beside}</div>' if beside else "")
        + f"<figcaption>{caption}</figcaption></figure>"
    )


def _data_uri(image: np.ndarray, suffix: str, width: int = _STILL_WIDTH) -> str:
    lossless = suffix == ".png"
    size = (width, round(width * image.shape[0] / image.shape[1]))
    image = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST_EXACT if lossless else cv2.INTER_AREA)
    data = base64.b64encode(cv2.imencode(suffix, image)[1].tobytes()).decode()
    return f"data:image/{'png' if lossless else 'jpeg'};base64,{data}"


def _bars(labels: LabelSet, iou: dict[str, float | None] | None, shares: list[float]) -> str:
    rows = []
    for name, (r, g, b), share in zip(labels.names, labels.colors, shares, strict=True):
        value = iou[name] if iou else share
        text = _percent(value)
        rows.append(
            f'<label><i style="background: rgb({r}, {g}, {b})"></i>{escape(name)}</label>'
            f'<div><u style="width: {100 * (value or 0):.1f}%"></u></div><span>{text}</span>'
        )
    return "".join(rows)


def _groups(what: str, groups: dict[str, dict[str, Any]]) -> str:
    """A table of the frames apart; empty where they are all alike."""
    if len(groups) < 2:
        return ""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{group['frames_out']} / {group['frames_in']}</td>"
        f"<td>{_percent(group['miou'])}</td></tr>"
        for name, group in groups.items()
    )
    return f"<table><tr><td>{what}</td><td>masks / frames</td><td>mean IoU</td></tr>{rows}</table>"


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
        (
            "· by the node, for a newer frame or want of a partner"
            if "paired" in summary
            else "· by the node, for a newer frame",
            _count(where["node"]),
        ),
        ("· on the way to the recorder", _count(where["after_node"])),
    ]


def _count(value: int | None) -> str:
    return "not known" if value is None else str(value)


def _account_note(summary: dict[str, Any]) -> str:
    if not summary["dropped"]:
        return "Nothing was lost. The node keeps the newest frame only, so that no mask is ever old."
    if "paired" in summary:
        return (
            "When a camera falls silent the node waits for it, for its stream_timeout, before it goes on "
            "with the other; nothing is made of a frame in between."
        )
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
