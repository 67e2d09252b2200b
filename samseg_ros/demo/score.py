# SPDX-License-Identifier: Apache-2.0
"""How good the masks of a drive are, in all and apart."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from samseg_ros.demo.measure import Shot
from samseg_ros.labels import LabelSet
from samseg_ros.metrics import Confusion


class Score:
    """Collects the masks that came back; those with a known truth are scored."""

    def __init__(self, labels: LabelSet) -> None:
        self._labels = labels
        self._all = Confusion(len(labels))
        self._by_light: dict[str, _Group] = {}
        self._by_modality: dict[str, _Group] = {}
        self._counts = np.zeros(256, np.int64)

    def add(self, shot: Shot) -> None:
        """One frame of the drive, whether its mask came back or not."""
        frame, mask, truth = shot.frame, shot.mask, shot.frame.truth
        groups = [self._group(self._by_light, frame.light)] if frame.light else []
        if frame.is_of_two:
            groups.append(self._group(self._by_modality, frame.given))
        for group in groups:
            group.frames_in += 1
            group.frames_out += mask is not None
        if mask is None:
            return
        self._counts += np.bincount(mask.reshape(-1), minlength=256)
        if truth is None:
            return
        if mask.shape != truth.shape:
            mask = cv2.resize(mask, (truth.shape[1], truth.shape[0]), interpolation=cv2.INTER_NEAREST_EXACT)
        for confusion in (self._all, *(group.confusion for group in groups)):
            confusion.update(mask, truth)

    def report(self) -> dict[str, Any]:
        """``miou``, ``iou`` and ``pixel_accuracy``, null where the truth is not known, and the groups:

        ``by_light`` {light: {frames_in, frames_out, miou}} of a rendered drive, ``by_modality`` the same by
        the cameras that saw a frame ("both", "rgb", "thermal"), of a drive with two.
        """
        known = self._all.counts.any()
        return {
            **(
                self._all.report(self._labels)
                if known
                else {"miou": None, "iou": None, "pixel_accuracy": None}
            ),
            "by_light": {name: group.report(self._labels) for name, group in self._by_light.items()},
            "by_modality": {name: group.report(self._labels) for name, group in self._by_modality.items()},
        }

    def shares(self) -> list[float]:
        """Each class's share of the pixels of all masks, 0..1."""
        total = max(1, int(self._counts.sum()))
        return [float(self._counts[i] / total) for i in range(len(self._labels))]

    def _group(self, groups: dict[str, _Group], name: str) -> _Group:
        return groups.setdefault(name, _Group(Confusion(len(self._labels))))


class _Group:
    def __init__(self, confusion: Confusion) -> None:
        self.confusion = confusion
        self.frames_in = self.frames_out = 0

    def report(self, labels: LabelSet) -> dict[str, Any]:
        return {
            "frames_in": self.frames_in,
            "frames_out": self.frames_out,
            "miou": self.confusion.report(labels)["miou"],
        }
