# SPDX-License-Identifier: Apache-2.0
"""Scores on labelled panoramas: the student on whole ones, the assistant on sliding windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from samseg_ros.labels import LabelSet
from samseg_ros.metrics import Confusion
from samseg_ros.panorama import band, place
from training import processes
from training.goodsam.network import STRIDE, window_logits
from training.goodsam.panorama import Panorama, read
from training.goodsam.settings import Settings
from training.goodsam.windows import crops, stitch
from training.networks import normalise
from training.supervised.evaluate import Predictor

Predict = Callable[[np.ndarray], np.ndarray]


def student(network: nn.Module, settings: Settings) -> Predict:
    """Panoramas, uint8 [h, w, 3] BGR to labels uint8 [h, w]; the network is in evaluation mode.

    It sees them as they are, or in a whole black sphere of which they are a part: `settings.scored_on`.
    """
    if settings.scored_on == "strip":
        return Predictor(network, settings.size, settings.wrap)
    width = settings.size[1]
    sphere = (width // 2, width)
    predictor = Predictor(network, sphere, settings.wrap)
    rows = band(sphere, settings.size, settings.vertical_fov).rows

    def predict(image: np.ndarray) -> np.ndarray:
        labels = predictor(place(image, sphere, settings.vertical_fov))[rows]
        return cv2.resize(labels, settings.size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)

    return predict


def assistant(network: nn.Module, settings: Settings) -> Predict:
    """Sliding windows, stitched: uint8 [h, w, 3] BGR to labels uint8 [h, w]; in evaluation mode."""
    grid = settings.grid

    @torch.no_grad()
    def predict(image: np.ndarray) -> np.ndarray:
        device = next(network.parameters()).device
        seen = crops(normalise(torch.from_numpy(image)[None].to(device)), grid)
        logits = window_logits(network, seen, settings.windows.magnify)
        whole = functional.interpolate(
            stitch(logits, grid.scaled(STRIDE)), size=grid.size, mode="bilinear", align_corners=False
        )
        return whole[0].argmax(0).to(torch.uint8).cpu().numpy()

    return predict


def score(
    predict: Predict,
    panoramas: Sequence[Panorama],
    settings: Settings,
    labels: LabelSet,
    classes: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Scores on labelled panoramas: "miou", "iou" a class, "pixel_accuracy" and "images".

    "miou" is the mean over `classes` as far as they occur; None takes all that occur or were predicted.
    Several processes share the panoramas, and each gets the scores on all.
    """
    confusion = Confusion(len(labels))
    for panorama in processes.share(panoramas):
        seen = read(panorama, settings.size, settings.vertical_fov, truth=True)
        assert seen.label is not None
        confusion.update(predict(seen.image), seen.label)
    confusion.counts = processes.total(confusion.counts)
    report = {**confusion.report(labels), "images": len(panoramas)}
    if classes is not None:
        found = [report["iou"][name] for name in classes if report["iou"][name] is not None]
        report["miou"] = float(np.mean(found)) if found else None
    return report
