# SPDX-License-Identifier: Apache-2.0
"""A folder of pairs, boxes for them, and a label picture for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
from tqdm import tqdm

from samseg_ros import bundle as bundles
from samseg_ros.boxes import read as read_boxes
from samseg_ros.evaluate import listed_stems
from training.data import msrs, thermal
from training.data.sample import existing, read_image
from training.draft import draft
from training.weak_labels.guides import guide
from training.weak_labels.labels import label


def label_folder(
    pairs: Path, boxes: Path, guides: Sequence[str], out: Path, held_out: Path | None = None
) -> tuple[int, int]:
    """Write STEM.png to `out` for each pair that is not held out and has none there yet.

    Args:
        pairs: as `training.data.msrs.pairs` reads them.
        boxes: STEM.txt for each, as `samseg_ros.boxes.read` reads it.
        guides: folders or names of bundles, all of the classes of the first.
        held_out: text file of stems, one a line, which must be there.

    Returns:
        How many it wrote, and how many it found there.

    Raises:
        FileNotFoundError, ValueError, UserError, EngineError: pairs, boxes or bundles that do not fit, or no
            runtime for these, in one sentence.
    """
    found = {rgb.stem: (rgb, heat) for rgb, heat in msrs.pairs(pairs)}
    left_out = set() if held_out is None else listed_stems(held_out)
    if stray := sorted(left_out - found.keys()):
        raise ValueError(f"{held_out} names {stray[0]}, which is no pair of {pairs}.")
    wanted = [stem for stem in found if stem not in left_out]
    drawn = {stem: existing(boxes / f"{stem}.txt", found[stem][0], "file of boxes") for stem in wanted}
    missing = [stem for stem in wanted if not (out / f"{stem}.png").is_file()]
    target = bundles.load(guides[0]).labels
    asked = [guide(name, target) for name in guides]
    out.mkdir(parents=True, exist_ok=True)
    for stem in tqdm(missing, unit="pair", disable=None):
        rgb, heat = read_image(found[stem][0]), thermal.read(found[stem][1])
        if rgb.shape[:2] != heat.shape:
            raise ValueError(
                f"{found[stem][0]} is {rgb.shape[1]}x{rgb.shape[0]} but {found[stem][1]} is "
                f"{heat.shape[1]}x{heat.shape[0]}: they must be registered and the same size."
            )
        told = label(rgb, heat, read_boxes(drawn[stem], heat.shape), asked, target)
        with draft(out / f"{stem}.png") as temporary:
            cv2.imwrite(str(temporary), told)
    return len(missing), len(wanted) - len(missing)
