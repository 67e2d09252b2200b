# SPDX-License-Identifier: Apache-2.0
"""Supervised training: labelled pictures in, a run folder with a network and its scores out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import lightning_fabric
import torch
from torch import Tensor, nn

from samseg_ros.labels import LabelSet, label_set
from training import checkpoint, config, from_bundle, provenance, run_folder
from training.class_weights import class_weights
from training.data.composition import Composer
from training.data.memory import Memory
from training.data.mixture import Mixture
from training.data.prefetch import prefetch
from training.data.sample import Sample
from training.loop import Losses, fit, launch
from training.loss import cross_entropy, jaccard
from training.modalities import presences
from training.networks import Segformer, normalise, segformer, subpixels, widen
from training.sartm.two_branch import TwoBranch, two_branch
from training.supervised import sheet
from training.supervised.evaluate import Predictor, evaluate
from training.supervised.sets import samples
from training.supervised.settings import Settings

Batch = tuple[Tensor, Tensor, Tensor]


def train(settings: Settings) -> dict[str, Any]:
    """Train, score and write the run folder: config.yaml, checkpoint.pt, results.json, SET.jpg a set.

    A run folder that has a checkpoint is continued.

    Returns:
        What results.json holds.

    Raises:
        ValueError, FileNotFoundError: data, label set or weights that do not fit, in one sentence.
    """
    labels = label_set(settings.label_set)
    sets = tuple(samples(one, settings.data_root, labels) for one in settings.data)
    if settings.with_thermal and all(sample.thermal is None for part in sets for sample in part):
        raise ValueError("No set of data has thermal pictures: task rgbt needs one that has, of kind world.")
    held_out = {one.name: samples(one, settings.data_root, labels) for one in settings.validation}
    fabric = launch(settings.loop)
    torch.manual_seed(settings.seed)
    network = build(settings, len(labels))
    run = settings.run
    memory = Memory(settings.tallest, int(settings.memory_gb * 2**30), with_thermal=settings.with_thermal)
    mixture = Mixture(sets, tuple(one.weight for one in settings.data), settings.seed)
    composer = Composer(
        mixture=mixture,
        memory=memory,
        projection=settings.projection,
        size=settings.size,
        augmentation=settings.augmentation,
        onto_panorama=settings.onto_panorama,
        around=settings.around,
        thermal=settings.thermal if settings.with_thermal else None,
    )
    if settings.init is not None and not (run / checkpoint.NAME).is_file():
        # Of two branches each sees three channels, so there is nothing to widen.
        channels = 3 if settings.presence else settings.channels
        start_from(network, settings.init, labels, partial(first_pictures, settings, composer), channels)
    weights = class_weights(settings.class_weights, mixture, memory, len(labels))
    learned = learned_from(settings, sets)
    report = fit(
        fabric,
        network,
        batches=partial(batches, settings, composer, fabric),
        loss=partial(segmentation_loss, fabric, settings, weights),
        evaluate=partial(validate, settings, held_out, memory, labels),
        run=run,
        experiment=settings,
        settings=settings.loop,
        schedule=settings.schedule,
        seed=settings.seed,
        images_per_step=settings.batch * fabric.world_size,
        rates={"model.decode_head.": settings.head_ratio},
    )
    results = {**report, "label_set": labels.name, "data": learned, **provenance.state()}
    if fabric.is_global_zero:
        seen = predictor(settings, network.eval())
        for name, part in held_out.items():
            sheet.write(run / f"{name}.jpg", seen, part, memory, labels)
        run_folder.write_results(run, results)
    return results


def build(settings: Settings, num_classes: int) -> Segformer | TwoBranch:
    """The untrained network of an experiment, channels-last: on a CPU that is a tenth to a quarter faster."""
    wanted = settings.network
    if (settings.run / checkpoint.NAME).is_file():  # the weights are there
        wanted = wanted.model_copy(update={"weights": None})
    shape = wanted.model_dump(include={"drop_path", "dropout", "decoder", "weights"})
    network: Segformer | TwoBranch = (
        two_branch(wanted.variant, num_classes, **shape)
        if settings.presence
        else segformer(
            wanted.variant, num_classes, channels=settings.channels, subpixel=wanted.subpixel, **shape
        )
    )
    return network.to(memory_format=torch.channels_last)


def settings_of(run: Path) -> Settings:
    """The settings of a run folder.

    Raises:
        ValueError: a run of another kind.
    """
    try:
        return config.read(run / run_folder.CONFIG, Settings)
    except ValueError as error:
        raise ValueError(
            f"{run} is no run of `python -m training supervised`: give the folder of one."
        ) from error


def start_from(
    network: nn.Module,
    init: Path,
    labels: LabelSet,
    pictures: Callable[[], Tensor] | None = None,
    channels: int = 3,
) -> None:
    """Copy the weights of another run or bundle; those of RGB into a network of 4 channels compute the same.

    Args:
        pictures: some to train on, for `training.from_bundle.network`.

    Raises:
        ValueError: a run of another kind, or one or a bundle of another label set or network.
    """
    if from_bundle.is_bundle(init):
        weights = from_bundle.network(init, labels, pictures).state_dict()
    else:
        if (init / run_folder.CONFIG).is_file():
            theirs = settings_of(init).label_set
            if theirs != labels.name:
                raise ValueError(
                    f"init {init} was trained on {theirs}, not {labels.name}: choose a run of the same label "
                    "set."
                )
        weights = checkpoint.weights(init)
    if isinstance(network, Segformer):
        weights = subpixels(weights, network)
    try:
        network.load_state_dict(widen(weights, channels))
    except RuntimeError as error:
        raise ValueError(
            f"init {init} is of another network: choose one with the same 'network' settings."
        ) from error


def first_pictures(settings: Settings, composer: Composer) -> Tensor:
    """16 pictures to train on, as the network takes them."""
    images, _, present = composer.batch(0, 16, settings.window(0.0))
    return normalise(torch.from_numpy(images), torch.from_numpy(present))


def learned_from(settings: Settings, sets: tuple[tuple[Sample, ...], ...]) -> list[dict[str, Any]]:
    """The training sets, those of what `init` names included: kind, path, pictures, weight."""
    own = [
        {"kind": one.kind, "path": one.path.name, "images": len(part), "weight": one.weight}
        for one, part in zip(settings.data, sets, strict=True)
    ]
    if settings.init is None:
        return own
    told = run_folder.told_before(settings.run, settings.init)
    return told or [*from_bundle.learned_from(settings.init), *own]


def batches(
    settings: Settings,
    composer: Composer,
    fabric: lightning_fabric.Fabric,
    first: int,
    expected: Callable[[int], float],
) -> Iterator[Batch]:
    """This process's batches from step `first` on: images, labels and present as of `Composer.batch`."""
    # Threads of OpenCV would compete with those of PyTorch.
    cv2.setNumThreads(1)

    def make(step: int) -> Batch:
        draw = (step * fabric.world_size + fabric.global_rank) * settings.batch
        images, targets, present = composer.batch(draw, settings.batch, settings.window(expected(step)))
        return torch.from_numpy(images), torch.from_numpy(targets), torch.from_numpy(present)

    return prefetch(make, first, settings.workers)


