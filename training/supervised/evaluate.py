# SPDX-License-Identifier: Apache-2.0
"""Scores of a network on labelled pictures, seen as the deployed network will see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from samseg_ros.labels import LabelSet
from samseg_ros.metrics import Confusion
from training import processes
from training.data.augment import resize_image
from training.data.memory import Memory
from training.data.sample import Sample
from training.modalities import BOTH, Present
from training.networks import normalise, wrap


@dataclass(frozen=True)
class Predictor:
    """A network as it will be deployed.

    Attributes:
        network: normalised picture to logits at a quarter of its size, in evaluation mode.
        size: (height, width) at which it sees pictures.
        pad: columns of wrap-around on each side, a multiple of 4; 0 for pinhole pictures.
        presence: the network also takes which streams are present, float32 [1, 2].
    """

    network: nn.Module
    size: tuple[int, int]
    pad: int
    presence: bool = False

    @torch.no_grad()
    def __call__(
        self, image: np.ndarray, present: Present = BOTH, size: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Labels uint8 [*size] from the streams present of uint8 [h, w, 3] BGR or [h, w, 4] with thermal.

        With a `size` here the logits are brought to it before a class is chosen; as deployed they are not.
        """
        device = next(self.network.parameters()).device
        seen = torch.from_numpy(resize_image(image, self.size))
        streams = torch.tensor([present], device=device)
        picture = wrap(normalise(seen[None].to(device), streams), self.pad)
        logits = self.network(picture, streams) if self.presence else self.network(picture)
        full = functional.interpolate(logits, size=picture.shape[2:], mode="bilinear", align_corners=False)
        full = full[..., self.pad : self.pad + self.size[1]]
        if size is not None:
            full = functional.interpolate(full, size=size, mode="bilinear", align_corners=False)
        return full[0].argmax(0).to(torch.uint8).cpu().numpy()


def evaluate(
    predictor: Predictor,
    samples: Sequence[Sample],
    memory: Memory,
    labels: LabelSet,
    present: Present = BOTH,
    at_label_size: bool = False,
) -> Confusion:
    """Predict every sample from the streams `present`, and compare at the label picture's own size.

    `at_label_size`: classes are chosen there, and not at the network's size and then enlarged. Several
    processes share the samples, and each gets the counts of all.
    """
    confusion = Confusion(len(labels))
    for sample in processes.share(samples):
        image, truth = memory.read(sample)
        predicted = predictor(image, present, truth.shape if at_label_size else None)
        confusion.update(
            cv2.resize(predicted, truth.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT), truth
        )
    confusion.counts = processes.total(confusion.counts)
    return confusion
