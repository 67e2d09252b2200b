# SPDX-License-Identifier: Apache-2.0
"""How well a bundle, on the runtime that is deployed, labels pictures whose labels are known."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import bundle as bundles
from samseg_ros import engine, registration
from samseg_ros.bags.label_png import indices, is_paletted, spread
from samseg_ros.bags.pictures import is_picture, read_as_stored, read_picture, read_thermal_picture
from samseg_ros.errors import UserError
from samseg_ros.labels import UNLABELED, label_map
from samseg_ros.metrics import Confusion
from samseg_ros.pipeline import Pipeline, RgbtPipeline, check_vertical_fov
from samseg_ros.thermal import Scaling, ThermalScale

# Cityscapes (and KITTI semantics, which copies it) names picture and label of one frame differently.
_IMAGE_SUFFIX = "_leftImg8bit"
_LABEL_SUFFIXES = ("_gtFine_labelIds", "_gtCoarse_labelIds", "_gtFine_labelTrainIds")
_OTHER_CITYSCAPES = ("_instanceIds", "_color", "_polygons")

STREAMS = ("both", "rgb", "thermal")


@dataclass(frozen=True)
class Frame:
    """Files of one frame: what is known of it, a label PNG or a text file of boxes, and what was seen, at
    least one of `image` and `thermal`.
    """

    known: Path
    image: Path | None
    thermal: Path | None = None

    @property
    def seen(self) -> Path:
        """The picture that names the frame."""
        found = self.image or self.thermal
        assert found is not None
        return found


def evaluate(
    bundle: str,
    images: Path | None,
    labels: Path,
    label_map_name: str | None = None,
    *,
    thermal: Path | None = None,
    streams: str | None = None,
    listed: Path | None = None,
    device: str = "auto",
    runtime: str = "auto",
    vertical_fov: float | None = None,
) -> dict[str, Any]:
    """``{"miou", "iou": {class: value or None}, "pixel_accuracy", "frames"}`` over folders of pictures.

    Pictures and label PNGs are paired by stem. RGB-T bundles also take a folder of `thermal` pictures,
    registered onto the others and scaled by percentiles; either folder may be missing, as a stream may, and
    `streams`, one of STREAMS, hides a stream that is there. `listed`, a text file of one stem a line, names
    the frames to score; None scores all.

    `label_map_name` says how the labels number their classes (see :func:`samseg_ros.labels.label_map`); None
    means as the bundle does, 255 for void. A prediction is compared at the size of its label. UserError for
    missing pairs, labels of another shape than their picture, and ids out of range.
    """
    loaded = bundles.load(bundle)
    classes = loaded.labels
    table = None
    if label_map_name is not None:
        try:
            table = label_map(label_map_name, classes)
        except ValueError as error:
            raise UserError(str(error)) from error
    check_streams(loaded, images, thermal, streams)
    check_vertical_fov(loaded, vertical_fov)
    frames = pair(images, labels, thermal, listed=listed, raw_ids=label_map_name is not None)
    predict = predictor(loaded, engine.load(loaded, device, runtime), streams, vertical_fov)
    confusion = Confusion(len(classes))
    for frame in tqdm(frames, unit="picture", disable=None):
        truth = read_labels(frame.known)
        seen, mask = predict(frame)
        _check_size(frame.seen, seen, frame.known, truth)
        if table is not None:
            truth = table[truth]
        else:
            _check_ids(frame.known, truth, len(classes))
        if mask.shape != truth.shape:
            mask = cv2.resize(mask, (truth.shape[1], truth.shape[0]), interpolation=cv2.INTER_NEAREST_EXACT)
        confusion.update(mask, truth)
    if not confusion.counts.sum():
        raise UserError(
            f"no pixel of {labels} has a class of bundle '{loaded.name}'; give --label-map for labels that "
            "number classes otherwise."
        )
    return {**confusion.report(classes), "frames": len(frames)}


def check_streams(
    bundle: bundles.Bundle, images: Path | None, thermal: Path | None, streams: str | None
) -> None:
    """UserError unless there is something in these folders for `bundle` to look at, and all of `streams`."""
    if thermal is not None and bundle.task != "rgbt":
        raise UserError(f"bundle '{bundle.name}' takes no thermal pictures; leave out --thermal.")
    if images is None and (thermal is None or bundle.task != "rgbt"):
        raise UserError(f"there is nothing for bundle '{bundle.name}' to look at; give --images.")
    if streams is not None and streams not in STREAMS:
        raise UserError(f"streams are '{streams}'; choose one of: {', '.join(STREAMS)}.")
    if images is None and streams in ("both", "rgb"):
        raise UserError(f"--streams {streams} needs RGB pictures; give --rgb too.")
    if thermal is None and streams in ("both", "thermal"):
        raise UserError(f"--streams {streams} needs thermal pictures, and a bundle that takes them.")


# The size (height, width) of what was seen, and its mask uint8 [h, w], which may have another size.
Predict = Callable[[Frame], tuple[tuple[int, int], np.ndarray]]


def predictor(
    bundle: bundles.Bundle,
    made: engine.Engine,
    streams: str | None = None,
    vertical_fov: float | None = None,
) -> Predict:
    """What labels a frame. RGB-T bundles are shown the streams that the frame has, or those of `streams`; the
    size is that of its RGB picture, shown or not, and of its thermal picture where it has no other.
    """
    return _rgbt(bundle, made, streams) if bundle.task == "rgbt" else _camera(bundle, made, vertical_fov)


def _camera(bundle: bundles.Bundle, made: engine.Engine, vertical_fov: float | None) -> Predict:
    pipeline = Pipeline(bundle, made, vertical_fov=vertical_fov)

    def predict(frame: Frame) -> tuple[tuple[int, int], np.ndarray]:
        image = read_picture(frame.seen)
        return image.shape[:2], pipeline.run(image).mask

    return predict


def _rgbt(bundle: bundles.Bundle, made: engine.Engine, streams: str | None) -> Predict:
    scale = ThermalScale(Scaling("percentile"))
    pipeline = RgbtPipeline(bundle, made, scale, registration.NONE)

    def predict(frame: Frame) -> tuple[tuple[int, int], np.ndarray]:
        # Pictures of a folder need not follow each other: nothing is smoothed from one to the next.
        scale.reset()
        image = None if frame.image is None else read_picture(frame.image)
        thermal = None if frame.thermal is None else read_thermal_picture(frame.thermal)
        seen = image if image is not None else thermal
        assert seen is not None
        shown = None if streams == "thermal" else image, None if streams == "rgb" else thermal
        return seen.shape[:2], pipeline.run(*shown).mask

    return predict


def pair(
    images: Path | None,
    known: Path,
    thermal: Path | None = None,
    *,
    boxes: bool = False,
    listed: Path | None = None,
    raw_ids: bool = False,
) -> list[Frame]:
    """The files of each frame, by stem, Cityscapes suffixes apart, folders inside included.

    `known` is the folder of label PNGs, or with `boxes` of text files, of which those that belong to no
    picture are left out. With `listed` these frames alone. Where Cityscapes' tools have put train ids beside
    its own, the own are taken with `raw_ids`, else the others. UserError where a frame lacks a file that
    others have, or a stem occurs twice.
    """
    kind, files = ("file of boxes", "text files of boxes") if boxes else ("label", "label PNGs")
    folders = {"picture": images, "thermal picture": thermal}
    given = {name: folder for name, folder in folders.items() if folder is not None}
    for folder in (*given.values(), known):
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder; give one folder of pictures and one of {files}.")
    other = (*_LABEL_SUFFIXES, *_OTHER_CITYSCAPES)
    found: dict[str, dict[str, Path]] = {}
    for name, folder in given.items():
        pictures = [path for path in _files(folder) if is_picture(path)]
        found[name] = _by_stem(pictures, (_IMAGE_SUFFIX,), other if _is_cityscapes(pictures) else ())
        if not found[name]:
            raise UserError(f"{folder} holds no pictures.")
    if boxes:
        # One folder may serve several sets of pictures, and tools leave their classes.txt in it.
        pictured = set().union(*found.values())
        texts = (path for path in _files(known) if path.suffix == ".txt")
        texts = (path for path in texts if path.stem.removesuffix(_IMAGE_SUFFIX) in pictured)
        found[kind] = _by_stem(texts, (_IMAGE_SUFFIX,), ())
    else:
        labels = {path for path in _files(known) if path.suffix == ".png"}
        # Of each frame with both, one is left out.
        own, train = "_gtFine_labelIds", "_gtFine_labelTrainIds"
        wanted, other_ids = (own, train) if raw_ids else (train, own)
        labels -= {
            path.with_name(path.name.replace(wanted, other_ids))
            for path in labels
            if path.stem.endswith(wanted)
        }
        leave = (_IMAGE_SUFFIX, *_OTHER_CITYSCAPES) if _is_cityscapes(labels) else ()
        found[kind] = _by_stem(labels, _LABEL_SUFFIXES, leave)
    if listed is not None:
        stems = listed_stems(listed)
        for name, folder in {**given, kind: known}.items():
            _complain("line", listed, stems - found[name].keys(), name, folder)
            found[name] = {stem: found[name][stem] for stem in stems}
    for name, folder in given.items():
        _complain(name, folder, found[name].keys() - found[kind].keys(), kind, known)
        _complain(kind, known, found[kind].keys() - found[name].keys(), name, folder)
    return [
        Frame(path, *(found.get(name, {}).get(stem) for name in folders))
        for stem, path in sorted(found[kind].items())
    ]


def listed_stems(listed: Path) -> set[str]:
    """The lines of a text file of one stem a line; UserError where it has none or is no text."""
    try:
        stems = {line.strip() for line in listed.read_text(encoding="utf-8").splitlines()} - {""}
    except UnicodeDecodeError as error:
        raise UserError(f"{listed} is no text; give a file of one stem a line.") from error
    if not stems:
        raise UserError(f"{listed} names no frames; give a file of one stem a line.")
    return stems


def _files(folder: Path) -> Iterator[Path]:
    """All below `folder`; unlike rglob's, through links to folders too, but once through each folder."""
    seen: set[str] = set()
    for place, below, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            below.clear()
            continue
        seen.add(real)
        yield from (Path(place, name) for name in names)


