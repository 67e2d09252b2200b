# SPDX-License-Identifier: Apache-2.0
"""GoodSAM: teacher's masks, a teacher assistant and panoramas in, a run folder with a student out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import cv2
import lightning_fabric
import numpy as np
import torch
from torch import nn

from samseg_ros import bundle
from samseg_ros.labels import LabelSet, label_set
from training import checkpoint, from_bundle, provenance, run_folder
from training.data import augment
from training.data.mixture import shuffled
from training.data.prefetch import prefetch
from training.foundation.masks import parameters
from training.goodsam import evaluate, sheet
from training.goodsam.cache import MaskCache
from training.goodsam.network import STRIDE, Batch, GoodSAM
from training.goodsam.panorama import Panorama, read
from training.goodsam.sets import labelled, unlabelled
from training.goodsam.settings import Settings
from training.loop import Losses, fit, launch
from training.networks import Segformer, normalise, segformer
from training.supervised.train import build, settings_of, start_from

Scoring = tuple[list[Panorama], list[str] | None]  # what to score on, and the classes that count

SHOWN = 3  # panoramas on the sheet


def train(settings: Settings) -> dict[str, Any]:
    """Adapt, score and write the run folder: config.yaml, checkpoint.pt, results.json, sheet.jpg.

    A run folder that has a checkpoint is continued.

    Returns:
        What results.json holds: "validation" has each set's scores, those of the assistant on sliding windows
        under the set's name and "_assistant".

    Raises:
        ValueError, FileNotFoundError: data, masks, label set or weights that do not fit, in one sentence.
    """
    labels = label_set(settings.label_set)
    sets = [unlabelled(one, settings.data_root, labels) for one in settings.data]
    panoramas = [one for part in sets for one in part]
    scored = {
        one.name: (labelled(one, settings.data_root, labels), one.classes) for one in settings.validation
    }
    fabric = launch(settings.loop)
    torch.manual_seed(settings.seed)
    model = GoodSAM(load_assistant(settings, labels), build_student(settings, labels, panoramas), settings)
    masks = open_masks(settings, panoramas) if settings.weights.needs_masks else None
    run = settings.run
    shown = [panoramas[i] for i in np.unique(np.linspace(0, len(panoramas) - 1, SHOWN).round().astype(int))]

    def scores(network: nn.Module) -> dict[str, Any]:
        assert isinstance(network, GoodSAM)
        if fabric.is_global_zero:
            pictures = [(one, None if masks is None else masks.read(one)) for one in shown]
            sheet.write(run / "sheet.jpg", network, pictures, settings, labels)
        return validate(network, scored, settings, labels)

    learned = learned_from(settings, sets)
    report = fit(
        fabric,
        model,
        batches=partial(batches, settings, panoramas, masks, fabric),
        loss=partial(adaptation_losses, fabric),
        evaluate=scores,
        run=run,
        experiment=settings,
        settings=settings.loop,
        schedule=settings.schedule,
        seed=settings.seed,
        images_per_step=settings.batch * fabric.world_size,
        rates={"assistant.": settings.learning_ratio},
    )
    results = {
        **report,
        "label_set": labels.name,
        "data": learned,
        "masks": None if masks is None else masks.identity,
        **provenance.state(),
    }
    if fabric.is_global_zero:
        run_folder.write_results(run, results)
    return results


def open_masks(settings: Settings, panoramas: Sequence[Panorama]) -> MaskCache:
    """The teacher's masks of the panoramas.

    Raises:
        FileNotFoundError, ValueError: as `MaskCache.open`.
    """
    return MaskCache.open(
        settings.mask_folder,
        panoramas,
        identity=parameters(settings.masks),
        grid=settings.grid,
        vertical_fov=settings.vertical_fov,
    )


def load_assistant(settings: Settings, labels: LabelSet) -> nn.Module:
    """F_TA: the network of a supervised run or of a bundle, or the student of an SSR run.

    Raises:
        FileNotFoundError, ValueError: no such run or bundle, or one of another label set or of panoramas.
    """
    run = settings.assistant
    if from_bundle.is_bundle(run):
        task = bundle.load(run).task
        if task != "camera":
            raise ValueError(f"assistant {run} is for task {task}: choose a bundle of task camera.")
        return from_bundle.network(run, labels).to(memory_format=torch.channels_last)
    if not (run / run_folder.CONFIG).is_file():
        raise FileNotFoundError(
            f"assistant {run} is no run folder and no bundle: train one with "
            "`python -m training supervised` or `ssr`."
        )
    made_by = run_folder.method(run)
    if made_by == "ssr":
        # It brings much along that the other assistants do without.
        from training.ssr.student import student_of

        return student_of(run, labels)
    if made_by != "supervised":
        raise ValueError(
            f"assistant {run} is a run of `python -m training {made_by}`: choose one of `supervised` or of "
            "`ssr`."
        )
    own = settings_of(run)
    if own.task != "camera":
        raise ValueError(f"assistant {run} was trained for task {own.task}: choose a run of task camera.")
    network = build(
        own.model_copy(update={"network": own.network.model_copy(update={"weights": None})}), len(labels)
    )
    start_from(network, run, labels)
    return network


def build_student(settings: Settings, labels: LabelSet, panoramas: Sequence[Panorama] = ()) -> Segformer:
    """F_S, with the weights that it starts from; a bundle's normalisation is fitted to some of `panoramas`.

    Raises:
        FileNotFoundError, ValueError: weights that are not there or do not fit.
    """
    wanted = settings.student
    continued = (settings.run / checkpoint.NAME).is_file()
    network = segformer(
        wanted.variant,
        len(labels),
        drop_path=wanted.drop_path,
        dropout=wanted.dropout,
        subpixel=wanted.subpixel,
        weights=None if continued else wanted.weights,
    ).to(memory_format=torch.channels_last)
    if wanted.init is not None and not continued:
        pictures = partial(_first_pictures, settings, panoramas) if panoramas else None
        start_from(network, wanted.init, labels, pictures)
    return network


def _first_pictures(settings: Settings, panoramas: Sequence[Panorama]) -> torch.Tensor:
    seen = [read(one, settings.size, settings.vertical_fov, truth=False).image for one in panoramas[:8]]
    return normalise(torch.from_numpy(np.stack(seen)))


def batches(
    settings: Settings,
    panoramas: Sequence[Panorama],
    masks: MaskCache | None,
    fabric: lightning_fabric.Fabric,
    first: int,
    expected: Callable[[int], float],
) -> Iterator[Batch]:
    """This process's batches from step `first` on; masks are read from the cache as they are needed."""
    cv2.setNumThreads(1)  # threads of OpenCV would compete with those of PyTorch
    pairs = settings.grid.pairs

    def make(step: int) -> Batch:
        drawn = []
        start = (step * fabric.world_size + fabric.global_rank) * settings.batch
        for draw in range(start, start + settings.batch):
            random = np.random.default_rng((settings.seed, draw))
            panorama = panoramas[shuffled(draw, len(panoramas), (settings.seed,))]
            image = read(panorama, settings.size, settings.vertical_fov, truth=False).image
            changed, mirrored, turn = _changed(image, settings, random)
            found = np.zeros((0, *settings.windows.size)) if masks is None else masks.read(panorama)
            drawn.append((image, changed, mirrored, turn, found.astype(np.int64)))
        images, changes, mirrors, turns, found = zip(*drawn, strict=True)
        # All processes compare the same windows, as one with all of their panoramas would.
        chosen = np.random.default_rng((settings.seed, step)).permutation(len(pairs))[: settings.pairs]
        return Batch(
            torch.from_numpy(np.stack(images)),
            torch.from_numpy(np.stack(changes)),
            torch.tensor(mirrors),
            torch.tensor(turns),
            torch.from_numpy(np.stack(found)),
            tuple(pairs[index] for index in sorted(chosen)),
        )

    return prefetch(make, first, settings.workers)


