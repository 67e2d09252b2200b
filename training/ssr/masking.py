# SPDX-License-Identifier: Apache-2.0
"""MIC (Hoyer et al., CVPR 2023): parts of a target picture are hidden, their labels follow from the rest."""

from __future__ import annotations

import torch
from torch import Tensor


def block_mask(shape: tuple[int, int, int], block: int, ratio: float, device: torch.device) -> Tensor:
    """Squares of a grid, each hidden with probability `ratio`, from PyTorch's global generator.

    The grid starts at the top left; squares at the right and the bottom are cut where they do not fit, which
    is chosen here.

    Args:
        shape: (pictures, height, width).
        block: side of a square, pixels.
        ratio: 0..1.
        device: of the mask.

    Returns:
        bool [b, h, w], True is hidden.
    """
    pictures, height, width = shape
    hidden = torch.rand(pictures, -(-height // block), -(-width // block), device=device) < ratio
    return hidden.repeat_interleave(block, 1).repeat_interleave(block, 2)[:, :height, :width]


def hide(image: Tensor, hidden: Tensor) -> Tensor:
    """x^M = M ⊙ x: normalised image float32 [b, 3, h, w] with 0 where `hidden`, bool [b, h, w], is True."""
    return image.masked_fill(hidden[:, None], 0.0)
