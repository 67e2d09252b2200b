# SPDX-License-Identifier: Apache-2.0
"""A Segment Anything that learns from pictures with hidden patches, and is asked for masks by points."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from training.foundation.pretrain.losses import grouping_loss, hidden_pixel_loss, mask_losses
from training.foundation.pretrain.settings import Weights
from training.foundation.sam import CHANNELS, PATCH

if TYPE_CHECKING:
    from segment_anything.modeling import Sam


COARSE = 4  # pixels of the picture to one of the decoder's logits, along each side


class Batch(NamedTuple):
    """Pictures, one point in each of some of their masks, and these masks.

    Attributes:
        image: uint8 [b, s, s, 3] BGR.
        point: int64 [b, n, 2], column and row in `mask`. (Pixels would be no whole numbers, and bfloat16, to
            which Fabric brings all others of a batch, has none above 256 but every second.)
        mask: bool [b, n, s / 4, s / 4], the logits' size; empty where a picture has no mask.
        cell: int64 [b, s / 16, s / 16], the embedding's size: which mask, 0 none.
    """

    image: Tensor
    point: Tensor
    mask: Tensor
    cell: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(part.to(device) for part in self))


class Pretraining(nn.Module):
    """SAM with what it needs to learn: a token for hidden patches, a layer to pixels, a scale of likeness.

    The parts of SAM that a single point never reaches keep the weights that they were made with: boxes,
    points outside, masks as prompts, and the decoder's mask for prompts that are not ambiguous.

    Args:
        sam: of `training.foundation.sam.build`; its position embeddings, zero, are drawn anew.
        hidden: largest share of hidden patches.
        weights: of the losses.
    """

    def __init__(self, sam: Sam, hidden: float, weights: Weights) -> None:
        super().__init__()
        self.sam = sam
        self.hidden = hidden
        self.weights = weights
        place = sam.image_encoder.pos_embed
        nn.init.normal_(place, std=0.02)
        self.token = nn.Parameter(torch.zeros(place.shape[-1]))
        nn.init.normal_(self.token, std=0.02)
        self.pixels = nn.Conv2d(CHANNELS, 3 * PATCH * PATCH, 1)
        # At first, cells that have nothing in common are taken for different with a probability of 0.99.
        self.scale, self.bias = nn.Parameter(torch.tensor(10.0)), nn.Parameter(torch.tensor(-5.0))
        points = sam.prompt_encoder.point_embeddings
        unused = [points[0], points[2], points[3], sam.prompt_encoder.mask_downscaling]
        for part in [*unused, sam.mask_decoder.output_hypernetworks_mlps[0]]:
            part.requires_grad_(False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Losses "focal", "dice", "quality", "pixels", "grouping", and "loss", their weighted sum."""
        image = self.normalised(batch.image)
        hidden = hide(len(image), self.sam.image_encoder.pos_embed.shape[1], self.hidden, image.device)
        embedding = self.encode(image, hidden)
        # To the middle of a logit; SAM adds half a pixel.
        logits, quality = self.decode(embedding, COARSE * batch.point.float() + (COARSE - 1) / 2)
        weights = self.weights
        told = {
            **mask_losses(
                logits.flatten(0, 1),
                quality.flatten(0, 1),
                batch.mask.flatten(0, 1),
                weights.focal,
                weights.dice,
            )._asdict(),
            "pixels": hidden_pixel_loss(self.pixels(embedding), image, hidden),
            "grouping": grouping_loss(embedding, batch.cell, self.scale, self.bias),
        }
        loss = torch.stack([getattr(weights, name) * value for name, value in told.items()]).sum()
        return {"loss": loss, **told}

    def normalised(self, image: Tensor) -> Tensor:
        """uint8 [b, s, s, 3] BGR → float32 [b, 3, s, s] RGB as SAM's encoder expects it."""
        rgb = image.flip(-1).permute(0, 3, 1, 2).float()
        normal: Tensor = (rgb - self.sam.pixel_mean) / self.sam.pixel_std
        return normal

    def encode(self, image: Tensor, hidden: Tensor | None = None) -> Tensor:
        """As SAM's image encoder, but `hidden` bool [b, side, side] are replaced by the token.

        Args:
            image: of `normalised`.

        Returns:
            float [b, 256, side, side].
        """
        encoder = self.sam.image_encoder
        tokens = encoder.patch_embed(image)
        if hidden is not None:
            tokens = torch.where(hidden[..., None], self.token, tokens)
        tokens = tokens + encoder.pos_embed
        for block in encoder.blocks:
            tokens = block(tokens)
        embedding: Tensor = encoder.neck(tokens.permute(0, 3, 1, 2))
        return embedding

    def decode(self, embedding: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        """Three masks for each point.

        Args:
            embedding: float [b, 256, side, side]. point: float32 [b, n, 2], column and row in pixels.

        Returns:
            Logits [b, n, 3, 4 side, 4 side] and predicted IoU [b, n, 3].
        """
        count, each = point.shape[:2]
        inside = torch.ones(count * each, 1, dtype=torch.int, device=point.device)
        # In float32, however the rest is computed: places in bfloat16 are too coarse.
        with torch.autocast(point.device.type, enabled=False):
            sparse, dense = self.sam.prompt_encoder(
                points=(point.reshape(-1, 1, 2), inside), boxes=None, masks=None
            )
            place = self.sam.prompt_encoder.get_dense_pe()
        # The library's decoder takes one picture a call. It adds its embedding to the dense embeddings of the
        # prompts, so those can bring the embeddings of several.
        logits, quality = self.sam.mask_decoder(
            image_embeddings=torch.zeros_like(embedding[:1]),
            image_pe=place,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense + embedding.repeat_interleave(each, 0),
            multimask_output=True,
        )
        return logits.unflatten(0, (count, each)), quality.unflatten(0, (count, each))


def hide(count: int, side: int, most: float, device: torch.device) -> Tensor:
    """Random patches, bool [count, side, side]: of each picture a share drawn evenly from 0 to `most`."""
    share = torch.rand(count, 1, device=device) * most
    rank = torch.rand(count, side * side, device=device).argsort(1).argsort(1)
    return (rank < (share * side * side).round()).unflatten(1, (side, side))