def _changed(
    image: np.ndarray, settings: Settings, random: np.random.Generator
) -> tuple[np.ndarray, bool, int]:
    """What the student sees of a panorama, whether it was mirrored, and by how many columns it was turned."""
    mirrored = bool(random.random() < settings.augmentation.flip)
    turn = int(random.integers(image.shape[1] // STRIDE)) * STRIDE
    changed = np.roll(cv2.flip(image, 1) if mirrored else image, turn, axis=1)
    return augment.photometric(changed, settings.augmentation, random), mirrored, turn


def adaptation_losses(fabric: lightning_fabric.Fabric, model: nn.Module, batch: Batch) -> Losses:
    """The losses of `GoodSAM` on this process's panoramas."""
    losses: Losses = model(batch.to(fabric.device))
    return losses


def validate(
    model: GoodSAM, scored: Mapping[str, Scoring], settings: Settings, labels: LabelSet
) -> dict[str, Any]:
    """Scores of student and assistant on each set; "miou" is the student's on the first."""
    predictors = {
        "": evaluate.student(model.student, settings),
        "_assistant": evaluate.assistant(model.assistant, settings),
    }
    found = {
        f"{name}{ending}": evaluate.score(predict, panoramas, settings, labels, classes)
        for name, (panoramas, classes) in scored.items()
        for ending, predict in predictors.items()
    }
    return {"miou": next(iter(found.values()))["miou"] if found else None, "validation": found}


def learned_from(settings: Settings, sets: Sequence[Sequence[Panorama]]) -> list[dict[str, Any]]:
    """The sets, those of what assistant and student started from included."""
    starts = [one for one in (settings.assistant, settings.student.init) if one is not None]
    if told := run_folder.told_before(settings.run, *starts):
        return told
    found = [one for start in starts for one in from_bundle.learned_from(start)]
    own = [
        {"kind": one.kind, "path": one.path.name, "images": len(part), "labels": False}
        for one, part in zip(settings.data, sets, strict=True)
    ]
    return [*found, *own]
