# SPDX-License-Identifier: Apache-2.0
"""From a picture to instance masks, whoever finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from training.foundation.settings import (
    FelzenszwalbMasks,
    InstanceMasks,
    MaskSettings,
    Sam2Masks,
    SamMasks,
)
from training.foundation.view import View

if TYPE_CHECKING:
    import torch

MOST = np.iinfo(np.uint16).max


class MaskGenerator(Protocol):
    """Finds masks that have no class."""

    def identity(self) -> dict[str, Any]:
        """What makes the masks: kind, parameters, sha256 of the checkpoint; plain JSON values."""

    def __call__(self, view: View) -> np.ndarray:
        """Masks of `view`: uint16 [h, w], 0 where there is none, 1 … n one mask each."""


def generator(settings: MaskSettings, device: torch.device | str = "cpu") -> MaskGenerator:
    """The mask generator that `settings` ask for; networks go to `device`, the rest is for the CPU.

    Raises:
        FileNotFoundError, ValueError: no checkpoint there, or not one of that kind; a package is missing.
    """
    # Each of them needs a package of its own.
    if isinstance(settings, SamMasks):
        from training.foundation.sam import SamGenerator

        return SamGenerator(settings, device)
    if isinstance(settings, Sam2Masks):
        from training.foundation.sam2 import Sam2Generator

        return Sam2Generator(settings, device)
    if isinstance(settings, InstanceMasks):
        from training.foundation.instances import InstanceGenerator

        return InstanceGenerator(settings)
    assert isinstance(settings, FelzenszwalbMasks)
    from training.foundation.felzenszwalb import FelzenszwalbGenerator

    return FelzenszwalbGenerator(settings)


def parameters(settings: MaskSettings) -> dict[str, Any]:
    """The identity of the generator that `settings` ask for, less the checksum of a checkpoint.

    Networks are not loaded, and need not be here.
    """
    if isinstance(settings, SamMasks | Sam2Masks):
        return settings.model_dump(mode="json", exclude={"checkpoint", "folder", "points_per_batch"})
    return generator(settings).identity()


def flatten(masks: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Lay overlapping masks on one another: the larger below, the smaller on top.

    Of equally large ones the later is on top. What is left of a mask keeps no trace of what lies on it, and a
    mask that is hidden altogether is left out.

    Args:
        masks: bool [h, w] each.
        size: (height, width), for when there is none.

    Returns:
        uint16 [h, w]: 0 no mask, 1 … n one mask each, larger masks first.
    """
    flat = np.zeros(size, np.int64)
    areas = [int(np.count_nonzero(mask)) for mask in masks]
    for number, index in enumerate(sorted(range(len(masks)), key=lambda i: -areas[i]), start=1):
        flat[masks[index]] = number
    return renumber(flat)


def renumber(ids: np.ndarray) -> np.ndarray:
    """Number masks 1 … n without gaps, in the order of their ids; 0 stays.

    Args:
        ids: integers [h, w], 0 or more.

    Returns:
        uint16 [h, w].

    Raises:
        ValueError: more masks than 16 bits can number.
    """
    present = np.bincount(ids.ravel()) > 0
    present[0] = False
    if (count := int(present.sum())) > MOST:
        raise ValueError(
            f"One picture has {count} masks, more than the {MOST} that can be kept: ask for larger ones."
        )
    return (np.cumsum(present) * present).astype(np.uint16)[ids]
