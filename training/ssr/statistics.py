# SPDX-License-Identifier: Apache-2.0
"""Pixels of each class in every source picture, in the file that rare-class sampling starts from."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import NonNegativeInt, ValidationError
from tqdm import tqdm

from samseg_ros.labels import LabelSet
from training.config import Strict
from training.data.sample import Sample, read_label
from training.draft import draft
from training.ssr.sets import picture_name
from training.ssr.settings import Settings

COMMAND = "`python -m training classes` with the same configuration"
THREADS = 4


class Statistics(Strict):
    """The file, JSON.

    Attributes:
        format: its version.
        label_set: whose classes are counted.
        pictures: name of a picture (`training.ssr.sets.picture_name`) to its pixels of each class.
    """

    format: Literal["samseg class statistics 1"] = "samseg class statistics 1"
    label_set: str
    pictures: dict[str, list[NonNegativeInt]]


def write(settings: Settings, sets: Sequence[Sequence[Sample]], labels: LabelSet) -> np.ndarray:
    """Count, and write the file; it appears whole or not at all.

    Args:
        sets: the samples of each of `settings.source`.
        labels: that they are read in.

    Returns:
        int64 [pictures, classes], set after set.

    Raises:
        ValueError: `rare_classes` is not set, or a label that cannot be read.
    """
    path = file(settings)
    names = [name for part in _names(settings, sets) for name in part]
    counts = count([sample for part in sets for sample in part], len(labels))
    told = Statistics(label_set=labels.name, pictures=dict(zip(names, counts.tolist(), strict=True)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path) as temporary:
        temporary.write_text(told.model_dump_json() + "\n", encoding="utf-8")
    return counts


def read(settings: Settings, sets: Sequence[Sequence[Sample]], labels: LabelSet) -> np.ndarray:
    """What `write` returned.

    Raises:
        FileNotFoundError: no file.
        ValueError: `rare_classes` is not set, or a file that is damaged, of other classes, or without one of
            the pictures.
    """
    path = file(settings)
    if not path.is_file():
        raise FileNotFoundError(f"There are no class statistics {path}: run {COMMAND} first.")
    try:
        told = Statistics.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} holds no class statistics of this version: run {COMMAND} again.") from error
    if told.label_set != labels.name:
        raise ValueError(f"{path} counts {told.label_set}, not {labels.name}: run {COMMAND} again.")
    names = [name for part in _names(settings, sets) for name in part]
    missing = [name for name in names if len(told.pictures.get(name, ())) != len(labels)]
    if missing:
        raise ValueError(
            f"{path} lacks {len(missing)} of {len(names)} source pictures, the first of them {missing[0]}: "
            f"run {COMMAND} again."
        )
    return np.array([told.pictures[name] for name in names], np.int64)


def file(settings: Settings) -> Path:
    """Where the statistics of an experiment are.

    Raises:
        ValueError: it uses none.
    """
    if settings.rare_classes is None:
        raise ValueError("The experiment draws its pictures evenly: set rare_classes.statistics to a file.")
    return settings.data_root / settings.rare_classes.statistics


def count(samples: Sequence[Sample], num_classes: int) -> np.ndarray:
    """Pixels of each class in each label picture, at its own size: int64 [samples, classes].

    Raises:
        ValueError: as `training.data.sample.read_label`.
    """

    def one(sample: Sample) -> np.ndarray:
        return np.bincount(read_label(sample).ravel(), minlength=256)[:num_classes]

    # Decoding lets other threads run.
    with ThreadPoolExecutor(THREADS) as threads:
        counted = tqdm(threads.map(one, samples), total=len(samples), unit="picture", dynamic_ncols=True)
        return np.array(list(counted), np.int64)


def _names(settings: Settings, sets: Sequence[Sequence[Sample]]) -> list[list[str]]:
    return [
        [picture_name(sample.image, one, settings.data_root) for sample in part]
        for one, part in zip(settings.source, sets, strict=True)
    ]
