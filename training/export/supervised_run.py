# SPDX-License-Identifier: Apache-2.0
"""A finished run of `python -m training supervised`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from samseg_ros.labels import label_set
from training import checkpoint, config
from training.export.trained import Trained, spread
from training.run_folder import CONFIG
from training.supervised.sets import samples
from training.supervised.settings import Settings
from training.supervised.train import build, padding

RGBT = (
    "The plain baseline of fusion: thermal, scaled to 8 bits by percentiles, is a fourth input channel of "
    "the network. A missing stream is zero there, and was missing often in training, so that either "
    "stream alone will do. Scores named `_rgb_only` and `_thermal_only` are those without the other; sets "
    "that have no thermal are scored from RGB alone.",
)

TWO_BRANCH = (
    "CMX on two MiT encoders: thermal, scaled to 8 bits by percentiles, has an encoder of its own, and both "
    "streams rectify each other and are fused at every stage. A missing stream adds nothing, and was missing "
    "often in training, so that either stream alone will do. Scores named `_rgb_only` and `_thermal_only` "
    "are those without the other; sets that have no thermal are scored from RGB alone.",
)


def read(run: Path, results: dict[str, Any], *, pictures: bool) -> Trained:
    """The trained network of a run folder; `pictures` wants some of its first validation set.

    Raises:
        FileNotFoundError, ValueError: not a run folder, or its validation set is wanted and not there.
    """
    settings = config.read(run / CONFIG, Settings)
    labels = label_set(settings.label_set)
    own = settings.network.model_copy(update={"weights": None})
    network = build(settings.model_copy(update={"network": own}), len(labels))
    network.load_state_dict(checkpoint.weights(run))
    found = samples(settings.validation[0], settings.data_root, labels) if pictures else ()
    return Trained(
        network=network.eval(),
        architecture=f"{'two MiT' if settings.presence else 'SegFormer'}-{settings.network.variant}",
        labels=labels,
        task=settings.task,
        projection=settings.projection,
        size=settings.size,
        pad=padding(settings),
        channels=settings.channels,
        pictures=spread([(one.image, one.thermal) for one in found]) if found else (),
        told=_told(settings, results),
        scores=results["validation"],
        method=TWO_BRANCH if settings.presence else RGBT if settings.with_thermal else (),
        presence=settings.presence,
    )


def _told(settings: Settings, results: dict[str, Any]) -> dict[str, Any]:
    private = {"out", "init", "data_root", "data", "validation", "network"}
    weights = settings.network.weights
    start = "random weights" if weights is None else f"the weights {weights.name}"
    if settings.init is not None:
        start = f"the weights of {settings.init.name}"
    network = settings.network.model_dump(mode="json", exclude={"weights"})
    return {
        "network": settings.network.variant,
        "start": start,
        "data": results["data"],
        "steps": results["steps"],
        "minutes": round(results["seconds"] / 60.0, 1),
        "date": results["date"],
        "commit": results["commit"],
        "config": {**settings.model_dump(mode="json", exclude=private), "network": network},
    }
