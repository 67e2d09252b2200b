# SPDX-License-Identifier: Apache-2.0
"""How well a bundle, on the runtime that is deployed, labels pictures whose labels are known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import bundle as bundles
from samseg_ros import engine
from samseg_ros.bags.pictures import is_picture, read_picture
from samseg_ros.errors import UserError
from samseg_ros.labels import UNLABELED, label_map
from samseg_ros.metrics import Confusion
from samseg_ros.pipeline import Pipeline

# Cityscapes (and KITTI semantics, which copies it) names picture and label of one frame differently.
_IMAGE_SUFFIX = "_leftImg8bit"
_LABEL_SUFFIXES = ("_gtFine_labelIds", "_gtCoarse_labelIds", "_gtFine_labelTrainIds")
_OTHER_CITYSCAPES = ("_instanceIds", "_color", "_polygons")


def evaluate(
    bundle: str,
    images: Path,
    labels: Path,
    label_map_name: str | None = None,
    *,
    device: str = "auto",
    runtime: str = "auto",
    vertical_fov: float | None = None,
) -> dict[str, Any]:
    """``{"miou", "iou": {class: value or None}, "pixel_accuracy", "frames"}`` over a folder of pictures.

    Pictures and label PNGs are paired by stem. `label_map_name` says how the labels number their classes
    (see :func:`samseg_ros.labels.label_map`); None means as the bundle does, 255 for void. A prediction is
    compared at the size of its label. UserError for missing pairs, labels of another shape than their
    picture, and ids out of range.
    """
    loaded = bundles.load(bundle)
    classes = loaded.labels
    table = None
    if label_map_name is not None:
        try:
            table = label_map(label_map_name, classes)
        except ValueError as error:
            raise UserError(str(error)) from error
    pairs = pair(images, labels)
    pipeline = Pipeline(loaded, engine.load(loaded, device, runtime), vertical_fov=vertical_fov)
    confusion = Confusion(len(classes))
    for image_path, label_path in tqdm(pairs, unit="picture", disable=None):
        image = read_picture(image_path)
        truth = read_labels(label_path)
        _check_size(image_path, image, label_path, truth)
        if table is not None:
            truth = table[truth]
        else:
            _check_ids(label_path, truth, len(classes))
        mask = pipeline.run(image).mask
        if mask.shape != truth.shape:
            mask = cv2.resize(mask, (truth.shape[1], truth.shape[0]), interpolation=cv2.INTER_NEAREST)
        confusion.update(mask, truth)
    if not confusion.counts.sum():
        raise UserError(
            f"no pixel of {labels} has a class of bundle '{loaded.name}'; give --label-map for labels that "
            "number classes otherwise."
        )
    return {**confusion.report(classes), "frames": len(pairs)}


def pair(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Picture and label of each frame, by stem, Cityscapes suffixes apart, folders inside included.

    UserError where one of a pair is missing or a stem occurs twice.
    """
    for folder in (images, labels):
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder; give one folder of pictures and one of label PNGs.")
    other = (*_LABEL_SUFFIXES, *_OTHER_CITYSCAPES)
    pictures = _by_stem((p for p in images.rglob("*") if is_picture(p)), (_IMAGE_SUFFIX,), other)
    truths = _by_stem(labels.rglob("*.png"), _LABEL_SUFFIXES, (_IMAGE_SUFFIX, *_OTHER_CITYSCAPES))
    if not pictures:
        raise UserError(f"{images} holds no pictures.")
    _complain("picture", images, pictures.keys() - truths.keys(), "label", labels)
    _complain("label", labels, truths.keys() - pictures.keys(), "picture", images)
    return [(pictures[stem], truths[stem]) for stem in sorted(pictures)]


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
    """uint8 [h, w] ids of a label PNG as stored; UserError where it is no single-channel 8-bit picture."""
    truth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if truth is None:
        raise UserError(f"{path} cannot be read as a picture.")
    if truth.ndim != 2 or truth.dtype != np.uint8:
        raise UserError(
            f"{path} is {truth.dtype} with {1 if truth.ndim == 2 else truth.shape[2]} channels; "
            "labels must be single-channel 8-bit PNGs of class ids."
        )
    return truth


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


def _check_size(image_path: Path, image: np.ndarray, label_path: Path, truth: np.ndarray) -> None:
    """A label may be smaller or larger than its picture, but must show the same view."""
    (height, width), (rows, columns) = image.shape[:2], truth.shape
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
