# SPDX-License-Identifier: Apache-2.0
"""What SARTM's network learns from: the losses of a step, and the prototypes that live beyond it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.networks import normalise
from training.sartm.losses import language_loss, prototype_loss, segmentation_loss
from training.sartm.network import SARTM, Outputs
from training.sartm.prototypes import GlobalPrototypes, Prototypes, pool
from training.sartm.settings import Settings


class Batch(NamedTuple):
    """Pictures of one step.

    Attributes:
        image: uint8 [b, h, w, 4], BGR and thermal. label: int64 [b, h, w], 255 unlabelled.
        present: float32 [b, 2], 1 or 0 for RGB and thermal.
    """

    image: Tensor
    label: Tensor
    present: Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        return Batch(*(part.to(device) for part in self))


class Objective(nn.Module):
    """Calling it gives the losses of a batch, each with its weight: "loss" is the sum of the others.

        segmentation:  CE(decoder(F), y)                  auxiliary:   CE(auxiliary head(F), y)
        language:      KL of similarities of names and of prototypes P
        distillation:  KL of prototypes P_1, P_2, P to the shared ones G

    P_1, P_2 and P are pooled over SFM of RGB, of thermal (both rectified) and of F. In training G takes in P
    before it is looked at, as in the authors' code.

    Args:
        network: what is deployed.
        settings: of the experiment.
        text: embeddings of the class names, float32 [classes, d], needed by `settings.language`. They are in
            no checkpoint: a run reads them again.
        weights: of the classes in both cross-entropies, float32 [classes]; None is 1 for each. In no
            checkpoint either.

    Attributes:
        shared: G, saved with the network; None without distillation.

    Raises:
        ValueError: language without embeddings, or with a number of them that is not that of the classes.
    """

    text: Tensor | None
    weights: Tensor | None

    def __init__(
        self,
        network: SARTM,
        settings: Settings,
        text: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        classes, channels = network.decoder.mask_tokens.weight.shape
        if settings.language is not None and text is None:
            raise ValueError("language needs the embeddings of the class names: give them.")
        if text is not None and len(text) != classes:
            raise ValueError(f"There are {len(text)} embeddings for {classes} classes: give one for each.")
        self.network = network
        self.settings = settings
        self.classes = classes
        wanted = settings.distillation
        self.shared = None if wanted is None else GlobalPrototypes(classes, channels, wanted.decay)
        self.register_buffer("text", text, persistent=False)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        settings = self.settings
        found = self.network.outputs(normalise(batch.image, batch.present), batch.present)
        loss = segmentation_loss(found.logits, batch.label, self.weights)
        losses = {"segmentation": settings.segmentation * loss}
        if settings.auxiliary is not None and found.auxiliary is not None:
            loss = segmentation_loss(found.auxiliary, batch.label, self.weights)
            losses["auxiliary"] = settings.auxiliary.weight * loss
        if settings.language is not None or settings.distillation is not None:
            losses |= self._of_prototypes(found, batch)
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def _of_prototypes(self, found: Outputs, batch: Batch) -> dict[str, Tensor]:
        losses = {}
        language, distillation = self.settings.language, self.settings.distillation
        fused = pool(found.fused, batch.label, self.classes)
        if language is not None and self.text is not None:
            losses["language"] = language.weight * language_loss(fused, self.text)
        if distillation is not None and self.shared is not None:
            if self.training:
                self.shared.update(fused)
            streams = [*self._of_streams(found, batch), fused]
            losses["distillation"] = distillation.weight * prototype_loss(streams, self.shared.prototypes())
        return losses

    def _of_streams(self, found: Outputs, batch: Batch) -> list[Prototypes]:
        return [
            pool(feature, batch.label, self.classes, batch.present[:, stream])
            for stream, feature in enumerate((found.rgb, found.thermal))
        ]
