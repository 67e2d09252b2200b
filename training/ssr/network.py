# SPDX-License-Identifier: Apache-2.0
"""SSR as one module: student, teacher and regulariser, and the losses of one step in the authors' order."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from samseg_ros.labels import label_set
from training.networks import normalise
from training.ssr.classmix import Mixed, class_mask, mix, photometric
from training.ssr.daformer import DAFormer, stages
from training.ssr.feature_distance import feature_distance, thing_cells
from training.ssr.head import statistics_kept
from training.ssr.losses import segmentation_loss
from training.ssr.masking import block_mask, hide
from training.ssr.pseudo import Pseudo, pseudo_labels
from training.ssr.regulariser import Regulariser
from training.ssr.settings import SelfTraining, Settings
from training.ssr.teacher import as_teacher, follow, teaching

Embedding = Callable[[Tensor, Sequence[str] | None], Tensor]
"""SAM: pictures uint8 [b, h, w, 3] BGR and their names, None for pictures that do not come back, to
float32 [b, 256, s, s]."""


class Batch(NamedTuple):
    """Crops of one step.

    Attributes:
        source: x_s, uint8 [b, h, w, 3] BGR. label: y_s, int64 [b, h, w], 255 unlabelled.
        target: x_t, uint8 [b, h, w, 3]; without self-training it is not looked at.
        keys: names of the source crops, the same for the same pixels; looked at when embeddings are kept.
    """

    source: Tensor
    label: Tensor
    target: Tensor
    keys: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        return Batch(self.source.to(device), self.label.to(device), self.target.to(device), self.keys)


class SSR(nn.Module):
    """Calling it gives the losses of a batch, each with its weight: "loss" is the sum of the others.

    With D the decode head, F the student's features and F̂ those that the regulariser has enhanced by SAM:

        source, source_enhanced:  CE(D(F(x_s)), y_s),       CE(D(F̂(x_s)), y_s)
        mix, mix_enhanced:        w CE(D(F(x_m)), y_m),     w CE(D(F̂(x_m)), y_m)
        feature_distance:         λ_FD ‖F_3(x_s) − F_3^{ref}(x_s)‖ on cells of things
        masked:                   λ_M w CE(D(F(x_t^M)), ŷ_t)

    Teacher, pseudo-labels and masked pictures know of the plain branch alone. Without self-training there are
    the losses on source pictures only. Everything that learns gets a gradient at every step. The running
    statistics of the head's batch normalisation are those of what is deployed, the plain branch on whole
    pictures; with `shared_statistics` enhanced and masked ones move them too, as in the authors' code.

    Args:
        student: with the weights that it starts from.
        settings: of the experiment.
        embedding: SAM, needed by `settings.regularisation` and not used without it. It stays outside this
            module: nothing of it is in its parameters or in its state.

    Attributes:
        teacher: average of the student, frozen; None without self-training.
        reference: frozen copy of the encoder that the student starts from; None without feature distance.
        regulariser: None without regularisation.
        steps: int64 scalar, training steps so far.

    Raises:
        ValueError: regularisation without an embedding.
    """

    steps: Tensor

    def __init__(self, student: DAFormer, settings: Settings, embedding: Embedding | None = None) -> None:
        super().__init__()
        regularisation, distance = settings.regularisation, settings.feature_distance
        if regularisation is not None and embedding is None:
            raise ValueError("regularisation needs the embedding of an image encoder: give one.")
        self.student = student
        self.settings = settings
        self.teacher = None if settings.self_training is None else as_teacher(student)
        self.reference = None
        self.things: list[int] = []
        if distance is not None:
            self.reference = copy.deepcopy(student.encoder).requires_grad_(False).eval()
            names = label_set(settings.label_set).names
            self.things = [names.index(name) for name in distance.classes]
        self.regulariser = None
        if regularisation is not None:
            self.regulariser = Regulariser(student.widths, stages=regularisation.stages)
        # In a tuple a module is not registered as part of this one.
        self._embedding = (embedding,)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def train(self, mode: bool = True) -> SSR:
        super().train(mode)
        if self.reference is not None:
            self.reference.eval()
        if self.teacher is not None and mode:
            teaching(self.teacher)
        return self

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        pseudo: Pseudo | None = None
        mixed: Mixed | None = None
        if self.settings.self_training is not None:
            if self.training:
                self._follow(self.settings.self_training)
            pseudo = self.pseudo(batch.target)
            mixed = self.mixed(batch, pseudo)
        if self.training:
            self.steps += 1
        of_source, of_mixed = self._embeddings(batch, mixed)

        features = self.student.encode(normalise(batch.source))
        losses = self._branches("source", features, of_source, batch.label, None)
        if self.settings.feature_distance is not None:
            distance = self._feature_distance(features[-1], batch)
            losses["feature_distance"] = self.settings.feature_distance.weight * distance
        if mixed is not None and pseudo is not None:
            features = self.student.encode(normalise(mixed.image))
            losses |= self._branches("mix", features, of_mixed, mixed.label, mixed.weight)
            if self.settings.masking is not None:
                losses["masked"] = self.settings.masking.weight * self._masked(batch.target, pseudo)
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    @torch.no_grad()
    def pseudo(self, target: Tensor) -> Pseudo:
        """What the teacher says of target crops uint8 [b, h, w, 3]; needs self-training."""
        settings = self._self_training
        assert self.teacher is not None
        height, width = target.shape[1:3]
        return pseudo_labels(
            self.teacher(normalise(target)),
            (height, width),
            settings.threshold,
            settings.ignore_top,
            settings.ignore_bottom,
        )

    def mixed(self, batch: Batch, pseudo: Pseudo) -> Mixed:
        """x_m, y_m and w of a batch, colours changed; needs self-training."""
        mixed = mix(class_mask(batch.label), batch.source, batch.label, batch.target, pseudo)
        return mixed._replace(image=self._photometric(mixed.image))

    @property
    def _self_training(self) -> SelfTraining:
        assert self.settings.self_training is not None
        return self.settings.self_training

    def _follow(self, settings: SelfTraining) -> None:
        assert self.teacher is not None
        follow(self.teacher, self.student, int(self.steps), settings.alpha)

    def _photometric(self, image: Tensor) -> Tensor:
        settings = self._self_training
        return photometric(image, settings.jitter, settings.jitter_probability, settings.blur_probability)

    @torch.no_grad()
    def _embeddings(self, batch: Batch, mixed: Mixed | None) -> tuple[Tensor | None, Tensor | None]:
        """Z of source and of mixed crops, in one pass of the encoder where that is wanted and possible."""
        regularisation, (embedding,) = self.settings.regularisation, self._embedding
        if regularisation is None or embedding is None:
            return None, None
        if mixed is None:
            return embedding(batch.source, batch.keys), None
        if regularisation.one_by_one or regularisation.cache is not None:
            return embedding(batch.source, batch.keys), embedding(mixed.image, None)
        both = embedding(torch.cat([batch.source, mixed.image]), None)
        return both[: len(batch.source)], both[len(batch.source) :]

    def _branches(
        self,
        name: str,
        features: Sequence[Tensor],
        embedding: Tensor | None,
        label: Tensor,
        weight: Tensor | None,
    ) -> dict[str, Tensor]:
        """Losses of the plain and of the enhanced branch: the same head, the same labels."""
        losses = {name: segmentation_loss(self.student.decode(features), label, weight)}
        if self.settings.regularisation is not None and self.regulariser is not None:
            assert embedding is not None
            with self._apart():
                enhanced = self.student.decode(self.regulariser(features, embedding))
            loss = segmentation_loss(enhanced, label, weight)
            losses[f"{name}_enhanced"] = self.settings.regularisation.weight * loss
        return losses

    def _feature_distance(self, features: Tensor, batch: Batch) -> Tensor:
        settings = self.settings.feature_distance
        assert settings is not None and self.reference is not None
        with torch.no_grad():
            reference = stages(self.reference, normalise(batch.source))[-1]
        height, width = features.shape[2:]
        cells = thing_cells(batch.label, (height, width), self.things, settings.min_share)
        return feature_distance(features, reference, cells)

    def _masked(self, target: Tensor, pseudo: Pseudo) -> Tensor:
        """MIC's consistency: the whole crop's pseudo-labels, of a crop with holes and colours of its own."""
        settings = self.settings.masking
        assert settings is not None
        image = normalise(self._photometric(target))
        count, height, width = target.shape[:3]
        hidden = block_mask((count, height, width), settings.block, settings.ratio, target.device)
        with self._apart():
            logits = self.student(hide(image, hidden))
        return segmentation_loss(logits, pseudo.label, pseudo.weight)

    def _apart(self) -> AbstractContextManager[None]:
        """For what is not deployed."""
        return nullcontext() if self.settings.shared_statistics else statistics_kept(self.student.head)
