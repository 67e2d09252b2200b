# SPDX-License-Identifier: Apache-2.0
"""DAFormer's feature distance: of things, the encoder keeps what it knew before it saw rendered pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def thing_cells(label: Tensor, size: tuple[int, int], classes: Sequence[int], min_share: float) -> Tensor:
    """Cells of a coarse grid that belong to a thing: `min_share` of their pixels or more are of one class.

    Args:
        label: int64 [b, H, W], 255 unlabelled; counts as pixels of no class.
        size: (height, width) of the grid, that of the encoder's last stage.
        classes: ids of the thing classes.
        min_share: 0..1.

    Returns:
        bool [b, *size].
    """
    things = torch.tensor(classes, device=label.device).view(1, -1, 1, 1)
    share = functional.adaptive_avg_pool2d((label[:, None] == things).float(), size)
    return (share >= min_share).any(1)


def feature_distance(features: Tensor, reference: Tensor, cells: Tensor) -> Tensor:
    """L_FD = 1/|M| Σ_{j ∈ M} ‖F_3(j) − F_3^{ref}(j)‖₂, a mean over the cells of things; 0 without any.

    Args:
        features: F_3 of the student, float [b, C, h, w].
        reference: F_3 of the encoder that the student started from, likewise; gets no gradient.
        cells: M, bool [b, h, w].
    """
    distance = torch.linalg.vector_norm(features.float() - reference.detach().float(), dim=1)
    return (distance * cells).sum() / cells.sum().clamp(min=1)
