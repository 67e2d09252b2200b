# SPDX-License-Identifier: Apache-2.0
"""From the recording of a drive to its numbers, its video, its rows of the contact sheet and its report."""

from __future__ import annotations

import math
import os
import platform
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from samseg_ros import __version__, transport
from samseg_ros.bundle import Bundle
from samseg_ros.demo import folder as places
from samseg_ros.demo import panels as layouts
from samseg_ros.demo.drive import Drive
from samseg_ros.demo.measure import Pace, Recording, Shot, percentiles, where_dropped
from samseg_ros.demo.panels import Panels
from samseg_ros.demo.pictures import ContactSheet, Video
from samseg_ros.demo.report import Report, Still
from samseg_ros.demo.score import Score
from samseg_ros.errors import UserError

_SHEET_ROWS, _STILLS = 5, 6
_WITHOUT = {"rgb": "no thermal", "thermal": "no RGB"}


@dataclass(frozen=True)
class Presented:
    """Numbers of a drive, fit for JSON, its sheet (BGR uint8 [h, w, 3]) and its part of the report."""

    summary: dict[str, Any]
    sheet: np.ndarray
    report: Report


def present(folder: Path, bundle: Bundle, recording: Recording, pace: Pace) -> Presented:
    """Write the video into `folder`, and draw and count the rest. The summary:

    ``frames_in`` were sent (a pair is one), ``frames_out`` came back as masks, ``dropped`` is the difference
    and ``dropped_where`` says where; ``frames_processable`` is how many the engine, at ``inference_ms`` each
    (the node's median), could have done in that time.
    ``latency_ms`` is {p50, p95} from sending to recording; ``miou``, ``iou`` and ``pixel_accuracy`` are null
    where the truth is not known, ``by_light`` and ``by_modality`` tell them apart (see :class:`Score`).
    Of two cameras also ``paired``, ``skew_ms`` and ``modalities``: those the node relied on, one after the
    other. UserError where no mask came back.
    """
    drive, labels = recording.drive, bundle.labels
    score, drawn = Score(labels), Panels(labels)
    latencies: list[float | None] = []
    sheet = ContactSheet(f"samseg demo: {bundle.name}, {drive.frames} frames at {pace.hz:g} Hz", labels)
    in_sheet, in_report = worth_a_look(drive, _SHEET_ROWS), worth_a_look(drive, _STILLS)
    stills: list[Still] = []
    layout = layouts.RGB_AND_THERMAL if drive.has_two else layouts.ONE_CAMERA
    height, width = next(drive.play()).size
    with Video(folder / places.VIDEO, pace.hz, height / width, layout) as video:
        for shot in tqdm(recording.shots(), total=drive.frames, unit="frame", disable=None):
            latencies.append(shot.latency_ms)
            score.add(shot)
            caption = _caption(shot, drive.frames)
            panels = drawn.draw(shot.frame, shot.mask)
            video.add(panels, shot.mask is not None, caption)
            if shot.mask is None:
                continue
            # The frame that was chosen may have been dropped: then the next that was not stands in.
            if in_sheet and shot.index >= in_sheet[0]:
                in_sheet.pop(0)
                sheet.add(panels, caption)
            if in_report and shot.index >= in_report[0]:
                in_report.pop(0)
                stills.append(_still(panels, shot, caption))
    if not stills:
        raise UserError("no mask came back from the node; its log may tell why.")
    said = recording.diagnostics()
    came_back = [value for value in latencies if value is not None]
    published, received = _whole(said.get("published")), _whole(said.get("received"))
    lost = None if received is None else recording.messages_sent() - received
    # What one frame took the node while it ran beside the others, not what it took on an idle machine.
    inference_ms = _number(said.get("inference p50 [ms]")) or pace.inference_ms
    summary: dict[str, Any] = {
        "frames_in": drive.frames,
        "frames_out": len(came_back),
        "dropped": drive.frames - len(came_back),
        "dropped_where": where_dropped(drive.frames, len(came_back), lost, published),
        "frames_processable": processable(drive.frames, pace.hz, inference_ms),
        "latency_ms": percentiles(came_back),
        **score.report(),
        "hz": pace.hz,
        "hz_reason": pace.reason,
        "inference_ms": inference_ms,
        "model": bundle.name,
        "label_set": labels.name,
        "sha256": bundle.sha256,
        "runtime": said.get("runtime") or "not known",
        "device": said.get("device") or "not known",
        "precision": said.get("precision") or "not known",
        "node": f"{bundle.task}_node",
        "transport": _transport(),
        "source": drive.source,
        "width": width,
        "height": height,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores",
        "samseg_ros": __version__,
    }
    if drive.has_two:
        summary |= {
            "paired": _whole(said.get("paired")),
            "skew_ms": {name: _number(said.get(f"skew {name} [ms]")) for name in ("p50", "p95")},
            "modalities": recording.modalities(),
        }
    video_bytes = (folder / places.VIDEO).read_bytes()
    report = Report(summary, labels, score.shares(), drive.kinds(), latencies, video_bytes, stills)
    return Presented(summary, sheet.draw(), report)


def processable(frames: int, hz: float, inference_ms: float) -> int:
    """How many of `frames` that come at `hz` an engine has time for that takes `inference_ms` each."""
    seconds = (frames - 1) / hz
    return min(frames, 1 + math.floor(seconds / max(inference_ms * 1e-3, 1.0 / hz) + 1e-6))


def worth_a_look(drive: Drive, wanted: int) -> list[int]:
    """Indices of about `wanted` frames, in order: spread evenly, or, of a drive with two cameras of which
    now and then one is cut off, one of each light and each set of cameras.
    """
    if drive.has_two:
        runs: dict[tuple[str, str], list[int]] = {}
        for kind, run in groupby(enumerate(drive.kinds()), key=lambda numbered: numbered[1]):
            indices = [index for index, _ in run]
            if len(indices) > len(runs.get(kind, [])):
                runs[kind] = indices
        if len(runs) > 1:
            return sorted(run[len(run) // 2] for run in runs.values())
    return (
        [round((i + 0.5) * drive.frames / wanted - 0.5) for i in range(wanted)]
        if drive.frames >= wanted
        else list(range(drive.frames))
    )


def _still(panels: dict[str, np.ndarray], shot: Shot, caption: str) -> Still:
    """The picture and its mask, and of two cameras the other picture; the one that there is comes first."""
    pictures = [name for name in ("picture", "RGB", "thermal") if name in panels]
    if shot.frame.given == "thermal":
        pictures.reverse()
    beside = {name: panels[name] for name in (*pictures[1:], "truth") if name in panels}
    return Still(panels[pictures[0]], panels["mask"], caption, beside if len(pictures) > 1 else {})


def _caption(shot: Shot, frames: int) -> str:
    parts = [f"frame {shot.index + 1} of {frames}", shot.frame.light]
    if shot.frame.is_of_two:
        parts.append(_WITHOUT.get(shot.frame.given, ""))
    parts.append("dropped" if shot.latency_ms is None else f"{shot.latency_ms:.0f} ms")
    return ", ".join(part for part in parts if part)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _transport() -> str:
    middleware = os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    profiled = transport.profile_applies(os.environ) or os.environ.get(transport.APPLIED) == "applied"
    return f"{middleware}, profile {Path(transport.PROFILE).name}" if profiled else middleware
