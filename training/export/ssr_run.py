# SPDX-License-Identifier: Apache-2.0
"""The plain branch of the student of a finished run of `python -m training ssr`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from samseg_ros.labels import LabelSet, label_set
from training.export.trained import Trained, spread
from training.ssr.sets import labelled, unlabelled
from training.ssr.settings import Settings
from training.ssr.student import settings_of, student_of

MULTIPLE = 32  # of the sides of a deployed picture

ENCODERS = {
    "vit_b": "Segment Anything (ViT-B)",
    "vit_l": "Segment Anything (ViT-L)",
    "vit_h": "Segment Anything (ViT-H)",
    "custom": "a Segment Anything of another size than the published ones",
}


def read(run: Path, results: dict[str, Any], *, pictures: bool) -> Trained:
    """The student of a run folder; `pictures` wants some that it was adapted to, or else learned from.

    Deployed, it sees pictures of the size that they were scored at, its sides rounded up to multiples of 32.

    Raises:
        FileNotFoundError, ValueError: not a run folder, or its pictures are wanted and not there.
    """
    settings = settings_of(run)
    labels = label_set(settings.label_set)
    height, width = (-(-side // MULTIPLE) * MULTIPLE for side in settings.size)
    return Trained(
        network=student_of(run, labels).eval(),
        architecture=f"DAFormer with MiT-{settings.network.variant}",
        labels=labels,
        task="camera",
        projection="pinhole",
        size=(height, width),
        pad=0,
        channels=3,
        pictures=spread([(one, None) for one in _pictures(settings, labels)]) if pictures else (),
        told=_told(settings, results),
        scores=results["validation"],
        method=_method(settings),
    )


def _pictures(settings: Settings, labels: LabelSet) -> list[Path]:
    if settings.target:
        return list(unlabelled(settings.target[0], settings.data_root))
    return [one.image for one in labelled(settings.source[0], settings.data_root, labels)]


def _method(settings: Settings) -> tuple[str, ...]:
    scored = f"Scores are those of pictures seen at {settings.size[1]}x{settings.size[0]}."
    return (_adaptation(settings), _regularisation(settings), scored)


def _adaptation(settings: Settings) -> str:
    source = _names([one.path for one in settings.source])
    if settings.self_training is None:
        return f"Learned from the labelled pictures of {source}, and from no others."
    masked = ", and on masked pictures (MIC)" if settings.masking is not None else ""
    return (
        f"Adapted by self-training as in DAFormer{masked}: from the labelled pictures of {source} to "
        f"{_names([one.path for one in settings.target])}, none of whose labels was used in it."
    )


def _regularisation(settings: Settings) -> str:
    wanted = settings.regularisation
    if wanted is None:
        return "No foundation model took part in it."
    encoder = ENCODERS[wanted.encoder.variant]
    if wanted.encoder.redraw is not None:
        encoder = f"{encoder} with random weights, a control that knows nothing,"
    stages = ", ".join(str(stage) for stage in wanted.stages)
    return (
        f"Regularised by SSR: while it learned, stages {stages} of its encoder (0 is the finest) were also "
        f"joined with the embedding of {encoder} and had to give the same labels. What is exported is the "
        "plain branch: no part of that model or of the fusion with it is in the graph."
    )


def _names(folders: list[Path]) -> str:
    return ", ".join(dict.fromkeys(folder.name for folder in folders))


def _told(settings: Settings, results: dict[str, Any]) -> dict[str, Any]:
    start = "random weights"
    if settings.network.init is not None:
        start = "a run before it"
    elif settings.network.weights is not None:
        start = f"the weights {settings.network.weights.name}"
    private = {"out", "data_root", "source", "target", "validation", "network", "rare_classes"}
    rare, wanted = settings.rare_classes, settings.regularisation
    return {
        "network": f"daformer-{settings.network.variant}",
        "start": start,
        "data": results["data"],
        "steps": results["steps"],
        "minutes": round(results["seconds"] / 60.0, 1),
        "date": results["date"],
        "commit": results["commit"],
        "sam": results["sam"],
        "config": {
            **settings.model_dump(mode="json", exclude={*private, "regularisation"}),
            "network": settings.network.model_dump(mode="json", exclude={"weights", "init"}),
            "rare_classes": None if rare is None else rare.model_dump(mode="json", exclude={"statistics"}),
            "regularisation": None
            if wanted is None
            else wanted.model_dump(mode="json", exclude={"encoder": {"checkpoint"}, "cache": True}),
        },
    }
