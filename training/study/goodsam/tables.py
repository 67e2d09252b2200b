# SPDX-License-Identifier: Apache-2.0
"""The study's results as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.study.goodsam.rows import GOODSAM, PLAIN, UNADAPTED, UNADAPTED_PLUS

NONE = "–"


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
                f"{one['images']} labelled pinhole pictures of {_by(one['size'])}"
            )
    if GOODSAM.name in told:
        one = told[GOODSAM.name]
        words.append(
            f"adaptation, {one['steps']} steps of {one['batch']} of {one['images']} panoramas without labels"
        )
    if "panorama" in told:
        seen, parameters = told["panorama"], told["parameters"]
        words.append(
            f"panoramas of {_by(seen['size'])} ({seen['vertical_fov']}° of height), windows of "
            f"{_by(seen['windows']['size'])} every {seen['windows']['stride'][1]} columns, scores on "
            f"{told['scored']} panoramas of other scenes; {parameters['student'] / 1e6:.1f} M parameters in "
            f"the student, {parameters['assistant'] / 1e6:.1f} M in the assistant"
        )
    return (
        f"Size of the study: {'; '.join(words)}. All runs together trained for {told['minutes']:.0f} minutes "
        f"on {machine['cores']} cores of {machine['cpu']} with {machine['memory_gb']:.0f} GB, PyTorch "
        f"{machine['packages'].get('torch', NONE)}, {machine['date'][:10]}."
    )


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
    head = (
        "mIoU in percent, mean ± standard deviation over the seeds; time and memory are of one training:\n\n"
    )
    columns = (
        "| | student, whole panoramas | assistant, sliding windows | seeds | minutes | peak memory |\n"
        "|---|---|---|---|---|---|\n"
    )
    return head + columns + "\n".join(lines)


def differences(found: Sequence[dict[str, Any]]) -> str:
    """What GoodSAM gains, seed by seed."""
    lines = [f"| {one['against']} | {_plus_minus(one['points'], sign=True)} |" for one in found]
    head = "Points of mIoU by which GoodSAM's student is ahead, seed by seed:\n\n| of | points |\n|---|---|\n"
    return head + "\n".join(lines)


def classes(rows: Sequence[dict[str, Any]]) -> str:
    """IoU of each class."""
    names = list(rows[0]["student"]["iou"])
    lines = []
    for row in rows:
        if row["name"] == UNADAPTED.name:
            lines.append(_classes("source-only student", row["student"]["iou"], names))
            lines.append(_classes("teacher assistant", row["assistant"]["iou"], names))
        elif row["name"] != UNADAPTED_PLUS.name:
            lines.append(_classes(row["row"], row["student"]["iou"], names))
    head = "IoU of each class in percent, of the student but where the assistant is named:\n\n"
    return head + f"| | {' | '.join(names)} |\n|---{'|---' * len(names)}|\n" + "\n".join(lines)


def degradation(found: dict[str, Any]) -> str:
    """How GoodSAM falls with its masks."""
    points = found["degradation"]
    seed = points[0]["seeds"][0]
    found_at = [[point[who]["miou"]["mean"] for who in ("student", "assistant")] for point in points]
    lines = [
        f"| {point['masks']} | {student:.1f} | {assistant:.1f} |"
        for point, (student, assistant) in zip(points, found_at, strict=True)
    ]
    plain = next((row for row in found["rows"] if row["name"] == PLAIN.name and seed in row["seeds"]), None)
    if plain is not None:
        at = plain["seeds"].index(seed)
        alone = [plain[who]["miou"]["each"][at] for who in ("student", "assistant")]
        lines.append(f"| none ({PLAIN.text}) | {alone[0]:.1f} | {alone[1]:.1f} |")
    head = (
        "GoodSAM with worse and worse masks (0 is the renderer's truth, 1 as bad as "
        f"`training/foundation/instances.py` makes it; seed {seed}), mIoU in percent:\n\n"
        "| masks | student | assistant |\n|---|---|---|\n"
    )
    return head + "\n".join(lines)


def _line(text: str, row: dict[str, Any], *, student: bool = True, assistant: bool = True) -> str:
    shown = [
        _plus_minus(row[who]["miou"]) if wanted else NONE
        for who, wanted in (("student", student), ("assistant", assistant))
    ]
    trained = row["seconds"]["mean"] > 0
    minutes = f"{row['seconds']['mean'] / 60:.1f}" if trained else NONE
    memory = f"{row['peak_memory_gb']:.1f} GB" if trained and row["peak_memory_gb"] is not None else NONE
    return f"| {text} | {' | '.join(shown)} | {len(row['seeds'])} | {minutes} | {memory} |"


def _classes(text: str, iou: dict[str, float | None], names: Sequence[str]) -> str:
    values = (iou[name] for name in names)
    return f"| {text} | {' | '.join(NONE if one is None else f'{one:.1f}' for one in values)} |"


def _plus_minus(spread: dict[str, Any], sign: bool = False) -> str:
    value = f"{spread['mean']:+.2f}" if sign else f"{spread['mean']:.2f}"
    return value if spread["sd"] is None else f"{value} ± {spread['sd']:.2f}"


def _by(size: Sequence[int]) -> str:
    return " × ".join(str(side) for side in size)
