# SPDX-License-Identifier: Apache-2.0
"""Labels one picture, or a folder of pictures: an id mask as PNG for each."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import drawing
from samseg_ros.bags.draft import draft
from samseg_ros.bags.outcome import Outcome
from samseg_ros.errors import UserError
from samseg_ros.pipeline import Pipeline

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def is_picture(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder (not of folders inside it) by name; UserError where there are none."""
    found = sorted(path for path in folder.iterdir() if is_picture(path) and not path.name.startswith("."))
    if not found:
        raise UserError(f"{folder} holds no pictures ({', '.join(SUFFIXES)}) and no ROS 2 bag.")
    return found


def read_picture(path: Path) -> np.ndarray:
    """uint8 [h, w, 3] BGR; UserError where it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f"{path} cannot be read as a picture.")
    return image


def label_picture(source: Path, out: Path, pipeline: Pipeline, overlay: bool = False) -> Outcome:
    """One picture to one mask; the overlay goes beside it, named ``<stem>_overlay.jpg``."""
    if out.suffix.lower() != ".png":
        raise UserError(f"{out} is no PNG name; masks of single pictures are written as .png (lossless).")
    image = read_picture(source)
    with draft(out) as path:
        mask = pipeline.run(image).mask
        _write(path, mask)
        if overlay:
            shown = out.with_name(f"{out.stem}_overlay.jpg")
            with draft(shown) as overlay_path:
                _write(overlay_path, _overlay(image, mask, pipeline))
    return Outcome(frames=1)


def label_folder(source: Path, out: Path, pipeline: Pipeline, overlay: bool = False) -> Outcome:
    """A folder of pictures to a folder of masks named alike, with a ``labels.json`` that names the ids.

    Overlays go to ``overlay/`` in it. Pictures that cannot be read are skipped and named.
    """
    paths = pictures_in(source)
    by_stem: dict[str, Path] = {}
    for path in paths:
        if path.stem in by_stem:
            raise UserError(
                f"{by_stem[path.stem].name} and {path.name} would both become {path.stem}.png; rename one."
            )
        by_stem[path.stem] = path
    outcome = Outcome()
    with draft(out) as folder:
        folder.mkdir()
        if overlay:
            (folder / "overlay").mkdir()
        for path in tqdm(paths, unit="picture", disable=None):
            try:
                image = read_picture(path)
            except UserError as error:
                outcome.skip(str(source), str(error))
                continue
            mask = pipeline.run(image).mask
            _write(folder / f"{path.stem}.png", mask)
            if overlay:
                _write(folder / "overlay" / f"{path.stem}.jpg", _overlay(image, mask, pipeline))
            outcome.frames += 1
        if not outcome.frames:
            raise UserError(f"none of the {len(paths)} pictures in {source} could be read.")
        (folder / "labels.json").write_text(
            json.dumps(pipeline.bundle.label_document(), indent=1) + "\n", encoding="utf-8"
        )
    return outcome


def _overlay(image: np.ndarray, mask: np.ndarray, pipeline: Pipeline) -> np.ndarray:
    return drawing.overlay(image, drawing.colorize(mask, drawing.bgr_table(pipeline.bundle.labels)))


def _write(path: Path, image: np.ndarray) -> None:
    if not cv2.imwrite(str(path), image):
        raise UserError(f"{path.name} cannot be written to {path.parent.parent}; is the disk full?")
