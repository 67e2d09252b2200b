# SPDX-License-Identifier: Apache-2.0
"""The study's results as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.study.drawing import LIGHTS
from training.study.markdown import NONE, by, cost, effort, iou, plus_minus, table
from training.study.sartm.rows import ALL, ROWS

TEXTS = {row.name: row.text for row in ROWS}
STREAMS = {"both": "both streams", "rgb": "RGB alone", "thermal": "thermal alone"}
METHODS = {"supervised": "SegFormer-B0 and CMX, from random weights", "sartm": "SARTM"}


def markdown(found: dict[str, Any]) -> str:
    """All tables of what `report.collect` found, each under a sentence that says what it is."""
    rows = found["rows"]
    if not rows:
        return "\nNo run of the study is finished yet.\n"
    parts = [size(found)]
    if found["foundation"] is not None:
        parts.append(foundation(found["foundation"]))
    parts.append(scores(rows))
    if found["aims"]:
        parts.append(aims(found["aims"]))
    if found["differences"]:
        parts.append(differences(found["differences"]))
    parts += [part for stream in STREAMS if (part := lights(rows, stream))]
    parts += [costs(rows), classes(rows)]
    return "\n" + "\n\n".join(parts) + "\n"


def size(found: dict[str, Any]) -> str:
    """How large the study was, and on what machine."""
    told, words = found["size"], []
    for command, what in METHODS.items():
        if command in told:
            one = told[command]
            words.append(
                f"{what}: {one['steps']} steps of {one['batch']} crops of {by(one['crop'])} of "
                f"{one['labelled']} labelled pairs, scores on {one['scored']} others of "
                f"{by(one['size'])} a light"
            )
    return f"Size of the study: {'; '.join(words)}. {effort(told['minutes'], found['machine'])}"


def foundation(found: dict[str, Any]) -> str:
    """What plays SAM."""
    encoder, learned = found["encoder"], f"{found['steps']} steps of {found['batch']} of {found['images']}"
    return (
        "SAM is played by the network of the [study of SSR](../ssr/README.md), of width "
        f"{encoder['width']} and depth {encoder['depth']}, for pictures of "
        f"{by([encoder['image_size']] * 2)}: {learned} pictures by day, without classes and without thermal. "
        f"Training it took {found['minutes']:.0f} minutes more, once for both studies."
    )


def scores(rows: Sequence[dict[str, Any]]) -> str:
    """The table: mIoU of each row over all lights."""
    lines = [
        [row["row"], *(_miou(row, stream, ALL) for stream in STREAMS), str(len(row["seeds"]))] for row in rows
    ]
    return (
        "mIoU in percent, the mean over the five lights, mean ± standard deviation over the seeds; the same "
        "network sees both streams or one of them:\n\n" + table(["", *STREAMS.values(), "seeds"], lines)
    )


def lights(rows: Sequence[dict[str, Any]], stream: str) -> str:
    """The table of mIoU in each light; empty without a row that sees that stream."""
    lines = [
        [row["row"], *(_miou(row, stream, light) for light in LIGHTS)]
        for row in rows
        if stream in row["scores"]
    ]
    if not lines:
        return ""
    return f"mIoU in percent by light, from {STREAMS[stream]}:\n\n" + table(["", *LIGHTS], lines)


def costs(rows: Sequence[dict[str, Any]]) -> str:
    """The table of parameters, operations, time and memory."""
    lines = []
    for row in rows:
        counted, gflops = row["parameters"], row["gflops"]
        lines.append(
            [
                row["row"],
                NONE if counted is None else f"{counted['trainable'] / 1e6:.2f} M",
                NONE if counted is None else f"{counted['frozen'] / 1e6:.2f} M",
                NONE if gflops is None else f"{gflops:.2f}",
                *cost(row),
            ]
        )
    return (
        "What each row costs; parameters are those of training, the auxiliary head included, time and memory "
        "are of one training. GFLOPs are of one pair at the size of scoring through the network as it is "
        "exported, where LoRA is merged into the encoder and the auxiliary head is left out "
        "(`torch.utils.flop_counter`, two operations for a multiplication with its addition):\n\n"
        + table(["", "learn", "are frozen", "GFLOPs", "minutes", "peak memory"], lines)
    )


def aims(found: Sequence[dict[str, Any]]) -> str:
    """What SARTM was to reach."""
    lines = [
        [
            one["against"],
            STREAMS[one["stream"]],
            "all lights" if one["light"] == ALL else one["light"],
            plus_minus(one["points"], sign=True),
            f"{one['at_least']:+.0f}",
            "yes" if one["reached"] else "no",
        ]
        for one in found
    ]
    heads = ["ahead of", "SARTM sees", "in", "points", "aim", "reached"]
    return "Points of mIoU by which SARTM is ahead, seed by seed, and what it was to reach:\n\n" + table(
        heads, lines
    )


def differences(found: Sequence[dict[str, Any]]) -> str:
    """What each part brings, seed by seed."""
    lines = [
        [
            TEXTS[one["of"]],
            TEXTS[one["against"]],
            *(plus_minus(one["points"][light], sign=True) for light in (ALL, "night")),
        ]
        for one in found
    ]
    head = "Points of mIoU by which one row is ahead of another from both streams, seed by seed:\n\n"
    return head + table(["", "ahead of", "in all lights", "at night"], lines)


def classes(rows: Sequence[dict[str, Any]]) -> str:
    """IoU of each class."""
    first = {row["name"]: next(iter(row["scores"].values()))[ALL]["iou"] for row in rows}
    names = list(first[rows[0]["name"]])
    lines = [[row["row"], *iou(first[row["name"]], names)] for row in rows]
    return (
        "IoU of each class in percent, the mean over the lights, from both streams where a network knows "
        "both:\n\n" + table(["", *names], lines)
    )


def _miou(row: dict[str, Any], stream: str, light: str) -> str:
    return plus_minus(row["scores"][stream][light]["miou"]) if stream in row["scores"] else NONE
