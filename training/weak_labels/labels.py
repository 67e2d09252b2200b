# SPDX-License-Identifier: Apache-2.0
"""The label picture of a pair from what bundles say of it and from boxes around what matters most."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from samseg_ros.boxes import CLASSES, Box
from samseg_ros.labels import UNLABELED, LabelSet, class_id
from training.weak_labels import guides
from training.weak_labels.boxes import inside, views
from training.weak_labels.guides import Guide, Said

SURE = 0.6  # a guide that another contradicts is believed from this probability on
REACH = 40  # pixels: how far a label is carried into what was taken for a thing where there is no box
ORDER = ("car", "bicycle", "person")  # later ones lie over earlier ones, large ones over small ones


def label(
    rgb: np.ndarray, thermal: np.ndarray, boxes: Sequence[Box], ask: Sequence[Guide], target: LabelSet
) -> np.ndarray:
    """uint8 [h, w] ids of `target`, 255 where nothing is known.

    What the guides say is believed but for the classes of boxes: these are where their boxes are and nowhere
    else. Where all guides see one outside, what is labelled nearest is taken; in a box, but not in the
    thing that was found in it, that stays unknown. Who rides a bicycle is a person, as in the boxes.

    Args:
        rgb: uint8 [h, w, 3] BGR.
        thermal: uint8 [h, w] of the same view, warmer is brighter.
    """
    ids = {name: id_ for name in CLASSES if (id_ := class_id(target, name)) is not None}
    heard = [one(rgb, thermal) for one in ask]
    drawn = np.isin([one.labels for one in heard], list(ids.values()))
    silent = [
        Said(np.where(thing, UNLABELED, one.labels).astype(np.uint8), one.confidence)
        for one, thing in zip(heard, drawn, strict=True)
    ]
    known = guides.believed(silent, SURE)
    boxed = np.zeros(known.shape, bool)
    for box in boxes:
        boxed[box.rows, box.columns] = True
    known = _carried(known, drawn.all(axis=0) & ~boxed)
    seen = views(rgb, thermal)
    for box in sorted(
        (one for one in boxes if one.name in ids), key=lambda one: (ORDER.index(one.name), one.area)
    ):
        known[inside(seen, box)] = ids[box.name]
    return known


def _carried(known: np.ndarray, where: np.ndarray) -> np.ndarray:
    """`known` with the nearest label at `where`, from REACH pixels away at most."""
    if (known == UNLABELED).all() or not where.any():
        return known
    distance, nearest = cv2.distanceTransformWithLabels(
        (known == UNLABELED).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of = np.zeros(int(nearest.max()) + 1, np.uint8)
    of[nearest[known != UNLABELED]] = known[known != UNLABELED]
    return np.where(where & (distance <= REACH), of[nearest], known).astype(np.uint8)
