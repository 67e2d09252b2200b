# SPDX-License-Identifier: Apache-2.0
"""How well one point finds a mask, on whole pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.foundation.pretrain.losses import iou
from training.foundation.pretrain.masked import Memory, Picture
from training.foundation.pretrain.network import Pretraining

MOST = 40  # pictures of a set, evenly spaced


class Found(NamedTuple):
    """Masks bool [n, 3, s, s] and their predicted IoU float [n, 3]."""

    masks: Tensor
    quality: Tensor


def score(
    model: Pretraining, pictures: Sequence[Picture], memory: Memory, side: int, min_area: float
) -> dict[str, Any]:
    """Mean IoU over all masks of at most MOST pictures, each asked for by its innermost point.

    Returns:
        "iou" of the mask with the best prediction, "oracle_iou" of the best of the three, None without masks;
        "masks" and "images" that were asked.
    """
    chosen = [pictures[index] for index in evenly(len(pictures), MOST)]
    own: list[Tensor] = []
    best: list[Tensor] = []
    for picture in chosen:
        image, masks = square(*memory.read(picture), side)
        truth = large(masks, min_area)
        if not len(truth):
            continue
        found = predict(model, image, np.array([innermost(one) for one in truth], np.float32))
        each = iou(found.masks, torch.from_numpy(truth)[:, None].to(found.masks.device))
        own.append(each.gather(1, found.quality.argmax(1, keepdim=True))[:, 0])
        best.append(each.amax(1))
    asked = sum(len(one) for one in own)
    means = [float(torch.cat(each).mean()) if asked else None for each in (own, best)]
    return {"iou": means[0], "oracle_iou": means[1], "masks": asked, "images": len(chosen)}


@torch.no_grad()
def predict(model: Pretraining, image: np.ndarray, points: np.ndarray) -> Found:
    """Three masks for each point of a picture.

    Args:
        image: uint8 [s, s, 3] BGR. points: float32 [n, 2], column and row.
    """
    device = next(model.parameters()).device
    embedding = model.encode(model.normalised(torch.from_numpy(image)[None].to(device)))
    logits, quality = model.decode(embedding, torch.from_numpy(points)[None].to(device))
    full = functional.interpolate(logits[0], size=image.shape[:2], mode="bilinear", align_corners=False)
    return Found(full > 0, quality[0])


def square(image: np.ndarray, masks: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A whole picture and its masks, squashed to `side`."""
    return (
        cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR),
        cv2.resize(masks, (side, side), interpolation=cv2.INTER_NEAREST_EXACT),
    )


def large(masks: np.ndarray, min_area: float) -> np.ndarray:
    """bool [n, h, w]: the masks of uint16 [h, w] that have at least `min_area` of the picture."""
    area = np.bincount(masks.ravel())
    area[0] = 0
    chosen = np.flatnonzero(area >= max(1.0, min_area * masks.size))
    return np.asarray(masks == chosen[:, None, None])


def innermost(mask: np.ndarray) -> tuple[int, int]:
    """(column, row) of the pixel of bool [h, w] that is farthest from its border and the picture's."""
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    row, column = np.unravel_index(np.argmax(inside), inside.shape)
    return int(column) - 1, int(row) - 1


def evenly(length: int, most: int) -> list[int]:
    """At most `most` indices of 0 … length - 1, evenly spaced."""
    return sorted({int(index) for index in np.linspace(0, length - 1, most).round()})
