# SPDX-License-Identifier: Apache-2.0
"""The study's results as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.study.markdown import NONE, by, cost, effort, iou, plus_minus, table
from training.study.ssr.rows import DAFORMER, REAL_DAFORMER, ROWS

TEXTS = {row.name: row.text for row in ROWS}
ON = {"pinhole_b": "style b", "camvid": "CamVid"}


def markdown(found: dict[str, Any]) -> str:
    """All tables of what `report.collect` found, each under a sentence that says what it is."""
    if not found["rows"] and not found["real"]:
        return "\nNo run of the study is finished yet.\n"
    parts = [size(found)]
    if found["foundation"] is not None:
        parts.append(foundation(found["foundation"]))
    for rows in (found["rows"], found["real"]):
        if rows:
            parts.append(scores(rows))
    if found["differences"]:
        parts.append(differences(found["differences"]))
    for rows in (found["rows"], found["real"]):
        if rows:
            parts.append(classes(rows))
    return "\n" + "\n\n".join(parts) + "\n"


def size(found: dict[str, Any]) -> str:
    """How large the study was, and on what machine."""
    told, words = found["size"], []
    if "source" in told and "start" in told:
        first, one = told["source"], told["start"]
        words.append(
            f"pictures of {by(one['size'])}, crops of {by(one['crop'])}, MiT-{one['variant'].upper()} with a "
            f"decode head of {one['channels']} channels; all rows start from what {first['steps']} steps of "
            f"{first['batch']} (the encoder, in a SegFormer) and {one['steps']} of {one['batch']} taught on "
            f"{first['labelled']} and {one['labelled']} labelled pictures of style a: mIoU on style b "
            f"{plus_minus(one['miou'])}"
        )
    for name, what in ((DAFORMER.name, "style b"), (REAL_DAFORMER.name, "CamVid")):
        if name in told:
            one = told[name]
            words.append(
                f"adaptation to {what}, {one['steps']} steps of {one['batch']} crops of {one['labelled']} "
                f"labelled pictures and {one['batch']} of {one['unlabelled']} without labels, scores on "
                f"{one['scored']} others"
            )
    if "parameters" in told:
        words.append(
            f"{told['parameters']['student'] / 1e6:.2f} M parameters are deployed, "
            f"{told['parameters']['regulariser'] / 1e6:.2f} M more are learned with SSR"
        )
    return f"Size of the study: {'; '.join(words)}. {effort(told['minutes'], found['machine'])}"


def foundation(found: dict[str, Any]) -> str:
    """What plays SAM, and how well it does."""
    encoder, seen = found["encoder"], " + ".join(str(one["images"]) for one in found["data"])
    scored = [
        f"{one['masks']} masks of {name} with an IoU of {_share(one['iou'])}, the best of its three answers "
        f"{_share(one['oracle_iou'])}"
        for name, one in found["validation"].items()
    ]
    return (
        f"SAM is played by one of width {encoder['width']} and depth {encoder['depth']} that sees pictures "
        f"of {by([encoder['image_size']] * 2)}, after {found['steps']} steps of {found['batch']} of {seen} "
        f"pictures. By one point each it finds {'; '.join(scored)}."
    )


def scores(rows: Sequence[dict[str, Any]]) -> str:
    """The table: mIoU of each row."""
    on = ON[rows[0]["set"]]
    lines = [[row["row"], plus_minus(row["miou"]), str(len(row["seeds"])), *cost(row)] for row in rows]
    return (
        f"mIoU on {on} in percent, mean ± standard deviation over the seeds; time and memory are of one "
        "training:\n\n" + table(["", "mIoU", "seeds", "minutes", "peak memory"], lines)
    )


def differences(found: Sequence[dict[str, Any]]) -> str:
    """What each part brings, seed by seed."""
    lines = [
        [TEXTS[one["of"]], TEXTS[one["against"]], ON[one["set"]], plus_minus(one["points"], sign=True)]
        for one in found
    ]
    head = "Points of mIoU by which one row is ahead of another, seed by seed:\n\n"
    return head + table(["", "ahead of", "on", "points"], lines)


def classes(rows: Sequence[dict[str, Any]]) -> str:
    """IoU of each class."""
    names = list(rows[0]["iou"])
    lines = [[row["row"], *iou(row["iou"], names)] for row in rows]
    return f"IoU of each class on {ON[rows[0]['set']]} in percent:\n\n" + table(["", *names], lines)


def _share(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"
