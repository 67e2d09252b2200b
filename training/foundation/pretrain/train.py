# SPDX-License-Identifier: Apache-2.0
"""Pictures in, a run folder with a small Segment Anything out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import cv2
import lightning_fabric
import torch
from torch import nn

from training import checkpoint, provenance, run_folder
from training.data.prefetch import prefetch
from training.foundation.pretrain import draws, evaluate, sheet
from training.foundation.pretrain.masked import Memory, Picture, pictures
from training.foundation.pretrain.network import Batch, Pretraining
from training.foundation.pretrain.settings import Settings
from training.foundation.sam import Encoder, build
from training.loop import Losses, fit, launch

CHECKPOINT = "sam.pth"


def train(settings: Settings) -> dict[str, Any]:
    """Train, score and write the run folder: config.yaml, checkpoint.pt, results.json, sheet.jpg, sam.pth.

    sam.pth is a state dict of SAM as Meta publishes them: `training.foundation.sam.load` reads it as variant
    "custom". A run folder that has a checkpoint is continued.

    Returns:
        What results.json holds.

    Raises:
        ValueError, FileNotFoundError: data that do not fit, in one sentence; a package is missing.
    """
    sets = [pictures(one, settings.data_root) for one in settings.data]
    scored = {one.name: pictures(one, settings.data_root) for one in settings.validation}
    memory = Memory(settings.tallest, int(settings.memory_gb * 2**30))
    fabric = launch(settings.loop)
    torch.manual_seed(settings.seed)
    model = Pretraining(build(encoder(settings)), settings.hidden, settings.weights)
    run = settings.run
    shown = next(iter(scored.values()), sets[0])

    def scores(network: nn.Module) -> dict[str, Any]:
        assert isinstance(network, Pretraining)
        if fabric.is_global_zero:
            sheet.write(
                run / "sheet.jpg", network, shown, memory, settings.encoder.image_size, settings.min_area
            )
        return validate(network, scored, memory, settings)

    report = fit(
        fabric,
        model,
        batches=partial(batches, settings, sets, memory, fabric),
        loss=partial(losses, fabric),
        evaluate=scores,
        run=run,
        experiment=settings,
        settings=settings.loop,
        schedule=settings.schedule,
        seed=settings.seed,
        images_per_step=settings.batch * fabric.world_size,
    )
    results = {**report, "data": learned_from(settings, sets), **provenance.state()}
    if fabric.is_global_zero:
        checkpoint.save(run / CHECKPOINT, model.sam.state_dict())
        run_folder.write_results(run, results)
    return results


def encoder(settings: Settings) -> Encoder:
    """The image encoder that is asked for."""
    wanted = settings.encoder
    return Encoder(
        wanted.width, wanted.depth, wanted.heads, tuple(sorted(wanted.global_blocks)), wanted.image_size
    )


def batches(
    settings: Settings,
    sets: Sequence[tuple[Picture, ...]],
    memory: Memory,
    fabric: lightning_fabric.Fabric,
    first: int,
    expected: Callable[[int], float],
) -> Iterator[Batch]:
    """This process's batches from step `first` on."""
    cv2.setNumThreads(1)  # threads of OpenCV would compete with those of PyTorch

    def make(step: int) -> Batch:
        start = (step * fabric.world_size + fabric.global_rank) * settings.batch
        return draws.batch(start, settings, sets, memory)

    return prefetch(make, first, settings.workers)


def losses(fabric: lightning_fabric.Fabric, model: nn.Module, batch: Batch) -> Losses:
    """The losses of `Pretraining` on this process's pictures."""
    told: Losses = model(batch.to(fabric.device))
    return told


def validate(
    model: Pretraining, scored: Mapping[str, Sequence[Picture]], memory: Memory, settings: Settings
) -> dict[str, Any]:
    """Scores on each set; "miou" is the first one's mean IoU of the best of three masks."""
    found = {
        name: evaluate.score(model, part, memory, settings.encoder.image_size, settings.min_area)
        for name, part in scored.items()
    }
    return {"miou": next(iter(found.values()))["oracle_iou"] if found else None, "validation": found}


def learned_from(settings: Settings, sets: Sequence[Sequence[Picture]]) -> list[dict[str, Any]]:
    """The sets; labels were of use to borders where masks are the renderer's."""
    return [
        {
            "kind": one.kind,
            "path": one.path.name,
            "images": len(part),
            "weight": one.weight,
            "masks": one.masks,
        }
        for one, part in zip(settings.data, sets, strict=True)
    ]
