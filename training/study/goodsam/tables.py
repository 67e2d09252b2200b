# SPDX-License-Identifier: Apache-2.0
"""The study's results as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.study.goodsam.rows import GOODSAM, PLAIN, UNADAPTED, UNADAPTED_PLUS
from training.study.markdown import NONE, by, cost, effort, iou, plus_minus, table


def markdown(found: dict[str, Any]) -> str:
    """All tables of what `report.collect` found, each under a sentence that says what it is."""
    if not found["rows"]:
        return "\nNo run of the study is finished yet.\n"
    parts = [size(found), scores(found["rows"])]
    if found["differences"]:
        parts.append(differences(found["differences"]))
    parts.append(classes(found["rows"]))
    if found["degradation"]:
        parts.append(degradation(found))
    return "\n" + "\n\n".join(parts) + "\n"


def size(found: dict[str, Any]) -> str:
    """How large the study was, and on what machine."""
    told, machine = found["size"], found["machine"]
    words = []
    for name, what in (("assistant", "assistant"), ("source", "source-only student")):
        if name in told:
            one = told[name]
            words.append(
                f"{what} SegFormer-{one['network'].upper()}, {one['steps']} steps of {one['batch']} of "
                f"{one['images']} labelled pinhole pictures of {by(one['size'])}"
            )
    if GOODSAM.name in told:
        one = told[GOODSAM.name]
        words.append(
            f"adaptation, {one['steps']} steps of {one['batch']} of {one['images']} panoramas without labels"
        )
    if "panorama" in told:
        seen, parameters = told["panorama"], told["parameters"]
        words.append(
            f"panoramas of {by(seen['size'])} ({seen['vertical_fov']}° of height), windows of "
            f"{by(seen['windows']['size'])} every {seen['windows']['stride'][1]} columns, scores on "
            f"{told['scored']} panoramas of other scenes; {parameters['student'] / 1e6:.1f} M parameters in "
            f"the student, {parameters['assistant'] / 1e6:.1f} M in the assistant"
        )
    return f"Size of the study: {'; '.join(words)}. {effort(told['minutes'], machine)}"


def scores(rows: Sequence[dict[str, Any]]) -> str:
    """The table: mIoU of each row."""
    by_name = {row["name"]: row for row in rows}
    lines = []
    if UNADAPTED.name in by_name:
        row = by_name.pop(UNADAPTED.name)
        lines.append(_line("source-only student", row, assistant=False))
        lines.append(_line("teacher assistant", row, student=False))
    if UNADAPTED_PLUS.name in by_name:
        row = by_name.pop(UNADAPTED_PLUS.name)
        lines.append(_line("teacher assistant, windows in two directions", row, student=False))
    lines += [_line(row["row"], row) for row in by_name.values()]
    heads = ["", "student, whole panoramas", "assistant, sliding windows", "seeds", "minutes", "peak memory"]
    return (
        "mIoU in percent, mean ± standard deviation over the seeds; time and memory are of one training:\n\n"
        + table(heads, lines)
    )


def differences(found: Sequence[dict[str, Any]]) -> str:
    """What GoodSAM gains, seed by seed."""
    lines = [[one["against"], plus_minus(one["points"], sign=True)] for one in found]
    head = "Points of mIoU by which GoodSAM's student is ahead, seed by seed:\n\n"
    return head + table(["of", "points"], lines)


def classes(rows: Sequence[dict[str, Any]]) -> str:
    """IoU of each class."""
    names = list(rows[0]["student"]["iou"])
    lines = []
    for row in rows:
        if row["name"] == UNADAPTED.name:
            lines.append(["source-only student", *iou(row["student"]["iou"], names)])
            lines.append(["teacher assistant", *iou(row["assistant"]["iou"], names)])
        elif row["name"] != UNADAPTED_PLUS.name:
            lines.append([row["row"], *iou(row["student"]["iou"], names)])
    head = "IoU of each class in percent, of the student but where the assistant is named:\n\n"
    return head + table(["", *names], lines)


def degradation(found: dict[str, Any]) -> str:
    """How GoodSAM falls with its masks."""
    points = found["degradation"]
    seed = points[0]["seeds"][0]
    lines = [
        [point["masks"], *(f"{point[who]['miou']['mean']:.1f}" for who in ("student", "assistant"))]
        for point in points
    ]
    plain = next((row for row in found["rows"] if row["name"] == PLAIN.name and seed in row["seeds"]), None)
    if plain is not None:
        at = plain["seeds"].index(seed)
        alone = [f"{plain[who]['miou']['each'][at]:.1f}" for who in ("student", "assistant")]
        lines.append([f"none ({PLAIN.text})", *alone])
    head = (
        "GoodSAM with worse and worse masks (0 is the renderer's truth, 1 as bad as "
        f"`training/foundation/instances.py` makes it; seed {seed}), mIoU in percent:\n\n"
    )
    return head + table(["masks", "student", "assistant"], lines)


def _line(text: str, row: dict[str, Any], *, student: bool = True, assistant: bool = True) -> list[str]:
    shown = [
        plus_minus(row[who]["miou"]) if wanted else NONE
        for who, wanted in (("student", student), ("assistant", assistant))
    ]
    return [text, *shown, str(len(row["seeds"])), *cost(row)]
