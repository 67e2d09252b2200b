# SPDX-License-Identifier: Apache-2.0
"""SARTM's network: one adapted encoder for both streams, fusion at every level, decoder, auxiliary head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training import checkpoint
from training.sartm.auxiliary import AuxiliaryHead
from training.sartm.backbone import Backbone, backbone, load
from training.sartm.decoder import MaskTokens, start_from
from training.sartm.fusion import Fusion
from training.sartm.settings import Settings


class Outputs(NamedTuple):
    """What training looks at.

    Attributes:
        logits: of the decoder, float [b, classes, h/4, w/4].
        auxiliary: of the auxiliary head, the same shape; None without it.
        rgb, thermal, fused: SFM of each stream, rectified, and of both, float [b, 256, h/16, w/16]. That of a
            missing stream is zero.
    """

    logits: Tensor
    auxiliary: Tensor | None
    rgb: Tensor
    thermal: Tensor
    fused: Tensor


LEAST_SHARE = 1e-4  # of a class that no picture shows, so that it is not found everywhere


class SARTM(nn.Module):
    """RGB-T pictures to logits; either stream may be missing.

        F_1, F_2   = encoder([RGB, thermal])                  one encoder, one batch of 2b pictures
        F^_1, F^_2 = FRM(F_1, F_2),   F = FFM(F^_1, F^_2)     at FFP, IFP and SFM
        logits     = decoder(F),   auxiliary head(F)

    Thermal is a picture of three equal channels to the encoder. It comes normalised by the mean and deviation
    of thermal pictures; the authors' code divides it by 255 and leaves it there, far from what the encoder
    learned from. RGB is normalised as there.

    What the paper gives its decoder is not known. In the authors' code the fusion gets F_1 twice, thermal
    reaches nothing behind it, and the logits are the mean of what the decoder makes of F_1 and of F_2. Chosen
    here is F for both heads: one decoding of what both streams hold, and the same when one is missing.

    Its state holds all but the frozen part of the backbone; see there.

    Args:
        encoder: the backbone.
        num_classes: channels of the logits.
        fusion: of the levels; None is the mean of the streams that are present.
        auxiliary: False leaves the auxiliary head out.
        average: the logits are the mean of the decoder's and the auxiliary head's.

    Raises:
        ValueError: an average with an auxiliary head that is not there; segment-anything is not installed.
    """

    offsets: Tensor | None

    def __init__(
        self,
        encoder: Backbone,
        num_classes: int,
        *,
        fusion: Fusion | None,
        auxiliary: bool = True,
        average: bool = False,
    ) -> None:
        super().__init__()
        if average and not auxiliary:
            raise ValueError("There is no auxiliary head to average with: ask for one, or for no average.")
        self.backbone = encoder
        self.fusion = fusion
        self.decoder = MaskTokens(num_classes, encoder.channels[-1])
        self.auxiliary = AuxiliaryHead(num_classes, encoder.channels) if auxiliary else None
        self.average = average
        self.register_buffer("offsets", None, persistent=False)

    def forward(self, image: Tensor, present: Tensor) -> Tensor:
        """Logits float [b, classes, h/4, w/4].

        Args:
            image: float32 [b, 4, h, w] of `training.networks.normalise`, thermal last.
            present: float32 [b, 2], 1 or 0 for RGB and thermal.

        Raises:
            ValueError: h or w is not a multiple of what the backbone needs.
        """
        features = self._fused(image, present)[2]
        logits = self.decoder(features[-1], features[:-1])
        if self.auxiliary is not None and self.average:
            logits = (logits + self.auxiliary(features)) / 2
        if self.offsets is None:
            return logits
        return logits + self.offsets[:, None, None] * (1 - present[:, 1, None, None, None])

    def adjust(self, shares: Tensor, strength: float) -> None:
        """From now on `forward` favours rare classes where thermal is missing; `outputs` does not.

            logits_k − τ log π_k

        Logit adjustment after training (Menon et al., "Long-tail learning via logit adjustment", ICLR 2021,
        section 4.1), here of one of the streams: what heat shows, RGB alone often makes no more than likely.

        Args:
            shares: π, float [classes], of the labelled pixels of the training sets.
            strength: τ; 1 is as if all classes were equally common.
        """
        self.offsets = -strength * shares.clamp(min=LEAST_SHARE).log()

    def outputs(self, image: Tensor, present: Tensor) -> Outputs:
        """What the losses are of; arguments as of `forward`."""
        rgb, thermal, features = self._fused(image, present)
        return Outputs(
            self.decoder(features[-1], features[:-1]),
            None if self.auxiliary is None else self.auxiliary(features),
            rgb[-1],
            thermal[-1],
            features[-1],
        )

    def _encoded(self, pictures: Tensor, there: Tensor) -> list[Tensor]:
        """Levels of the backbone; in training, streams that are missing are zero and cost nothing."""
        if not self.training or there.all():
            levels: list[Tensor] = self.backbone(pictures)
            return levels
        return [
            level.new_zeros(len(pictures), *level.shape[1:]).index_put((there.nonzero()[:, 0],), level)
            for level in self.backbone(pictures[there])
        ]

    def _fused(self, image: Tensor, present: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Levels of RGB, of thermal, and of what is fused of them."""
        warmth = image[:, 3:].expand(-1, 3, -1, -1)
        levels = self._encoded(torch.cat([image[:, :3], warmth]), present.T.flatten() > 0)
        rgb, thermal = (list(part) for part in zip(*(level.chunk(2) for level in levels), strict=True))
        if self.fusion is None:
            return mean(rgb, thermal, present)
        fused: tuple[list[Tensor], list[Tensor], list[Tensor]] = self.fusion(rgb, thermal, present)
        return fused


