# SPDX-License-Identifier: Apache-2.0
"""Labels one picture, or a folder of pictures: an id mask as PNG for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import drawing, images
from samseg_ros.bags.outcome import Outcome
from samseg_ros.bundle import Bundle
from samseg_ros.draft import draft
from samseg_ros.errors import UserError
from samseg_ros.pipeline import Pipeline

# Reads a frame and labels it: what it shows, BGR uint8 [h, w, 3], and its mask, uint8 [H, W].
Label = Callable[[], tuple[np.ndarray, np.ndarray]]

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def is_picture(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder (not of folders inside it) by name; UserError where there are none."""
    found = sorted(path for path in folder.iterdir() if is_picture(path) and not path.name.startswith("."))
    if not found:
        raise UserError(f"{folder} holds no pictures ({', '.join(SUFFIXES)}).")
    return found


def read_as_stored(path: Path) -> np.ndarray:
    """[h, w] or [h, w, 3 or 4], of the file's dtype; UserError where it is no picture, or a cut-off JPEG."""
    return _decoded(path, _content(path), cv2.IMREAD_UNCHANGED)


def read_picture(path: Path) -> np.ndarray:
    """uint8 [h, w, 3] BGR; UserError as of :func:`read_as_stored`, and for a PNG of 16 grey bits."""
    data = _content(path)
    if images.is_deep_grey(data):
        raise UserError(f"{path} is a grey PNG of 16 bits, as of a thermal camera; give colours, or 8 bits.")
    return _decoded(path, data, cv2.IMREAD_COLOR)


def read_thermal_picture(path: Path) -> np.ndarray:
    """uint8, uint16 or float32 [h, w] as stored; UserError where it cannot be read so, or has colours."""
    try:
        values = images.single_channel(_decoded(path, _content(path), images.THERMAL))
    except images.ImageError as error:
        raise UserError(f"{path}: {error}") from error
    if values.dtype not in (np.uint8, np.uint16, np.float32):
        raise UserError(f"{path} is {values.dtype}; thermal pictures must have 8 bits, 16 bits or float32.")
    return values


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    if images.is_cut_off(data):
        raise UserError(f"{path} is a JPEG that was cut off; copy it again.")
    return data


def _decoded(path: Path, data: bytes, flags: int) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # nothing in it, or more pixels than OpenCV takes
        image = None
    if image is None:
        raise UserError(f"{path} cannot be read as a picture.")
    return image


def label_picture(source: Path, out: Path, pipeline: Pipeline, overlay: bool = False) -> Outcome:
    """One picture to one mask; the overlay goes beside it, named ``<stem>_overlay.jpg``.

    Where `out` has no suffix it becomes a folder as of :func:`label_folder`.
    """
    if not out.suffix:
        return _label_each([source], out, pipeline, overlay, str(source.parent))
    if out.suffix.lower() != ".png":
        raise UserError(
            f"{out} is no PNG name; masks are PNGs (lossless); a name without suffix becomes a folder."
        )
    image = read_picture(source)
    with draft(out) as path:
        mask = pipeline.run(image).mask
        _write(path, mask)
        if overlay:
            shown = out.with_name(f"{out.stem}_overlay.jpg")
            with draft(shown) as overlay_path:
                table = drawing.bgr_table(pipeline.bundle.labels)
                _write(overlay_path, drawing.overlay(image, drawing.colorize(mask, table)))
    return Outcome(frames=1)


def label_folder(source: Path, out: Path, pipeline: Pipeline, overlay: bool = False) -> Outcome:
    """A folder of pictures to a folder of masks named alike, with a ``labels.json`` that names the ids.

    Overlays go to ``overlay/`` in it. Pictures that cannot be read are skipped and named.
    """
    return _label_each(pictures_in(source), out, pipeline, overlay, str(source))


def _label_each(paths: list[Path], out: Path, pipeline: Pipeline, overlay: bool, source: str) -> Outcome:
    def label(path: Path) -> tuple[np.ndarray, np.ndarray]:
        image = read_picture(path)
        return image, pipeline.run(image).mask

    outcome = Outcome()
    frames = {stem: partial(label, path) for stem, path in by_stem(paths).items()}
    write_masks(frames, out, pipeline.bundle, overlay, outcome, source)
    return outcome


def by_stem(paths: list[Path]) -> dict[str, Path]:
    """Pictures by their names less the suffix, in the order given; UserError where two have one."""
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            raise UserError(f"{found[path.stem]} and {path} have one stem, {path.stem}; rename one of them.")
        found[path.stem] = path
    return found


def write_masks(
    frames: Mapping[str, Label], out: Path, bundle: Bundle, overlay: bool, outcome: Outcome, source: str
) -> None:
    """Write ``STEM.png`` for each frame, ``labels.json`` and ``overlay/STEM.jpg`` into a new folder `out`.

    Frames that cannot be read are skipped, and named in `outcome` by their stems; UserError where none can.
    """
    table = drawing.bgr_table(bundle.labels)
    with draft(out) as folder:
        folder.mkdir()
        if overlay:
            (folder / "overlay").mkdir()
        for stem, label in tqdm(frames.items(), unit="picture", disable=None):
            try:
                image, mask = label()
            except UserError as error:
                outcome.skip(stem, str(error))
                continue
            _write(folder / f"{stem}.png", mask)
            if overlay:
                shown = drawing.overlay(_sized(image, mask), drawing.colorize(mask, table))
                _write(folder / "overlay" / f"{stem}.jpg", shown)
            outcome.frames += 1
        if not outcome.frames:
            raise UserError(f"none of the {len(frames)} pictures in {source} could be read.")
        document = json.dumps(bundle.label_document(), indent=1)
        (folder / "labels.json").write_text(document + "\n", encoding="utf-8")


def _sized(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture at the size of its mask: a thermal one has the network's."""
    if image.shape[:2] == mask.shape:
        return image
    return cv2.resize(image, (mask.shape[1], mask.shape[0]), interpolation=cv2.INTER_LINEAR)


def _write(path: Path, image: np.ndarray) -> None:
    # Not imwrite: it is silent about a disk that is full at the end, and dies of a name that is no UTF-8.
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
