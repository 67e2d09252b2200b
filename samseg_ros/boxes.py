# SPDX-License-Identifier: Apache-2.0
"""How well a bundle labels what boxes were drawn around: people, bicycles and cars, by day and by night.

Boxes are quick to draw where masks are not, and tell less: a box that is labelled everywhere scores no better
than the thing in it. Hence two numbers, whether things are found, and whether labels lie where there are any.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import bundle as bundles
from samseg_ros import engine
from samseg_ros.errors import UserError
from samseg_ros.evaluate import check_streams, pair, predictor
from samseg_ros.labels import class_id
from samseg_ros.light import light
from samseg_ros.pipeline import check_vertical_fov

CLASSES = ("person", "bicycle", "car")  # in the order of their numbers in files
SMALLEST = 100  # px²: smaller boxes need not be found
FOUND = 0.25  # share of a box's pixels that must have the label
LIGHTS = ("all", "day", "night")


@dataclass(frozen=True)
class Box:
    """`name` of the class, `area` in whole px², and the pixels whose centres are in it, one at least."""

    name: str
    area: int
    rows: slice
    columns: slice


@dataclass(frozen=True)
class Count:
    """Of one class: boxes that are large enough, those of them that were found, pixels with the label, and
    those of them that lie in no box of the class, however small.
    """

    boxes: int = 0
    found: int = 0
    labelled: int = 0
    outside: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.boxes + other.boxes,
            self.found + other.found,
            self.labelled + other.labelled,
            self.outside + other.outside,
        )

    def report(self) -> dict[str, Any]:
        """``{"boxes", "recall", "outside"}``; shares of nothing are None."""
        return {
            "boxes": self.boxes,
            "recall": _share(self.found, self.boxes),
            "outside": _share(self.outside, self.labelled),
        }


def evaluate(
    bundle: str,
    images: Path | None,
    boxes: Path,
    *,
    thermal: Path | None = None,
    streams: str | None = None,
    listed: Path | None = None,
    device: str = "auto",
    runtime: str = "auto",
    vertical_fov: float | None = None,
) -> dict[str, Any]:
    """``{"all": {class: {"boxes", "recall", "outside"}}, "day": …, "night": …, "frames"}`` over folders.

    Args:
        images, thermal, streams, listed: as :func:`samseg_ros.evaluate.evaluate` takes them.
        boxes: folder of a text file for each picture, of its stem, as :func:`read` reads it.

    Of each of CLASSES that the bundle knows: `boxes`, how many of at least SMALLEST px²; `recall`, the share
    of these in which at least FOUND of the pixels have the label; `outside`, the share of the pixels with the
    label that lie in no box of the class. None where there is nothing to divide by. Boxes count at the size
    of the RGB picture. UserError for missing partners, lines that are no boxes, and bundles that know none
    of the classes.
    """
    loaded = bundles.load(bundle)
    ids = {name: id_ for name in CLASSES if (id_ := class_id(loaded.labels, name)) is not None}
    if not ids:
        raise UserError(f"bundle '{loaded.name}' knows none of the classes of boxes: {', '.join(CLASSES)}.")
    check_streams(loaded, images, thermal, streams)
    check_vertical_fov(loaded, vertical_fov)
    frames = pair(images, boxes, thermal, boxes=True, listed=listed)
    predict = predictor(loaded, engine.load(loaded, device, runtime), streams, vertical_fov)
    counts = {when: dict.fromkeys(ids, Count()) for when in LIGHTS}
    for frame in tqdm(frames, unit="picture", disable=None):
        size, mask = predict(frame)
        drawn = read(frame.known, size)
        if mask.shape != size:
            mask = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        for name, id_ in ids.items():
            one = count(mask == id_, [box for box in drawn if box.name == name])
            for when in ("all", light(frame.seen.stem)):
                if when is not None:
                    counts[when][name] += one
    scores = {when: {name: one.report() for name, one in of.items()} for when, of in counts.items()}
    return {**scores, "frames": len(frames)}


def count(labelled: np.ndarray, boxes: list[Box]) -> Count:
    """What one picture adds: `labelled`, bool [h, w], is where it has the label of the class of `boxes`."""
    inside = np.zeros(labelled.shape, bool)
    large = found = 0
    for box in boxes:
        inside[box.rows, box.columns] = True
        if box.area >= SMALLEST:
            large += 1
            found += bool(labelled[box.rows, box.columns].mean() >= FOUND)
    return Count(large, found, int(labelled.sum()), int((labelled & ~inside).sum()))


def read(path: Path, size: tuple[int, int]) -> list[Box]:
    """The boxes of a picture of `size` (height, width) from a text file, a line each: ``class cx cy w h``.

    The class is a number, an index into CLASSES; centre, width and height are shares of the picture's. What
    of a box is beyond the picture's edges is cut off. UserError for lines of another kind.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text; give a file of lines `class cx cy w h`.") from error
    return [_box(line, f"{path}, line {i}", size) for i, line in enumerate(lines, start=1) if line.strip()]


def _box(line: str, where: str, size: tuple[int, int]) -> Box:
    number, *words = line.split()
    names = {str(i): name for i, name in enumerate(CLASSES)}
    try:
        across, down, width, height = (float(word) for word in words)
    except ValueError:
        across = down = width = height = math.nan
    if number not in names or not all(0.0 <= share <= 1.0 for share in (across, down, width, height)):
        known = ", ".join(f"{i} {name}" for i, name in names.items())
        raise UserError(
            f"{where} is '{line.strip()}'; expected `class cx cy w h`, the class one of {known}, the rest "
            "shares of the picture's width and height from 0 to 1."
        )
    tall, rows = _span(down, height, size[0])
    wide, columns = _span(across, width, size[1])
    return Box(names[number], round(tall * wide), rows, columns)


def _span(centre: float, length: float, pixels: int) -> tuple[float, slice]:
    """Length, and pixels, of what of a box is in the picture, along one side of `pixels`."""
    low = max(0.0, (centre - length / 2.0) * pixels)
    high = min(float(pixels), (centre + length / 2.0) * pixels)
    first = min(math.ceil(low - 0.5), pixels - 1)
    return high - low, slice(first, max(math.ceil(high - 0.5), first + 1))


def table(report: dict[str, Any]) -> str:
    """The report as text for a terminal."""
    lines = [f"{'':16}   boxes   recall  outside"]
    for when in LIGHTS:
        for name, one in report[when].items():
            shares = "".join(f"{_percent(one[key]):>9}" for key in ("recall", "outside"))
            lines.append(f"{when:7}{name:9}{one['boxes']:8d}{shares}")
        lines.append("")
    return "\n".join([*lines, f"{'frames':16}{report['frames']:8d}"])


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
