# SPDX-License-Identifier: Apache-2.0
"""The card that goes with a model: what it learned from, what it scored, what it must not be used for."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from samseg_ros.labels import LabelSet
from training.export.trained import Trained

# What each data set's licence says, and whether weights trained on it may be used commercially.
LICENCES: dict[str, tuple[str, bool]] = {
    "camvid": ("CamVid (Brostow et al.), SegNet split, CC BY-NC 4.0", False),
    "cityscapes": ("Cityscapes, its own terms: non-commercial", False),
    "kitti": ("KITTI semantics, CC BY-NC-SA 3.0", False),
    "world": ("the procedural street of this project, Apache-2.0", True),
    "densepass": ("DensePASS, research use", False),
    "wildpass": ("WildPASS, research use", False),
    "stanford2d3d": ("Stanford 2D-3D-S, its own terms: non-commercial", False),
    "gta5": ("GTA5 (Playing for Data), for research and education", False),
    "synthia": ("SYNTHIA, CC BY-NC-SA 3.0", False),
    "acdc": ("ACDC, its own terms: non-commercial", False),
    "mfnet": ("MFNet, research use", False),
    "msrs": ("MSRS, made of MFNet, research use", False),
    "pst900": ("PST900, no licence stated", False),
    "fmb": ("FMB, no licence stated", False),
    "pictures": ("several owners, whose licences are theirs", False),
}

# Sets with thermal of a real camera, with real streets by day, and with those by night.
REAL_THERMAL = {"mfnet", "msrs", "pst900", "fmb"}
REAL_DAY = {"camvid", "cityscapes", "kitti", "densepass", "wildpass"}
REAL_NIGHT = {"acdc", "mfnet", "msrs", "fmb"}

WIDTH = 105  # characters of a line

DAYLIGHT = (
    "- Its real pictures are daylight streets of the few places above; it has seen no rain and no snow."
)

THIN = "- Thin and rare things (poles, signs, fences, bicycles) are where it errs most; see the table."

WEAK = "; labelled by boxes around people, bicycles and cars, and by other models"

PICTURES = {
    "camera": "pictures of an ordinary camera",
    "panorama": "equirectangular 360° panoramas",
    "rgbt": "registered pairs of RGB and thermal pictures",
}


def write(*, name: str, trained: Trained, size: tuple[int, int], agreement: float) -> str:
    """Markdown.

    Args:
        trained: the run; it tells "start", "data" (a list of kind, path, images), "steps",
            "minutes", "date", "commit".
        size: (height, width) of the exported network.
        agreement: share of pixels on which graph and network agree, 0..1.
    """
    labels, training, task = trained.labels, trained.told, trained.task
    picture = PICTURES[task]
    kinds = {one["kind"] for one in training["data"]}
    drawn = task == "rgbt" and not kinds & REAL_THERMAL
    drawn_night = "world" in kinds and not kinds & REAL_NIGHT
    elsewhere = {"pst900": "scenes underground", "stanford2d3d": "scenes indoors"}
    scenes = elsewhere.get(next(iter(kinds)), "street scenes") if len(kinds) == 1 else "street scenes"
    streets = scenes == "street scenes"
    free = all(LICENCES[kind][1] for kind in kinds)
    use = (
        f"Apache-2.0{_beside(training['start'])}."
        if free
        else "**Non-commercial use only**: the weights come from data whose licences demand it."
    )
    lines = [
        f"# {name}",
        "",
        f"Semantic segmentation of {scenes} in {picture}.",
        f"{len(labels)} classes: {', '.join(labels.names)}.",
        f"Network: {trained.architecture} at {size[1]}x{size[0]}, trained from {training['start']}.",
        "",
        *(line for paragraph in trained.method for line in (textwrap.fill(paragraph, WIDTH), "")),
        "## Licence",
        "",
        use,
        "",
        "## Trained on",
        "",
        # A run and the one that it started from may share sets.
        *dict.fromkeys(
            f"- {one['path']}: {one['images']} pictures of {LICENCES[one['kind']][0]}"
            f"{'' if one.get('labels', True) else '; none of their labels'}"
            f"{WEAK if one.get('weak') else ''}"
            for one in training["data"]
        ),
        "",
        f"{training['steps']} steps in {training['minutes']} minutes, {training['date']}, "
        f"commit {training['commit'] or 'unknown'}.",
        "",
        "## Scores",
        "",
        *_scores(trained.scores, labels),
        "",
        "## Limits",
        "",
        "- A demonstration and a starting point, not a safety function.",
        *(["- All its thermal pictures are drawn; real thermal cameras differ."] if drawn else []),
        *([DAYLIGHT] if kinds & REAL_DAY and not kinds & REAL_NIGHT else []),
        *(["- Dusk, night and fog it knows from the procedural street alone."] if drawn_night else []),
        *([THIN] if streets and trained.scores else []),
        "- The confidence is the network's own probability and is not calibrated.",
        f"- The graph agrees with the trained network on {agreement:.3%} of the pixels.",
        "",
    ]
    return "\n".join(lines)


def _beside(start: str) -> str:
    """What holds beside the licence of the data; `start` as in `Trained.told`."""
    return "" if start == "random weights" else f"; what holds for {start} holds for these too"


def _scores(scores: Mapping[str, Mapping[str, Any]], labels: LabelSet) -> Iterable[str]:
    if not scores:
        yield "It was scored on no pictures."
        return
    yield f"| intersection over union | {' | '.join(scores)} |"
    yield f"|---|{'---|' * len(scores)}"
    yield _row("**mean**", [one["miou"] for one in scores.values()])
    for name in labels.names:
        yield _row(name, [one["iou"].get(name) for one in scores.values()])
    yield _row("pixel accuracy", [one["pixel_accuracy"] for one in scores.values()])
    yield f"| pictures | {' | '.join(str(one['images']) for one in scores.values())} |"


def _row(name: str, values: Iterable[float | None]) -> str:
    return f"| {name} | {' | '.join('' if value is None else f'{value:.3f}' for value in values)} |"
