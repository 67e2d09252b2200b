# SPDX-License-Identifier: Apache-2.0
"""The teacher F_T on the windows of a panorama: I_i = F_T(W_i), instance masks without classes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from training.foundation.masks import MaskGenerator
from training.foundation.view import View
from training.goodsam.panorama import Panorama, Seen, read
from training.goodsam.windows import Grid, Window


def needs_truth(identity: Mapping[str, Any]) -> bool:
    """Does the generator of this `identity` make its masks of a renderer's labels and instances?"""
    return bool(identity["kind"] == "instances")


def window_masks(
    panorama: Panorama, generator: MaskGenerator, grid: Grid, vertical_fov: float | None
) -> np.ndarray:
    """The masks of all windows, in the order of `grid.windows`.

    Args:
        panorama: read at `grid.size`, its labels and instances only for a generator that is made of them.
        vertical_fov: as `training.goodsam.panorama.read`.

    Returns:
        uint16 [n, h, w]: 0 no mask, 1 … one mask each; numbers of one window say nothing about another.

    Raises:
        ValueError: as `training.goodsam.panorama.read` and the generator.
    """
    seen = read(panorama, grid.size, vertical_fov, truth=needs_truth(generator.identity()))
    views = (view(seen, window, number(panorama.name, i)) for i, window in enumerate(grid.windows))
    return np.stack([generator(one) for one in views]).astype(np.uint16, copy=False)


def view(seen: Seen, window: Window, number: int) -> View:
    """One window of a panorama, around the seam, as a mask generator sees it."""
    rows = slice(window.top, window.top + window.height)
    columns = np.arange(window.left, window.left + window.width) % seen.image.shape[1]
    image, label, instance = (
        None if part is None else np.ascontiguousarray(part[rows][:, columns]) for part in seen
    )
    assert image is not None
    return View(image, label, instance, number)


def number(name: str, index: int) -> int:
    """Number of the view of a panorama's window, 0 to 2^32 - 1.

    It depends on nothing else, so that masks are the same in whatever order and by how many processes they
    are made.
    """
    return zlib.crc32(f"{name}/{index}".encode())
