# SPDX-License-Identifier: Apache-2.0
"""A finished run of `python -m training sartm`: what it learned, and the frozen encoder it learned with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from samseg_ros.labels import LabelSet, label_set
from training import checkpoint, config, run_folder
from training.export.trained import Trained, spread
from training.sartm.backbone_settings import BackboneSettings, SamBackbone
from training.sartm.network import SARTM, build, of_network
from training.sartm.sets import samples
from training.sartm.settings import Settings

STREAMS = (
    "Either stream may be missing: `present` tells, and what is missing adds nothing. Scores named "
    "`_rgb_only` and `_thermal_only` are those of one stream, scores named after a light those of its "
    "pictures alone; sets that have no thermal are scored from RGB alone."
)


def read(run: Path, results: dict[str, Any], *, pictures: bool) -> Trained:
    """The network of a run folder; `pictures` wants some of its first validation set.

    The checkpoint of a run lacks the frozen backbone: that is read from where config.yaml says, relative to
    the working directory, and must be the same file as in training. `Trained.fold` merges LoRA into it.

    Raises:
        FileNotFoundError, ValueError: not a run folder, no such backbone or another one, or its validation
            set is wanted and not there.
    """
    settings = settings_of(run)
    labels = label_set(settings.label_set)
    network = load(run, settings, labels)
    found = samples(settings.validation[0], settings.data_root, labels) if pictures else ()
    return Trained(
        network=network,
        architecture=f"SARTM on {_encoder(settings.backbone)}",
        labels=labels,
        task="rgbt",
        projection="pinhole",
        size=settings.size,
        pad=0,
        channels=4,
        pictures=spread([(one.image, one.thermal) for one in found]) if found else (),
        told=_told(settings, results),
        scores=results["validation"],
        method=_method(settings),
        presence=True,
        fold=network.backbone.fold,
    )


def settings_of(run: Path) -> Settings:
    """The settings of a run folder.

    Raises:
        ValueError: a run of another kind.
    """
    try:
        return config.read(run / run_folder.CONFIG, Settings)
    except ValueError as error:
        raise ValueError(f"{run} is no run of `python -m training sartm`: give the folder of one.") from error


def load(run: Path, settings: Settings, labels: LabelSet) -> SARTM:
    """The network with the weights of a run, in evaluation mode, not merged.

    Raises:
        ValueError: no such backbone, or not that of the run; results from before `logit_adjustment` was set.
    """
    try:
        network = build(settings, len(labels), start=False)
    except FileNotFoundError as error:
        # Not a FileNotFoundError: that would be taken for one of pictures.
        raise ValueError(f"The backbone that {run} was trained with is not there: {error}") from error
    network.load_state_dict(of_network(checkpoint.weights(run)))
    if settings.logit_adjustment:
        shares = run_folder.results(run).get("class_shares")
        if shares is None:
            raise ValueError(
                f"{run} was scored without logit_adjustment, which its config.yaml asks for: run the "
                "training command again to its end."
            )
        network.adjust(torch.tensor([shares[name] for name in labels.names]), settings.logit_adjustment)
    return network.eval()


def _encoder(backbone: BackboneSettings) -> str:
    generation = "Segment Anything" if isinstance(backbone, SamBackbone) else "Segment Anything 2"
    size = "of another size than the published ones" if backbone.variant == "custom" else backbone.variant
    return f"{generation} ({size})"


def _method(settings: Settings) -> tuple[str, ...]:
    adapted = "and was not changed"
    if settings.backbone.rank:
        adapted = f"and was adapted by LoRA of rank {settings.backbone.rank}, which is merged into it here"
    parts = [
        "fused by FRM and FFM at three scales" if settings.fusion == "frm_ffm" else "fused by their mean",
        "an auxiliary head" if settings.auxiliary is not None else "",
        "the likeness of the classes' names to CLIP" if settings.language is not None else "",
        "prototypes that RGB and thermal share" if settings.distillation is not None else "",
    ]
    taught = " and ".join(part for part in parts[1:] if part)
    helped = f" In training it was also taught by {taught}." if taught else ""
    adjusted = (
        f" From RGB alone its logits are adjusted by {settings.logit_adjustment:g} times the log shares that "
        "the classes have in the training pictures, in favour of rare ones."
        if settings.logit_adjustment
        else ""
    )
    return (
        f"SARTM: RGB and thermal go through one encoder, {_encoder(settings.backbone)}, which stayed frozen "
        f"{adapted}. Their features are {parts[0]} and decoded by SAM's mask decoder with one token for each "
        f"class.{helped}{adjusted}",
        STREAMS,
    )


def _before(init: Path | None) -> str:
    if init is None:
        return ""
    if not run_folder.finished(init):
        return ", after another run"
    told = run_folder.results(init)
    return f", after another run of {told['steps']} steps in {told['seconds'] / 60.0:.0f} minutes"


def _told(settings: Settings, results: dict[str, Any]) -> dict[str, Any]:
    private = {"out", "data_root", "data", "validation", "backbone", "init", "language"}
    language = settings.language
    return {
        "network": f"sartm-{settings.backbone.kind}-{settings.backbone.variant}",
        "start": f"the frozen encoder of {_encoder(settings.backbone)}{_before(settings.init)}",
        "data": results["data"],
        "steps": results["steps"],
        "minutes": round(results["seconds"] / 60.0, 1),
        "date": results["date"],
        "commit": results["commit"],
        "backbone": results["backbone"],
        "parameters": results["parameters"],
        "config": {
            **settings.model_dump(mode="json", exclude=private),
            "backbone": settings.backbone.model_dump(mode="json", exclude={"checkpoint", "folder"}),
            "language": None
            if language is None
            else language.model_dump(mode="json", exclude={"text": {"folder", "file"}}),
        },
    }
