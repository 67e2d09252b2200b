# SPDX-License-Identifier: Apache-2.0
"""From the data sets that a configuration names to lists of samples, and what is known of their light."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from samseg_ros.labels import LabelSet
from samseg_ros.light import light
from training.data import camvid, cityscapes, fmb, mfnet, msrs, pst900, world
from training.data.portion import portion
from training.data.sample import Sample
from training.sartm.evaluate import HeldOut
from training.sartm.settings import Source, Validation


def samples(source: Source, root: Path, target: LabelSet) -> tuple[Sample, ...]:
    """The samples of one set.

    Raises:
        FileNotFoundError, ValueError: as the readers of `training.data`, or nothing left after `skip`.
    """
    folder = root / source.path
    if source.kind == "mfnet":
        found = mfnet.samples(folder, source.split, target)
    elif source.kind == "pst900":
        found = pst900.samples(folder, source.split, target, source.thermal_folder)
    elif source.kind == "fmb":
        found = fmb.samples(folder, source.split, target)
    elif source.kind == "msrs" and source.weak_labels is not None:
        found = msrs.labelled_pairs(folder, root / source.weak_labels, target)
    elif source.kind == "msrs":
        found = msrs.samples(folder, source.split, target)
    elif source.kind == "camvid":
        found = camvid.samples(folder, source.split, target)
    elif source.kind == "cityscapes":
        found = cityscapes.samples(folder, source.split, target)
    else:
        found = world.samples(folder, target)
    return portion(found, source.skip, source.limit, folder)


def held_out(source: Validation, root: Path, target: LabelSet) -> HeldOut:
    """The samples of one set, and the light of each: by their names, or for the world by its manifest.

    Raises:
        FileNotFoundError, ValueError: as `samples`.
    """
    found = samples(source, root, target)
    return HeldOut(found, _lights(source, found, root / source.path))


def _lights(source: Validation, found: Sequence[Sample], folder: Path) -> list[str | None]:
    stems = [sample.image.stem for sample in found]
    if source.kind in ("mfnet", "msrs"):
        return [light(stem) for stem in stems]
    if source.kind == "world":
        # The reader has checked that it is there and readable.
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        told = {str(frame["file"]): str(frame["light"]) for frame in manifest.get("frames", [])}
        return [told.get(stem) for stem in stems]
    return [None] * len(stems)
