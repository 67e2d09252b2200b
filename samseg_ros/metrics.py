# SPDX-License-Identifier: Apache-2.0
"""Intersection over union, from one confusion matrix that training and the deployed runtime both use."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from samseg_ros.labels import UNLABELED, LabelSet


class Confusion:
    """Counts of (true class, predicted class) over pixels, int64.

    Pixels whose truth is no class (255) do not count. A prediction that is no class counts as wrong: it
    is in the union of the true class and in no intersection.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        # The last column holds predictions that are no class.
        self.counts = np.zeros((num_classes, num_classes + 1), np.int64)

    def update(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Add one picture: two uint8 arrays of ids of equal shape. ValueError where they do not fit."""
        if prediction.shape != truth.shape:
            raise ValueError(
                f"prediction is {prediction.shape} and truth is {truth.shape}; both must have one shape."
            )
        # Of each pair of ids; several times as fast as picking the pixels that count.
        pairs = np.bincount((truth.astype(np.uint16) * 256 + prediction).reshape(-1), minlength=256 * 256)
        pairs = pairs.reshape(256, 256)
        wrong = self.num_classes + np.flatnonzero(pairs[self.num_classes : UNLABELED].any(axis=1))
        if wrong.size:
            raise ValueError(
                f"truth holds id {wrong.max()}, but ids go from 0 to {self.num_classes - 1} "
                f"({UNLABELED} for void); map the labels first."
            )
        true = pairs[: self.num_classes]
        self.counts[:, :-1] += true[:, : self.num_classes]
        self.counts[:, -1] += true[:, self.num_classes :].sum(axis=1)

    def iou(self) -> np.ndarray:
        """float64 [num_classes] in 0..1: TP / (TP + FP + FN); nan for a class neither true nor predicted."""
        square = self.counts[:, : self.num_classes]
        hits = np.diag(square).astype(np.float64)
        union = self.counts.sum(axis=1) + square.sum(axis=0) - hits
        with np.errstate(invalid="ignore"):
            return np.where(union > 0, hits / union, np.nan)

    def miou(self) -> float:
        """Mean IoU over the classes that occur in truth or prediction; nan when nothing was counted."""
        iou = self.iou()
        return float(np.nanmean(iou)) if not np.all(np.isnan(iou)) else math.nan

    def pixel_accuracy(self) -> float:
        """Share of counted pixels whose class is right, 0..1; nan when nothing was counted."""
        total = int(self.counts.sum())
        return float(np.trace(self.counts[:, : self.num_classes]) / total) if total else math.nan

    def report(self, labels: LabelSet) -> dict[str, Any]:
        """``{"miou", "iou": {class: value or None}, "pixel_accuracy"}``, fit for JSON (nan becomes None)."""
        return {
            "miou": _number(self.miou()),
            "iou": {name: _number(value) for name, value in zip(labels.names, self.iou(), strict=True)},
            "pixel_accuracy": _number(self.pixel_accuracy()),
        }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
