# SPDX-License-Identifier: Apache-2.0
"""From the recording of a demonstration to its numbers, video, contact sheet and report."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import __version__, transport
from samseg_ros.bundle import Bundle
from samseg_ros.demo import folder as places
from samseg_ros.demo.measure import Pace, Recording, Shot, percentiles, where_dropped
from samseg_ros.demo.pictures import ContactSheet, Video, shown
from samseg_ros.demo.report import Report, Still
from samseg_ros.drawing import bgr_table
from samseg_ros.errors import UserError
from samseg_ros.metrics import Confusion

_SHEET_ROWS, _STILLS = 5, 6


def present(folder: Path, bundle: Bundle, recording: Recording, pace: Pace) -> dict[str, Any]:
    """Write video, contact sheet and report into `folder`; return the summary, fit for JSON:

    ``frames_in`` were sent, ``frames_out`` came back as masks, ``dropped`` is the difference and
    ``dropped_where`` says where; ``frames_processable`` is how many the engine, at ``inference_ms`` each
    (the node's median), could have done in that time.
    ``latency_ms`` is {p50, p95} from sending to recording; ``miou``, ``iou`` and ``pixel_accuracy`` are null
    where the truth is not known. UserError where no mask came back.
    """
    drive, labels = recording.drive, bundle.labels
    confusion = Confusion(len(labels))
    counts = np.zeros(256, np.int64)
    latencies: list[float | None] = []
    sheet = ContactSheet(f"samseg demo: {bundle.name}, {drive.frames} frames at {pace.hz:g} Hz", labels)
    in_sheet, in_report = _spread(drive.frames, _SHEET_ROWS), _spread(drive.frames, _STILLS)
    stills: list[Still] = []
    table = bgr_table(labels)
    first = next(drive.play()).image
    height, width = first.shape[:2]
    with Video(folder / places.VIDEO, pace.hz, height / width, labels) as video:
        for shot in tqdm(recording.shots(), total=drive.frames, unit="frame", disable=None):
            latencies.append(shot.latency_ms)
            caption = _caption(shot, drive.frames)
            video.add(shot.frame.image, shot.mask, caption)
            if shot.mask is None:
                continue
            counts += np.bincount(shot.mask.reshape(-1), minlength=256)
            if shot.frame.truth is not None:
                confusion.update(_fit(shot.mask, shot.frame.truth), shot.frame.truth)
            # The frame that was chosen may have been dropped: then the next that was not stands in.
            if in_sheet and shot.index >= in_sheet[0]:
                in_sheet.pop(0)
                sheet.add(shot.frame.image, shot.mask, shot.frame.truth, caption)
            if in_report and shot.index >= in_report[0]:
                in_report.pop(0)
                stills.append(Still(shot.frame.image, shown(shot.frame.image, shot.mask, table)[1], caption))
    if not stills:
        raise UserError("no mask came back from the node; its log may tell why.")
    sheet.write(folder / places.SHEET)
    came_back = [value for value in latencies if value is not None]
    said = recording.diagnostics()
    quality = confusion.report(labels) if drive.truth else {"miou": None, "iou": None, "pixel_accuracy": None}
    # What one frame took the node while it ran beside the others, not what it took on an idle machine.
    inference_ms = _number(said.get("inference p50 [ms]")) or pace.inference_ms
    summary: dict[str, Any] = {
        "frames_in": drive.frames,
        "frames_out": len(came_back),
        "dropped": drive.frames - len(came_back),
        "dropped_where": where_dropped(
            drive.frames, len(came_back), _whole(said.get("received")), _whole(said.get("published"))
        ),
        "frames_processable": processable(drive.frames, pace.hz, inference_ms),
        "latency_ms": percentiles(came_back),
        **quality,
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
    shares = [float(counts[i] / counts.sum()) for i in range(len(labels))]
    report = Report(summary, labels, shares, latencies, (folder / places.VIDEO).read_bytes(), stills)
    (folder / places.REPORT).write_text(report.html(), encoding="utf-8")
    return summary


def processable(frames: int, hz: float, inference_ms: float) -> int:
    """How many of `frames` that come at `hz` an engine has time for that takes `inference_ms` each."""
    seconds = (frames - 1) / hz
    return min(frames, 1 + math.floor(seconds / max(inference_ms * 1e-3, 1.0 / hz) + 1e-6))


def _caption(shot: Shot, frames: int) -> str:
    came = "dropped" if shot.latency_ms is None else f"{shot.latency_ms:.0f} ms"
    return f"frame {shot.index + 1} of {frames}, {came}"


def _spread(frames: int, wanted: int) -> list[int]:
    """Up to `wanted` indices, evenly over the drive."""
    return (
        [round((i + 0.5) * frames / wanted - 0.5) for i in range(wanted)]
        if frames >= wanted
        else list(range(frames))
    )


def _fit(mask: np.ndarray, truth: np.ndarray) -> np.ndarray:
    if mask.shape == truth.shape:
        return mask
    return cv2.resize(mask, (truth.shape[1], truth.shape[0]), interpolation=cv2.INTER_NEAREST)


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
