# SPDX-License-Identifier: Apache-2.0
"""SSR: a labelled domain and pictures of another one in, a run folder with a student out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import lightning_fabric
import numpy as np
import torch
from torch import Tensor, nn

from samseg_ros.labels import LabelSet, label_set
from training import provenance, run_folder
from training.data.memory import Memory
from training.data.prefetch import prefetch
from training.data.sample import Sample
from training.foundation.embedding import ImageEmbedding, image_embedding
from training.foundation.embedding_cache import EmbeddingCache
from training.loop import Losses, fit, launch
from training.ssr import sheet, statistics
from training.ssr.crops import SourceCrops, TargetCrops
from training.ssr.network import SSR, Batch
from training.ssr.sets import labelled, unlabelled
from training.ssr.settings import Settings
from training.ssr.student import build_student
from training.supervised.evaluate import Predictor, evaluate


def train(settings: Settings) -> dict[str, Any]:
    """Adapt, score and write the run folder: config.yaml, checkpoint.pt, results.json, sheet.jpg.

    A run folder that has a checkpoint is continued.

    Returns:
        What results.json holds.

    Raises:
        ValueError, FileNotFoundError: data, statistics or weights that do not fit, in one sentence.
    """
    labels = label_set(settings.label_set)
    source = tuple(labelled(one, settings.data_root, labels) for one in settings.source)
    target = tuple(unlabelled(one, settings.data_root) for one in settings.target)
    scored = {one.name: labelled(one, settings.data_root, labels) for one in settings.validation}
    counts = None if settings.rare_classes is None else statistics.read(settings, source, labels)
    fabric = launch(settings.loop)
    torch.manual_seed(settings.seed)
    embedding = open_embedding(settings, fabric.device)
    model = SSR(build_student(settings, labels), settings, embed(settings, embedding))
    run = settings.run
    sources = SourceCrops(settings, source, counts)
    targets = TargetCrops(settings, target) if settings.self_training is not None else None
    memory = Memory(budget=int(settings.memory_gb * 2**30))

    def scores(network: nn.Module) -> dict[str, Any]:
        assert isinstance(network, SSR)
        if fabric.is_global_zero:
            sheet.write(run / "sheet.jpg", network, batch(settings, sources, targets, 0, sheet.SHOWN), labels)
        return validate(network, scored, memory, settings, labels)

    learned = learned_from(settings, source, target)
    report = fit(
        fabric,
        model,
        batches=partial(batches, settings, sources, targets, fabric),
        loss=partial(adaptation_losses, fabric),
        evaluate=scores,
        run=run,
        experiment=settings,
        settings=settings.loop,
        schedule=settings.schedule,
        seed=settings.seed,
        images_per_step=settings.batch * (1 if targets is None else 2) * fabric.world_size,
        rates=learning_ratios(settings),
    )
    results = {
        **report,
        "label_set": labels.name,
        "data": learned,
        "parameters": parameters(model),
        "sam": None if embedding is None else embedding.identity(),
        **provenance.state(),
    }
    if fabric.is_global_zero:
        run_folder.write_results(run, results)
    return results


def learning_ratios(settings: Settings) -> dict[str, float]:
    """Beginning of a parameter's name to its learning rate, relative to that of the encoder."""
    ratios = {"student.head.": settings.head_ratio}
    if settings.regularisation is not None:
        ratios["regulariser."] = settings.regularisation.learning_ratio
    return ratios


def open_embedding(settings: Settings, device: torch.device) -> ImageEmbedding | None:
    """SAM's frozen encoder, where it is used.

    Raises:
        FileNotFoundError, ValueError: as `training.foundation.sam.load`.
    """
    wanted = settings.regularisation
    return None if wanted is None else image_embedding(wanted.encoder, device)


def embed(
    settings: Settings, embedding: ImageEmbedding | None
) -> Callable[[Tensor, Sequence[str] | None], Tensor] | None:
    """Embeddings of pictures uint8 [b, h, w, 3]; those with keys are looked up on disk first, if wanted."""
    wanted = settings.regularisation
    if wanted is None or embedding is None:
        return None
    cache = None
    if wanted.cache is not None:
        cache = EmbeddingCache(embedding, settings.data_root / wanted.cache, settings.crop)

    def found(images: Tensor, keys: Sequence[str] | None) -> Tensor:
        return embedding(images) if cache is None or keys is None else cache(images, keys)

    return found


def batch(
    settings: Settings, sources: SourceCrops, targets: TargetCrops | None, first: int, count: int
) -> Batch:
    """Source and target crops of the draws `first` to `first + count - 1`; without targets there are none."""
    drawn = [sources.draw(number) for number in range(first, first + count)]
    shown = [] if targets is None else [targets.draw(number) for number in range(first, first + count)]
    return Batch(
        torch.from_numpy(np.stack([one.image for one in drawn])),
        torch.from_numpy(np.stack([one.label for one in drawn]).astype(np.int64)),
        torch.from_numpy(np.stack(shown) if shown else np.zeros((0, *settings.crop, 3), np.uint8)),
        tuple(one.key for one in drawn),
    )


def batches(
    settings: Settings,
    sources: SourceCrops,
    targets: TargetCrops | None,
    fabric: lightning_fabric.Fabric,
    first: int,
    expected: Callable[[int], float],
) -> Iterator[Batch]:
    """This process's batches from step `first` on."""
    cv2.setNumThreads(1)  # threads of OpenCV would compete with those of PyTorch

    def make(step: int) -> Batch:
        draw = (step * fabric.world_size + fabric.global_rank) * settings.batch
        return batch(settings, sources, targets, draw, settings.batch)

    return prefetch(make, first, settings.workers)


def adaptation_losses(fabric: lightning_fabric.Fabric, model: nn.Module, drawn: Batch) -> Losses:
    """The losses of `SSR` on this process's crops."""
    losses: Losses = model(drawn.to(fabric.device))
    return losses


def validate(
    model: SSR,
    scored: Mapping[str, Sequence[Sample]],
    memory: Memory,
    settings: Settings,
    labels: LabelSet,
) -> dict[str, Any]:
    """Scores of the student's plain branch on each set; "miou" is that on the first."""
    predictor = Predictor(model.student, settings.size, pad=0)
    found = {
        name: {
            **evaluate(predictor, part, memory, labels, at_label_size=settings.at_label_size).report(labels),
            "images": len(part),
        }
        for name, part in scored.items()
    }
    return {"miou": next(iter(found.values()))["miou"] if found else None, "validation": found}


def parameters(model: SSR) -> dict[str, int]:
    """How many are deployed, and how many more are learned but left behind."""
    counted = {"student": model.student, "regulariser": model.regulariser}
    return {
        name: 0 if one is None else sum(each.numel() for each in one.parameters())
        for name, one in counted.items()
    }


def learned_from(
    settings: Settings, source: Sequence[Sequence[Sample]], target: Sequence[Sequence[Path]]
) -> list[dict[str, Any]]:
    """The sets, those of the run that `network.init` names included."""
    found: list[dict[str, Any]] = []
    if settings.network.init is not None:
        if told := run_folder.told_before(settings.run, settings.network.init):
            return told
        found += run_folder.learned_from(settings.network.init)
    for one, part in zip(settings.source, source, strict=True):
        found.append({"kind": one.kind, "path": one.path.name, "images": len(part)})
    if settings.self_training is not None:
        for unseen, pictures in zip(settings.target, target, strict=True):
            found.append(
                {"kind": unseen.kind, "path": unseen.path.name, "images": len(pictures), "labels": False}
            )
    return found
