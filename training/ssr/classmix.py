# SPDX-License-Identifier: Apache-2.0
"""DACS (Tranheden et al., WACV 2021): classes of a source picture, pasted onto a target picture.

All that is random comes from PyTorch's global generator.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.transforms import v2

from samseg_ros.labels import UNLABELED
from training.ssr.pseudo import Pseudo

KERNEL = 9  # pixels; 3.5 standard deviations of the widest blur to either side
SIGMA = (0.15, 1.15)  # pixels


class Mixed(NamedTuple):
    """Mixed pictures and what they are trained against."""

    image: Tensor
    """uint8 [b, h, w, 3] BGR."""
    label: Tensor
    """int64 [b, h, w], 255 unlabelled."""
    weight: Tensor
    """float32 [b, h, w] in 0..1."""


def class_mask(label: Tensor) -> Tensor:
    """Pixels of a random half of the classes that a picture has, rounded up; each picture its own draw.

    Unlabelled pixels are never chosen, and are no class.

    Args:
        label: int64 [b, h, w], 255 unlabelled.

    Returns:
        bool [b, h, w].
    """
    masks = []
    for one in label:
        classes = one.unique()
        classes = classes[classes != UNLABELED]
        chosen = torch.randperm(len(classes))[: (len(classes) + 1) // 2]
        masks.append(torch.isin(one, classes[chosen.to(label.device)]))
    return torch.stack(masks)


def mix(
    mask: Tensor, source_image: Tensor, source_label: Tensor, target_image: Tensor, pseudo: Pseudo
) -> Mixed:
    """x_m = M x_s + (1 − M) x_t,   y_m = M y_s + (1 − M) ŷ_t,   w_m = M + (1 − M) w_t.

    Args:
        mask: M, bool [b, h, w].
        source_image: x_s, uint8 [b, h, w, 3]. source_label: y_s, int64 [b, h, w].
        target_image: x_t, uint8 [b, h, w, 3]. pseudo: ŷ_t and w_t.
    """
    return Mixed(
        torch.where(mask[..., None], source_image, target_image),
        torch.where(mask, source_label, pseudo.label),
        torch.where(mask, 1.0, pseudo.weight),
    )


def photometric(image: Tensor, jitter: float, jitter_probability: float, blur_probability: float) -> Tensor:
    """Other colours and some blur; each picture its own draw.

    Brightness, contrast and saturation change by factors of 1 ± `jitter`, hue by ± `jitter` of the circle,
    in random order. The blur is Gaussian of 0.15 to 1.15 pixels. That brightness is a factor, and the size of
    the blur's window, are chosen here.

    Args:
        image: uint8 [b, h, w, 3] BGR, sides of at least 5.
        jitter: 0..0.5. jitter_probability, blur_probability: 0..1.

    Returns:
        uint8 [b, h, w, 3] BGR.
    """
    colours = v2.ColorJitter(jitter, jitter, jitter, jitter)
    blur = v2.GaussianBlur(KERNEL, SIGMA)
    changed = []
    for one in image.permute(0, 3, 1, 2).flip(1):  # RGB
        picture = colours(one) if float(torch.rand(())) < jitter_probability else one
        changed.append(blur(picture) if float(torch.rand(())) < blur_probability else picture)
    return torch.stack(changed).flip(1).permute(0, 2, 3, 1).contiguous()
