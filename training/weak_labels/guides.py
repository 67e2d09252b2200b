# SPDX-License-Identifier: Apache-2.0
"""What model bundles say of a pair of pictures, and what of it is believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from samseg_ros import bundle as bundles
from samseg_ros import engine, registration
from samseg_ros.labels import UNLABELED, LabelSet
from samseg_ros.pipeline import Pipeline, Result, RgbtPipeline
from samseg_ros.thermal import Scaling, ThermalScale


class Said(NamedTuple):
    """Labels uint8 [h, w], 255 where nothing is said, and their probability × 255, uint8 [h, w]."""

    labels: np.ndarray
    confidence: np.ndarray


# From RGB uint8 [h, w, 3] BGR and thermal uint8 [h, w] of one view.
Guide = Callable[[np.ndarray, np.ndarray], Said]


def guide(name: str, target: LabelSet) -> Guide:
    """What a bundle says, by its folder or name; bundles for cameras look at RGB alone.

    Raises:
        ValueError: it labels with other classes than `target`, or it is for panoramas.
    """
    bundle = bundles.load(name)
    if bundle.labels.names != target.names:
        raise ValueError(f"bundle '{bundle.name}' labels with {bundle.labels.name}, not with {target.name}.")
    if bundle.projection != "pinhole":
        raise ValueError(f"bundle '{bundle.name}' is for panoramas; choose one for cameras or rgbt.")
    made = engine.load(bundle, "auto", "auto")
    if bundle.task == "rgbt":
        fused = RgbtPipeline(bundle, made, ThermalScale(Scaling("raw8")), registration.NONE)
        return lambda rgb, thermal: _said(rgb, fused.run(rgb, thermal, confidence=True))
    alone = Pipeline(bundle, made)
    return lambda rgb, thermal: _said(rgb, alone.run(rgb, confidence=True))


def _said(rgb: np.ndarray, result: Result) -> Said:
    """At the size of the picture."""
    assert result.confidence is not None
    size = rgb.shape[1::-1]
    return Said(
        cv2.resize(result.mask, size, interpolation=cv2.INTER_NEAREST_EXACT).astype(np.uint8),
        cv2.resize(result.confidence, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8),
    )


def believed(said: Sequence[Said], sure: float) -> np.ndarray:
    """Labels uint8 [h, w]: where several guides differ, the surest one's if it is at least `sure`, 0..1,
    and 255 otherwise; those that say nothing of a pixel (255) do not count there.
    """
    labels = np.stack([one.labels for one in said])
    spoken = labels != UNLABELED
    confidence = np.where(spoken, np.stack([one.confidence for one in said]).astype(np.int16), -1)
    surest = confidence.argmax(axis=0)[None]
    chosen: np.ndarray = np.take_along_axis(labels, surest, axis=0)[0]
    doubted = ((labels != chosen) & spoken).any(axis=0)
    unsure = np.take_along_axis(confidence, surest, axis=0)[0] < 255 * sure
    chosen[doubted & unsure] = UNLABELED
    return chosen
