# SPDX-License-Identifier: Apache-2.0
"""From a run folder to a model bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from samseg_ros import bundle
from samseg_ros.labels import LabelSet, label_set
from training import checkpoint, config
from training.data import thermal
from training.data.sample import pictures as pictures_in
from training.export import card, verify
from training.export.graph import Deployed, to_onnx
from training.export.segformer import DeployedSegformer
from training.modalities import presences
from training.supervised.sets import samples
from training.supervised.settings import Settings
from training.supervised.train import CONFIG, RESULTS, build, padding


def export(
    run: Path,
    out: Path,
    *,
    name: str,
    size: tuple[int, int] | None = None,
    pictures: Path | None = None,
    half_weights: bool = True,
) -> tuple[bundle.Bundle, float]:
    """Export a supervised run.

    Args:
        run: its folder, with config.yaml, checkpoint.pt and results.json.
        out: folder of the bundle.
        name: of the bundle.
        size: (height, width) of the network, multiples of 32; None is the size the run validated at.
        pictures: folder of pictures to compare graph and network on, or for an RGB-T run of folders rgb/ and
            thermal/; None takes the run's first validation set.
        half_weights: store weights as float16.

    Returns:
        The bundle, and the share of pixels on which graph and network agree.

    Raises:
        FileNotFoundError, ValueError: not a finished run, nothing to verify on, or too little agreement.
    """
    settings = config.read(run / CONFIG, Settings)
    if not (run / RESULTS).is_file():
        raise FileNotFoundError(f"{run} has no {RESULTS}: let the run finish, then export it.")
    results = json.loads((run / RESULTS).read_text(encoding="utf-8"))
    size = size or settings.size
    if any(side < 32 or side % 32 for side in size):
        raise ValueError(f"Size {size[0]}x{size[1]} is not possible: give multiples of 32.")
    labels = label_set(settings.label_set)
    deployed = restore(run, settings, labels)
    graph = to_onnx(deployed, size, half_weights, settings.channels)
    shown = verification(settings, labels, size, pictures)
    cases = tuple(presences(settings.with_thermal).values())
    agreement = verify.require(graph, deployed, shown, cases)
    training = told(settings, results)
    written = bundle.write(
        out,
        graph=graph,
        name=name,
        task=settings.task,
        projection=settings.projection,
        size=size,
        labels=labels,
        training=training,
        scores=results["validation"],
        card=card.write(
            name=name,
            task=settings.task,
            size=size,
            labels=labels,
            training=training,
            scores=results["validation"],
            agreement=agreement,
        ),
    )
    return written, agreement


def restore(run: Path, settings: Settings, labels: LabelSet) -> Deployed:
    """The trained network of a run, ready to export."""
    own = settings.network.model_copy(update={"weights": None})
    network = build(settings.model_copy(update={"network": own}), len(labels))
    network.load_state_dict(checkpoint.weights(run))
    return Deployed(DeployedSegformer(network.eval()), padding(settings)).eval()


def verification(
    settings: Settings, labels: LabelSet, size: tuple[int, int], pictures: Path | None, count: int = 6
) -> list[np.ndarray]:
    """Up to `count` pictures, evenly spaced in the folder or the validation set, as the network takes them.

    Returns:
        uint8 [*size, 3] BGR, or [*size, 4] with thermal for an RGB-T run.
    """
    paths: list[tuple[Path, Path | None]]
    if pictures is None:
        try:
            found = samples(settings.validation[0], settings.data_root, labels)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"The run's validation set is not there to verify on ({error}): give --pictures FOLDER."
            ) from error
        paths = [(one.image, one.thermal) for one in found]
    elif settings.with_thermal:
        found_in = pictures_in(pictures / "rgb", "pictures to verify the exported graph on, beside thermal/")
        paths = [(one, pictures / "thermal" / f"{one.stem}.png") for one in found_in]
    else:
        paths = [(one, None) for one in pictures_in(pictures, "pictures to verify the exported graph on")]
    chosen = np.unique(np.linspace(0, len(paths) - 1, count).round().astype(int))
    return [_picture(*paths[int(index)], size, settings.channels) for index in chosen]


def _picture(image: Path, warmth: Path | None, size: tuple[int, int], channels: int) -> np.ndarray:
    colours = cv2.imread(str(image), cv2.IMREAD_COLOR)
    if colours is None:
        raise ValueError(
            f"Cannot decode the picture {image}: remove it, or give another folder with --pictures."
        )
    shrunk = [cv2.resize(colours, size[::-1], interpolation=cv2.INTER_AREA)]
    if channels == 4:
        # A picture without thermal serves too: the graph is to agree whatever it is given.
        other = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY) if warmth is None else thermal.read(warmth)
        shrunk.append(cv2.resize(other, size[::-1], interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(np.dstack(shrunk), dtype=np.uint8)


def told(settings: Settings, results: dict[str, Any]) -> dict[str, Any]:
    """How the network was trained, for the bundle: no folder of the machine it was trained on."""
    private = {"out", "init", "data_root", "data", "validation", "network"}
    weights = settings.network.weights
    network = settings.network.model_dump(mode="json", exclude={"weights"})
    return {
        "network": settings.network.variant,
        "start": "random weights" if weights is None else f"the weights {weights.name}",
        "data": results["data"],
        "steps": results["steps"],
        "minutes": round(results["seconds"] / 60.0, 1),
        "date": results["date"],
        "commit": results["commit"],
        "config": {**settings.model_dump(mode="json", exclude=private), "network": network},
    }