def _is_cityscapes(paths: Iterable[Path]) -> bool:
    """Whether files are named as Cityscapes', so that ``x_color`` is no frame of that name."""
    return any(path.stem.endswith((_IMAGE_SUFFIX, *_LABEL_SUFFIXES)) for path in paths)


def _by_stem(paths: Iterable[Path], suffixes: tuple[str, ...], leave: tuple[str, ...]) -> dict[str, Path]:
    """Files by their stems less one of `suffixes`; those that end in one of `leave` are something else."""
    found: dict[str, Path] = {}
    for path in sorted(paths):
        if path.stem.endswith(leave):
            continue
        stem = path.stem
        for suffix in suffixes:
            stem = stem.removesuffix(suffix)
        if stem in found:
            raise UserError(f"{found[stem]} and {path} have one stem; each frame needs its own.")
        found[stem] = path
    return found


def read_labels(path: Path) -> np.ndarray:
    """uint8 [h, w] ids of a label PNG as stored, or the indices of a paletted one; UserError for others."""
    if is_paletted(path):
        try:
            return indices(path)
        except ModuleNotFoundError as error:
            raise UserError(f"{path} has a palette; pip install pillow, which reads its indices.") from error
        except ValueError as error:
            raise UserError(f"{error}.") from error
    truth = read_as_stored(path)
    if truth.ndim != 2 or truth.dtype != np.uint8:
        raise UserError(
            f"{path} is {truth.dtype} with {1 if truth.ndim == 2 else truth.shape[2]} channels; "
            "labels must be single-channel 8-bit PNGs of class ids."
        )
    return truth // np.uint8(spread(path))


