# SPDX-License-Identifier: Apache-2.0
"""SARTM: labelled pairs and a frozen Segment Anything in, a run folder with what was learned out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import cv2
import lightning_fabric
import numpy as np
import torch
from torch import Tensor, nn

from samseg_ros.labels import LabelSet, label_set
from training import checkpoint, provenance, run_folder
from training.class_weights import class_shares, class_weights
from training.data.composition import Composer
from training.data.memory import Memory
from training.data.mixture import Mixture
from training.data.prefetch import prefetch
from training.data.sample import Sample
from training.loop import Losses, fit, launch
from training.sartm.backbone_settings import Sam2Backbone, SamBackbone
from training.sartm.evaluate import HeldOut, score
from training.sartm.network import SARTM, build, parameters
from training.sartm.objective import Batch, Objective
from training.sartm.sets import held_out, samples
from training.sartm.settings import Settings
from training.sartm.text import class_embeddings
from training.supervised import sheet
from training.supervised.evaluate import Predictor


def train(settings: Settings) -> dict[str, Any]:
    """Train, score and write the run folder: config.yaml, checkpoint.pt, results.json, SET.jpg a set.

    A run folder that has a checkpoint is continued. checkpoint.pt holds what learns, the shared prototypes
    and the hash of the frozen backbone's file. Its weights are those of the last step, or their average,
    whatever was scored on the way.

    Returns:
        What results.json holds.

    Raises:
        ValueError, FileNotFoundError: data, backbone or embeddings that do not fit, in one sentence.
    """
    labels = label_set(settings.label_set)
    sets = tuple(samples(one, settings.data_root, labels) for one in settings.data)
    if all(sample.thermal is None for part in sets for sample in part):
        raise ValueError("No set of data has thermal pictures: name one of kind mfnet, world or the like.")
    scored = {one.name: held_out(one, settings.data_root, labels) for one in settings.validation}
    text = embeddings(settings, labels)
    fabric = launch(settings.loop)
    torch.manual_seed(settings.seed)
    run = settings.run
    begun = (run / checkpoint.NAME).is_file()
    memory = Memory(settings.tallest, int(settings.memory_gb * 2**30), with_thermal=True)
    mixture = Mixture(sets, tuple(one.weight for one in settings.data), settings.seed)
    weights = class_weights(settings.class_weights, mixture, memory, len(labels))
    model = Objective(build(settings, len(labels), start=not begun), settings, text, weights)
    shares = class_shares(mixture, memory, len(labels)) if settings.logit_adjustment else None
    if shares is not None:
        model.network.adjust(torch.from_numpy(shares).float(), settings.logit_adjustment)
    composer = Composer(
        mixture=mixture,
        memory=memory,
        projection="pinhole",
        size=settings.size,
        augmentation=settings.augmentation,
        thermal=settings.thermal,
    )
    learned = learned_from(settings, sets)
    report = fit(
        fabric,
        model,
        batches=partial(batches, settings, composer, fabric),
        loss=partial(losses, fabric),
        evaluate=partial(validate, settings, scored, memory, labels),
        run=run,
        experiment=settings,
        settings=settings.loop,
        schedule=settings.schedule,
        seed=settings.seed,
        images_per_step=settings.batch * fabric.world_size,
    )
    results = {
        **report,
        "label_set": labels.name,
        "data": learned,
        **({} if shares is None else {"class_shares": dict(zip(labels.names, shares.tolist(), strict=True))}),
        "parameters": parameters(model.network),
        "backbone": {"name": backbone_name(settings), **model.network.backbone.identity()},
        **provenance.state(),
    }
    if fabric.is_global_zero:
        seen = predictor(settings, model.network.eval())
        for name, part in scored.items():
            sheet.write(run / f"{name}.jpg", seen, part.samples, memory, labels)
        run_folder.write_results(run, results)
    return results


def embeddings(settings: Settings, labels: LabelSet) -> Tensor | None:
    """T, of the class names in the order of their ids, where language is used.

    Raises:
        FileNotFoundError, ValueError: as `class_embeddings`.
    """
    wanted = settings.language
    return None if wanted is None else class_embeddings(wanted.text, labels.names)


def backbone_name(settings: Settings) -> str:
    """Of the file or folder that the frozen backbone is read from."""
    wanted = settings.backbone
    return (wanted.checkpoint if isinstance(wanted, SamBackbone) else wanted.folder).resolve().name


def batches(
    settings: Settings,
    composer: Composer,
    fabric: lightning_fabric.Fabric,
    first: int,
    expected: Callable[[int], float],
) -> Iterator[Batch]:
    """This process's batches from step `first` on."""
    cv2.setNumThreads(1)  # threads of OpenCV would compete with those of PyTorch

    def make(step: int) -> Batch:
        draw = (step * fabric.world_size + fabric.global_rank) * settings.batch
        images, targets, present = composer.batch(draw, settings.batch, settings.crop)
        return Batch(
            torch.from_numpy(images), torch.from_numpy(targets.astype(np.int64)), torch.from_numpy(present)
        )

    return prefetch(make, first, settings.workers)


def losses(fabric: lightning_fabric.Fabric, model: nn.Module, batch: Batch) -> Losses:
    """The losses of `Objective` on this process's pictures."""
    told: Losses = model(batch.to(fabric.device))
    return told


def predictor(settings: Settings, network: SARTM) -> Predictor:
    """The network as it will be deployed."""
    return Predictor(network, settings.size, pad=0, presence=True)


def validate(
    settings: Settings,
    scored: Mapping[str, HeldOut],
    memory: Memory,
    labels: LabelSet,
    model: nn.Module,
) -> dict[str, Any]:
    """Scores on each set, from both streams and either alone, by light; "miou" is that on the first set."""
    assert isinstance(model, Objective)
    seen = predictor(settings, model.network)
    found = {
        f"{name}{ending}": report
        for name, part in scored.items()
        for ending, report in score(seen, part, memory, labels).items()
    }
    return {"miou": found[settings.validation[0].name]["miou"], "validation": found}


def learned_from(settings: Settings, sets: Sequence[Sequence[Sample]]) -> list[dict[str, Any]]:
    """The training sets: kind, path, pictures, weight; and those of `init`, or of the backbone, if known."""
    own = [
        {
            "kind": one.kind,
            "path": one.path.name,
            "images": len(part),
            "weight": one.weight,
            **({} if one.weak_labels is None else {"weak": True}),
        }
        for one, part in zip(settings.data, sets, strict=True)
    ]
    if settings.init is not None:
        told = run_folder.told_before(settings.run, settings.init)
        return told or [*run_folder.learned_from(settings.init), *own]
    wanted = settings.backbone
    if isinstance(wanted, Sam2Backbone) or not run_folder.finished(wanted.checkpoint.parent):
        return own
    # A small SAM of `python -m training foundation`: it is part of what is deployed, so its pictures count.
    seen = run_folder.results(wanted.checkpoint.parent)["data"]
    return [*({**one, "labels": one["masks"] == "instances"} for one in seen), *own]
