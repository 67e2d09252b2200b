# SPDX-License-Identifier: Apache-2.0
"""From a run folder to a model bundle."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from samseg_ros import bundle
from training import checkpoint
from training.data import thermal
from training.data.sample import pictures as pictures_in
from training.export import card, verify
from training.export.graph import Deployed, to_onnx
from training.export.segformer import DeployedSegformer
from training.export.trained import Picture, Trained, spread
from training.modalities import presences
from training.networks import Segformer
from training.run_folder import RESULTS, finished, method, results


def export(
    run: Path,
    out: Path,
    *,
    name: str,
    size: tuple[int, int] | None = None,
    pictures: Path | None = None,
    half_weights: bool = True,
) -> tuple[bundle.Bundle, float]:
    """Export a supervised or a SARTM run, or the student of an SSR or GoodSAM run.

    Args:
        run: its folder, with config.yaml, checkpoint.pt and results.json.
        out: folder of the bundle.
        name: of the bundle.
        size: (height, width) of the network, multiples of 32; None is the run's own.
        pictures: folder of pictures to compare graph and network on, or for an RGB-T run of folders rgb/ and
            thermal/; None takes some of the run's own.
        half_weights: store weights as float16.

    Returns:
        The bundle, and the share of pixels on which graph and network agree.

    Raises:
        FileNotFoundError, ValueError: not a finished run, nothing to verify on, or too little agreement.
    """
    trained = read(run, own_pictures=pictures is None)
    size = size or trained.size
    if any(side < 32 or side % 32 for side in size):
        raise ValueError(f"Size {size[0]}x{size[1]} is not possible: give multiples of 32 with --size.")
    network = trained.network
    if trained.fold is not None:
        trained.fold(size)
    # The exporter itself folds what there is to fold in other networks.
    deployable = DeployedSegformer(network) if isinstance(network, Segformer) else network
    deployed = Deployed(deployable, trained.pad, trained.presence).eval()
    graph = to_onnx(deployed, size, half_weights, trained.channels)
    shown = trained.pictures if pictures is None else _in_folder(pictures, trained.channels == 4)
    seen = [_picture(*one, size, trained.channels) for one in shown]
    cases = tuple(presences(trained.channels == 4).values())
    agreement = verify.require(graph, deployed, seen, cases)
    written = bundle.write(
        out,
        graph=graph,
        name=name,
        task=trained.task,
        projection=trained.projection,
        size=size,
        labels=trained.labels,
        training=trained.told,
        scores=dict(trained.scores),
        card=card.write(name=name, trained=trained, size=size, agreement=agreement),
    )
    return written, agreement


def read(run: Path, *, own_pictures: bool) -> Trained:
    """A finished run, whichever command made it.

    Raises:
        FileNotFoundError, ValueError: no run folder, one of another kind or not finished, or no pictures.
    """
    made_by = method(run)
    if not finished(run):
        raise FileNotFoundError(f"{run} has no {RESULTS}: let the run finish, then export it.")
    if not (run / checkpoint.NAME).is_file():
        raise FileNotFoundError(f"{run} has no {checkpoint.NAME}: give the folder of a run that trained.")
    try:
        # Each module brings much along that the others do without.
        if made_by == "goodsam":
            from training.export import goodsam_run

            return goodsam_run.read(run, results(run), pictures=own_pictures)
        if made_by == "ssr":
            from training.export import ssr_run

            return ssr_run.read(run, results(run), pictures=own_pictures)
        if made_by == "sartm":
            from training.export import sartm_run

            return sartm_run.read(run, results(run), pictures=own_pictures)
        from training.export import supervised_run

        return supervised_run.read(run, results(run), pictures=own_pictures)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"The run's pictures are not there to verify on ({error}): give --pictures FOLDER."
        ) from error


def _in_folder(folder: Path, with_thermal: bool) -> tuple[Picture, ...]:
    if not with_thermal:
        return spread(
            [(one, None) for one in pictures_in(folder, "pictures to verify the exported graph on")]
        )
    found = pictures_in(folder / "rgb", "pictures to verify the exported graph on, beside thermal/")
    return spread([(one, folder / "thermal" / f"{one.stem}.png") for one in found])


def _picture(image: Path, warmth: Path | None, size: tuple[int, int], channels: int) -> np.ndarray:
    """As the network takes it: uint8 [*size, 3] BGR, or [*size, 4] with thermal."""
    colours = cv2.imread(str(image), cv2.IMREAD_COLOR)
    if colours is None:
        raise ValueError(
            f"Cannot decode the picture {image}: remove it, or give another folder with --pictures."
        )
    shrunk = [cv2.resize(colours, size[::-1], interpolation=cv2.INTER_AREA)]
    if channels == 4:
        # A picture without thermal serves too: the graph is to agree whatever it is given.
        other = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY) if warmth is None else _warmth(warmth, image)
        shrunk.append(cv2.resize(other, size[::-1], interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(np.dstack(shrunk), dtype=np.uint8)


def _warmth(path: Path, image: Path) -> np.ndarray:
    """Thermal uint8 [h, w]; of pictures of four channels it is in the file of the image."""
    return thermal.read(path, "alpha" if path == image else "plain")
