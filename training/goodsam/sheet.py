# SPDX-License-Identifier: Apache-2.0
"""A picture sheet: panorama, assistant, E, E_H, student, truth where known; one column a panorama."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from samseg_ros.labels import UNLABELED, LabelSet
from training.draft import draft
from training.goodsam.fusion import hard_labels
from training.goodsam.network import Batch, GoodSAM
from training.goodsam.panorama import Panorama, Seen, read
from training.goodsam.settings import Settings
from training.goodsam.windows import Grid, stitch

WIDTH = 800  # of each panorama on the sheet, pixels


@torch.no_grad()
def write(
    path: Path,
    model: GoodSAM,
    panoramas: Sequence[tuple[Panorama, np.ndarray | None]],
    settings: Settings,
    labels: LabelSet,
) -> None:
    """Write a JPEG of panoramas with their masks uint16 [n, h, w]; None leaves E and E_H out.

    Raises:
        OSError: it cannot be written.
    """
    palette = labels.palette()[:, ::-1]
    height = round(WIDTH * settings.size[0] / settings.size[1])
    columns = []
    for panorama, masks in panoramas:
        seen = read(panorama, settings.size, settings.vertical_fov, truth=True)
        pictures = [seen.image, *(palette[one] for one in _maps(model, seen, masks))]
        shrunk = [cv2.resize(one, (WIDTH, height), interpolation=cv2.INTER_NEAREST_EXACT) for one in pictures]
        # Panoramas without truth leave its place black, so that rows line up.
        shrunk += [np.zeros_like(shrunk[0])] * (6 - len(shrunk))
        columns.append(np.concatenate(shrunk))
    with draft(path) as part:
        if not cv2.imwrite(str(part), np.concatenate(columns, axis=1), [cv2.IMWRITE_JPEG_QUALITY, 90]):
            raise OSError(f"Cannot write {path}: check that its folder exists and the disk has room.")


def _maps(model: GoodSAM, seen: Seen, masks: np.ndarray | None) -> list[np.ndarray]:
    """Labels uint8 [H, W]: of the assistant, E, E_H, of the student, the truth."""
    grid, device = model.grid, next(model.parameters()).device
    image = torch.from_numpy(seen.image)[None].to(device)
    plain = torch.zeros(1, dtype=torch.long, device=device)
    none = torch.zeros((1, 0, *grid.window), dtype=torch.long, device=device)
    batch = Batch(image, image, plain.bool(), plain, none, ())
    windows, panorama = model.assist(batch), model.study(batch)
    found = [_labels(stitch(windows, model.coarse), grid.size)]
    if masks is None:
        found += [np.full(grid.size, UNLABELED, np.uint8)] * 2
    else:
        fused = model.fuse(windows, torch.from_numpy(masks.astype(np.int64))[None].to(device))
        found += [_pasted(fused.labels, grid), _pasted(hard_labels(fused), grid)]
    found.append(_labels(panorama, grid.size))
    return found if seen.label is None else [*found, seen.label]


def _labels(logits: Tensor, size: tuple[int, int]) -> np.ndarray:
    full = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    return full[0].argmax(0).to(torch.uint8).cpu().numpy()


def _pasted(windows: Tensor, grid: Grid) -> np.ndarray:
    """Labels int64 [n, h, w] of windows on one panorama; each pixel's are of the window it is most inside."""
    canvas = np.zeros(grid.size, np.uint8)
    nearest = np.full(grid.size, np.inf)
    height, width = grid.window
    rows, columns = np.indices(grid.window)
    away = np.maximum(abs(rows + 0.5 - height / 2) / height, abs(columns + 0.5 - width / 2) / width)
    for labels, place in zip(windows.cpu().numpy(), grid.windows, strict=True):
        beside = (place.left + np.arange(width)) % grid.size[1]
        where = np.ix_(place.top + np.arange(height), beside)
        closer = away < nearest[where]
        canvas[where] = np.where(closer, labels, canvas[where])
        nearest[where] = np.minimum(away, nearest[where])
    return canvas