def table(report: dict[str, Any]) -> str:
    """The report as text for a terminal."""
    width = max(len(name) for name in report["iou"])
    lines = [
        f"{name:{width}}  {'     –' if value is None else f'{100 * value:5.1f}%'}  {_bar(value)}"
        for name, value in report["iou"].items()
    ]
    lines += [
        "",
        f"{'mIoU':{width}}  {100 * report['miou']:5.1f}%",
        f"{'accuracy':{width}}  {100 * report['pixel_accuracy']:5.1f}%",
        f"{'frames':{width}}  {report['frames']:5d}",
    ]
    return "\n".join(lines)


def _bar(value: float | None) -> str:
    return "" if value is None else "█" * round(30 * value)


def _complain(kind: str, folder: Path, stems: set[str], other: str, other_folder: Path) -> None:
    if stems:
        first = min(stems)
        more = f" (and {len(stems) - 1} more)" if len(stems) > 1 else ""
        raise UserError(f"{kind} '{first}'{more} in {folder} has no {other} of that stem in {other_folder}.")


def _check_size(image_path: Path, size: tuple[int, ...], label_path: Path, truth: np.ndarray) -> None:
    """A label may be smaller or larger than its picture, but must show the same view."""
    (height, width), (rows, columns) = size, truth.shape
    if abs(height * columns - width * rows) > max(height, width, rows, columns):
        raise UserError(
            f"{label_path} is {columns}x{rows} but {image_path.name} is {width}x{height}; "
            "a label must have the shape of its picture."
        )


def _check_ids(path: Path, truth: np.ndarray, classes: int) -> None:
    wrong = truth[(truth >= classes) & (truth != UNLABELED)]
    if wrong.size:
        raise UserError(
            f"{path} holds id {int(wrong.min())}, but the bundle's ids go from 0 to {classes - 1} "
            f"({UNLABELED} for void); give --label-map for labels that number classes otherwise."
        )