def mean(
    rgb: Sequence[Tensor], thermal: Sequence[Tensor], present: Tensor
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """What stands for the fusion where there is none: the streams as they are, and their mean.

        F = (p_1 F_1 + p_2 F_2) / (p_1 + p_2)

    A missing stream is zero, whatever its features hold; a sample with neither stream is.

    Args:
        rgb, thermal: features of each stream, float [b, C_i, h_i, w_i].
        present: p, float [b, 2], 1 or 0.

    Returns:
        RGB, thermal and their mean, each as the levels that come in.
    """
    absent = (present == 0)[:, :, None, None, None].unbind(1)
    count = present.sum(1).clamp(min=1)[:, None, None, None]
    first = [feature.masked_fill(absent[0], 0.0) for feature in rgb]
    second = [feature.masked_fill(absent[1], 0.0) for feature in thermal]
    return first, second, [(one + other) / count for one, other in zip(first, second, strict=True)]


def build(settings: Settings, num_classes: int, *, start: bool = True) -> SARTM:
    """The network of an experiment.

    Args:
        start: with the weights that a run starts from; else the decoder's are random, to be loaded over.

    Raises:
        FileNotFoundError, ValueError: no checkpoint of the backbone there, or not one of that kind; `size` or
            `crop` that it does not allow; with `start`, as `go_on_from`.
    """
    whole = load(settings.backbone)
    encoder = backbone(settings.backbone, settings.crop, whole)
    encoder.check(settings.size)
    network = SARTM(
        encoder,
        num_classes,
        fusion=Fusion(encoder.channels) if settings.fusion == "frm_ffm" else None,
        auxiliary=settings.auxiliary is not None,
        average=settings.auxiliary is not None and settings.auxiliary.inference,
    )
    if start and settings.init is not None:
        go_on_from(network, settings.init)
    elif start and settings.decoder_from_sam:
        start_from(network.decoder, whole)
    return network


def go_on_from(network: SARTM, run: Path) -> None:
    """Give a network the weights of a run.

    Raises:
        FileNotFoundError: no such run.
        ValueError: a run of another network or backbone.
    """
    try:
        network.load_state_dict(of_network(checkpoint.weights(run)))
    except RuntimeError as error:
        raise ValueError(
            f"init {run} is of another network: give a run of SARTM with the same classes, rank, fusion and "
            "heads."
        ) from error


def of_network(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is the network's of the weights in a run's checkpoint, which holds the prototypes too."""
    start = "network."
    return {name.removeprefix(start): one for name, one in weights.items() if name.startswith(start)}


def parameters(network: SARTM) -> dict[str, int]:
    """How many learn and how many are frozen."""
    told = {"trainable": 0, "frozen": 0}
    for one in network.parameters():
        told["trainable" if one.requires_grad else "frozen"] += one.numel()
    return told
