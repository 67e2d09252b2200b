# SPDX-License-Identifier: Apache-2.0
"""A picture sheet: source, label, target, pseudo-label, mix, its label, prediction; one crop a row."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from samseg_ros.labels import LabelSet
from training.draft import draft
from training.networks import normalise
from training.ssr.network import SSR, Batch

SHOWN = 4  # crops of each domain on the sheet
WIDTH = 256  # of each of them, pixels


@torch.no_grad()
def write(path: Path, model: SSR, batch: Batch, labels: LabelSet) -> None:
    """Write a JPEG of a batch on the CPU, one line for each crop; without self-training of the source alone.

    A model in evaluation mode comes back as it was. Pixels of the mix that weigh nothing are black.

    Raises:
        OSError: it cannot be written.
    """
    palette = labels.palette()[:, ::-1]
    columns = [batch.source.numpy(), palette[batch.label.numpy()]]
    moved = batch.to(next(model.parameters()).device)
    if model.teacher is None:
        columns.append(palette[_labels(model, moved.source)])
    else:
        pseudo = model.pseudo(moved.target)
        # Its own random numbers: a sheet must not change the training that goes on after it.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            mixed = model.mixed(moved, pseudo)
        counted = mixed.label.where(mixed.weight > 0, 255).cpu().numpy()
        columns += [batch.target.numpy(), palette[pseudo.label.cpu().numpy()], mixed.image.cpu().numpy()]
        columns += [palette[counted], palette[_labels(model, moved.target)]]
    height = round(WIDTH * batch.source.shape[1] / batch.source.shape[2])
    rows = [
        np.concatenate(
            [cv2.resize(one, (WIDTH, height), interpolation=cv2.INTER_NEAREST_EXACT) for one in row], axis=1
        )
        for row in zip(*columns, strict=True)
    ]
    with draft(path) as part:
        if not cv2.imwrite(str(part), np.concatenate(rows), [cv2.IMWRITE_JPEG_QUALITY, 90]):
            raise OSError(f"Cannot write {path}: check that its folder exists and the disk has room.")


def _labels(model: SSR, images: Tensor) -> np.ndarray:
    """What the plain branch says of pictures uint8 [b, h, w, 3], uint8 [b, h, w]."""
    size = [int(side) for side in images.shape[1:3]]
    logits = model.student(normalise(images))
    full = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    return full.argmax(1).to(torch.uint8).cpu().numpy()
