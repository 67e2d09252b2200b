# SPDX-License-Identifier: Apache-2.0
"""What a small Segment Anything learns by.

Of SAM (Kirillov et al., ICCV 2023, section 3 and appendix A) are: focal and dice loss in the proportion 20:1,
of the three masks of a point only the one with the lowest loss learns, and the predicted IoU by its squared
error. The paper does not say the following, which was chosen: focal loss with alpha 0.25 and gamma 2 as its
authors have it, dice loss with 1 added above and below as DETR has it, both on the decoder's own logits of a
quarter of the picture's size, and the squared error of all three predicted IoUs, so that they can be ranked.

SAM's encoder starts from a masked autoencoder; here its task, hidden patches, is learned alongside. So is
grouping, which no SAM was taught by: it asks of the embedding itself what the decoder asks of it by points,
for all cells at once, so that a training of minutes, not weeks, leaves its first plateau.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

ALPHA, GAMMA = 0.25, 2.0


class MaskLosses(NamedTuple):
    """Scalars: focal and dice loss of the best masks, squared error of the predicted IoU."""

    focal: Tensor
    dice: Tensor
    quality: Tensor


def focal_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Of Lin et al., ICCV 2017: the mean over pixels of -a (1 - p)^gamma log p.

    p is the probability of what is true, a is ALPHA inside the mask and 1 - ALPHA outside.

    Args:
        logits, truth: float [..., h, w], truth 0 or 1.

    Returns:
        float [...].
    """
    from torchvision.ops import sigmoid_focal_loss

    each: Tensor = sigmoid_focal_loss(logits, truth, alpha=ALPHA, gamma=GAMMA)
    return each.mean((-2, -1))


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1), p the probability of the mask; shapes as `focal_loss`."""
    found = logits.sigmoid()
    both = (found * truth).sum((-2, -1))
    return 1 - (2 * both + 1) / (found.sum((-2, -1)) + truth.sum((-2, -1)) + 1)


def iou(masks: Tensor, truth: Tensor) -> Tensor:
    """IoU of masks bool [..., h, w]: float32 [...], 0 where both are empty."""
    both = (masks & truth).sum((-2, -1))
    return both / (masks | truth).sum((-2, -1)).clamp(min=1)


def mask_losses(logits: Tensor, quality: Tensor, truth: Tensor, focal: float, dice: float) -> MaskLosses:
    """Losses of the masks of points, each a mean over the points that have a mask.

    Args:
        logits: float [n, 3, h, w], three masks a point.
        quality: float [n, 3], the IoU predicted for each.
        truth: bool [n, h, w]; one that is empty belongs to no point and does not count.
        focal, dice: weights by which the best of the three is found.
    """
    wanted = truth[:, None].expand_as(logits)
    by_focal, by_dice = (loss(logits, wanted.to(logits.dtype)) for loss in (focal_loss, dice_loss))
    best = (focal * by_focal + dice * by_dice).detach().argmin(1, keepdim=True)
    error = (quality - iou(logits.detach() > 0, wanted)) ** 2
    present = truth.flatten(1).any(1).to(logits.dtype)

    def mean(each: Tensor) -> Tensor:
        return (each * present).sum() / present.sum().clamp(min=1)

    chosen_focal, chosen_dice = (each.gather(1, best)[:, 0] for each in (by_focal, by_dice))
    return MaskLosses(mean(chosen_focal), mean(chosen_dice), mean(error.mean(1)))


def hidden_pixel_loss(predicted: Tensor, image: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error of the pixels of hidden patches, each patch normalised to mean 0 and variance 1.

    The target is that of MAE (He et al., CVPR 2022), where it was better than plain pixels; that it is
    predicted by one linear layer from an encoder that sees a token in place of each hidden patch is of SimMIM
    (Xie et al., CVPR 2022).

    Args:
        predicted: float [b, channels · p · p, side, side], p pixels a patch; channel, row, column.
        image: float [b, channels, side · p, side · p].
        hidden: bool [b, side, side].

    Returns:
        Scalar; 0, with a graph, where nothing is hidden.
    """
    patch = image.shape[-1] // hidden.shape[-1]
    target = functional.unfold(image, patch, stride=patch).unflatten(2, hidden.shape[1:])
    variance, mean = torch.var_mean(target, dim=1, keepdim=True, correction=0)
    target = (target - mean) / (variance + 1e-6).sqrt()
    error = ((predicted - target) ** 2).mean(1)
    return (error * hidden).sum() / hidden.sum().clamp(min=1)


def grouping_loss(embedding: Tensor, cell: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Cells of one mask are alike, cells of two masks differ.

        l_ij = scale · cos(e_i, e_j) + bias
        L = ½ mean over alike pairs of −log σ(l_ij) + ½ mean over other pairs of −log σ(−l_ij)

    over pairs i ≠ j of cells of one picture that lie in masks.

    Args:
        embedding: e, float [b, channels, side, side].
        cell: int64 [b, side, side], number of the mask of each cell, 0 none.
        scale, bias: scalars, learned.
    """
    tokens = functional.normalize(embedding.float().flatten(2), dim=1)
    logits = scale * tokens.transpose(1, 2) @ tokens + bias
    number = cell.flatten(1)
    counted = (number[:, :, None] > 0) & (number[:, None] > 0)
    counted &= ~torch.eye(number.shape[1], dtype=torch.bool, device=number.device)
    alike = number[:, :, None] == number[:, None]
    error = functional.softplus(torch.where(alike, -logits, logits))

    def mean(pairs: Tensor) -> Tensor:
        return (error * pairs).sum() / pairs.sum().clamp(min=1)

    return 0.5 * mean(counted & alike) + 0.5 * mean(counted & ~alike)