def segmentation_loss(
    fabric: lightning_fabric.Fabric,
    settings: Settings,
    weights: Tensor | None,
    network: nn.Module,
    batch: Batch,
) -> Losses:
    """Cross-entropy at 1 / loss_stride of the picture's size, a mean over the pixels of all processes, and
    `settings.jaccard` times the overlap that lacks in this process's pictures.
    """
    images, targets, present = (part.to(fabric.device) for part in batch)
    picture = normalise(images, present)
    logits = network(picture, present) if settings.presence else network(picture)
    stride = settings.loss_stride
    # A logit lies between pixels: one of the two beside its middle stands for it, in turn by chance.
    row, column = ((stride - 1) // 2 + torch.randint(2 if stride > 1 else 1, (2,))).tolist()
    targets = targets[:, row::stride, column::stride].long()
    logits = logits.float()
    total, count = cross_entropy(logits, targets, None if weights is None else weights.to(fabric.device))
    mean_count = fabric.all_reduce(count, reduce_op="mean") if fabric.world_size > 1 else count
    assert isinstance(mean_count, Tensor)
    loss = total / mean_count.clamp(min=1.0)
    if settings.jaccard == 0:
        return {"loss": loss}
    overlap = jaccard(logits, targets)
    return {"loss": loss + settings.jaccard * overlap, "jaccard": overlap}


def validate(
    settings: Settings,
    held_out: dict[str, tuple[Sample, ...]],
    memory: Memory,
    labels: LabelSet,
    network: nn.Module,
) -> dict[str, Any]:
    """Scores on each validation set, also from either stream alone; "miou" is that of the first."""
    seen = predictor(settings, network)
    scores = {}
    for name, part in held_out.items():
        thermal = memory.with_thermal and all(sample.thermal is not None for sample in part)
        for ending, present in presences(thermal).items():
            confusion = evaluate(seen, part, memory, labels, present)
            scores[f"{name}{ending}"] = {**confusion.report(labels), "images": len(part)}
    return {"miou": next(iter(scores.values()))["miou"], "validation": scores}


def predictor(settings: Settings, network: nn.Module) -> Predictor:
    """The network as it will be deployed."""
    return Predictor(network, settings.size, padding(settings), settings.presence)


def padding(settings: Settings) -> int:
    """Columns of wrap-around on each side."""
    return settings.wrap if settings.task == "panorama" else 0
