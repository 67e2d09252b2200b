# SPDX-License-Identifier: Apache-2.0
"""GoodSAM as one module: assistant and student, and the losses of one step as in the paper's figure."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.goodsam.adaptation import masked_window_loss, whole_image_loss, window_loss
from training.goodsam.boundary import boundary_loss, mask_boundary, refine
from training.goodsam.consistency import overlap_consistency
from training.goodsam.fusion import Fused, fuse, fuse_by_area
from training.goodsam.settings import Settings
from training.goodsam.windows import Grid, crop, crops, overlap, stitch
from training.networks import normalise, wrap

STRIDE = 4  # of the networks' logits


class Batch(NamedTuple):
    """Panoramas of one step.

    Attributes:
        images: x as the assistant sees it, uint8 [b, H, W, 3] BGR.
        changed: x as the student sees it: other colours, mirrored, then turned; uint8 [b, H, W, 3].
        mirrored: bool [b]. turns: int64 [b], columns to the right, multiples of 4.
        masks: F_T of all windows, int64 [b, n, h, w], 0 no mask; empty when no loss needs them.
        pairs: neighbouring windows on which the assistant learns and boundaries are compared.
    """

    images: Tensor
    changed: Tensor
    mirrored: Tensor
    turns: Tensor
    masks: Tensor
    pairs: tuple[tuple[int, int], ...]

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        tensors = (self.images, self.changed, self.mirrored, self.turns, self.masks)
        images, changed, mirrored, turns, masks = (one.to(device) for one in tensors)
        return Batch(images, changed, mirrored, turns, masks, self.pairs)


def window_logits(assistant: nn.Module, seen: Tensor, magnify: int) -> Tensor:
    """What the assistant says of windows: float [b, n, 3, h, w] to logits [b, n, c, h/4, w/4].

    Where it says more, because it sees them enlarged or has finer logits, that is averaged.
    """
    windows = seen.flatten(0, 1)
    if magnify > 1:
        windows = functional.interpolate(windows, scale_factor=magnify, mode="bilinear", align_corners=False)
    logits = assistant(windows).float()
    finer = logits.shape[-1] * STRIDE // seen.shape[-1]
    if finer > 1:
        logits = functional.avg_pool2d(logits, finer)
    return logits.unflatten(0, seen.shape[:2])


class GoodSAM(nn.Module):
    """Teacher assistant F_TA and student F_S; calling it gives the losses of a batch.

    The assistant stays in evaluation mode while it learns: its labels are the student's targets, and neither
    dropped paths nor the statistics of one small batch should be in them.
    """

    def __init__(self, assistant: nn.Module, student: nn.Module, settings: Settings) -> None:
        super().__init__()
        self.assistant = assistant
        self.student = student
        self.settings = settings
        self.grid = settings.grid
        self.coarse: Grid = self.grid.scaled(STRIDE)
        assistant.requires_grad_(settings.weights.adapts_assistant)

    def train(self, mode: bool = True) -> GoodSAM:
        super().train(mode)
        self.assistant.eval()
        if self.settings.freeze_norm:
            for module in self.student.modules():
                if isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm):
                    module.eval()
        return self

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        weights = self.settings.weights
        windows = self.assist(batch)
        panorama = self.study(batch)
        fused = self.fuse(windows, batch.masks) if weights.needs_masks else None
        losses: dict[str, Tensor] = {}
        for pair in batch.pairs:
            self._add(losses, self._pair_losses(batch, windows, panorama, pair), 1.0 / len(batch.pairs))
        if fused is not None:
            self._add(losses, self._window_losses(batch, windows, panorama, fused))
        if weights.whole:
            losses["whole"] = whole_image_loss(panorama, stitch(windows, self.coarse))
        return {"loss": self._total(losses), **losses}

    def assist(self, batch: Batch) -> Tensor:
        """S_i = F_TA(W_i): float [b, n, c, h/4, w/4], with gradient where the assistant learns."""
        seen, magnify = crops(normalise(batch.images), self.grid), self.settings.windows.magnify
        learns = self._learners(batch) if self.training and self.settings.weights.adapts_assistant else []
        fixed = [index for index in range(seen.shape[1]) if index not in learns]
        parts = []
        # Those that learn first: autocast keeps the weights it has cast, without gradient if without it.
        if learns:
            parts.append(window_logits(self.assistant, seen[:, learns], magnify))
        if fixed:
            with torch.no_grad():
                parts.append(window_logits(self.assistant, seen[:, fixed], magnify))
        back = torch.tensor([*learns, *fixed], device=seen.device).argsort()
        return torch.cat(parts, dim=1)[:, back]

    def study(self, batch: Batch) -> Tensor:
        """P_S = F_S(x): float [b, c, H/4, W/4], the change of view undone."""
        pad, subpixel = self.settings.wrap, self.settings.student.subpixel
        logits = self.student(wrap(normalise(batch.changed), pad)).float()
        if subpixel > 1:  # the assistant's, which it is compared with, are not finer
            logits = functional.avg_pool2d(logits, subpixel)
        logits = logits[..., pad // STRIDE : logits.shape[-1] - pad // STRIDE]
        upright = []
        for one, mirrored, turn in zip(logits, batch.mirrored.tolist(), batch.turns.tolist(), strict=True):
            turned = one.roll(-turn // STRIDE, dims=-1)
            upright.append(turned.flip(-1) if mirrored else turned)
        return torch.stack(upright)

    def fuse(self, windows: Tensor, masks: Tensor) -> Fused:
        """E_i and M_i of all windows, [b · n, h, w] each."""
        fusion = self.settings.fusion
        logits = self._full(windows.detach().flatten(0, 1), self.grid.window)
        if fusion.version == 1:
            return fuse(logits, masks.flatten(0, 1), fusion.theta)
        return fuse_by_area(logits, masks.flatten(0, 1), fusion.theta, fusion.levels)

    def _learners(self, batch: Batch) -> list[int]:
        return sorted({index for pair in batch.pairs for index in pair})

    def _pair_losses(
        self, batch: Batch, windows: Tensor, panorama: Tensor, pair: tuple[int, int]
    ) -> dict[str, Tensor]:
        """L_CC and L_bd on the overlap O_i of two windows."""
        weights = self.settings.weights
        (i, j), width = pair, self.coarse.size[1]
        in_first, in_second = overlap(self.coarse.windows[i], self.coarse.windows[j], width)
        first, second = crop(windows[:, i], in_first), crop(windows[:, j], in_second)
        losses = {}
        if weights.consistency:
            losses["consistency"] = overlap_consistency(first, second)
        if weights.boundary:
            fine, _ = overlap(self.grid.windows[i], self.grid.windows[j], self.grid.size[1])
            shape = (fine.height, fine.width)
            labels = [self._full(one.detach(), shape).max(1).indices for one in (first, second)]
            outlines = mask_boundary(crop(batch.masks[:, i], fine))
            reference = refine(outlines, labels[0], labels[1], self.settings.boundary.radius)
            student = crop(crop(panorama, self.coarse.windows[i]), in_first)
            losses["boundary"] = boundary_loss(
                self._full(student, shape), reference, self.settings.boundary.width
            )
        return losses

    def _window_losses(
        self, batch: Batch, windows: Tensor, panorama: Tensor, fused: Fused
    ) -> dict[str, Tensor]:
        """Cross-entropies of assistant and student against E_i and E_H^i."""
        weights = self.settings.weights
        losses = {}
        if weights.assistant_window or weights.assistant_masked:
            chosen = self._learners(batch)
            assistant = self._full(windows[:, chosen].flatten(0, 1), self.grid.window)
            taught = Fused(*(part.unflatten(0, windows.shape[:2])[:, chosen].flatten(0, 1) for part in fused))
            if weights.assistant_window:
                losses["assistant_window"] = window_loss(assistant, taught.labels)
            if weights.assistant_masked:
                losses["assistant_masked"] = masked_window_loss(assistant, taught)
        if weights.window or weights.masked:
            student = crops(self._full(panorama, self.grid.size), self.grid).flatten(0, 1)
            if weights.window:
                losses["window"] = window_loss(student, fused.labels)
            if weights.masked:
                losses["masked"] = masked_window_loss(student, fused)
        return losses

    def _total(self, losses: dict[str, Tensor]) -> Tensor:
        """L = L_TA + λ L_S, each loss by its weight."""
        weights = self.settings.weights
        parts = []
        for name, value in losses.items():
            of_student = name in ("whole", "window", "masked", "boundary")
            parts.append(getattr(weights, name) * (weights.student if of_student else 1.0) * value)
        return torch.stack(parts).sum()

    @staticmethod
    def _add(losses: dict[str, Tensor], more: dict[str, Tensor], share: float = 1.0) -> None:
        for name, value in more.items():
            losses[name] = losses[name] + share * value if name in losses else share * value

    @staticmethod
    def _full(logits: Tensor, size: tuple[int, int]) -> Tensor:
        return functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
