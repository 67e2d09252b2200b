# SPDX-License-Identifier: Apache-2.0
"""From the data sets that a configuration names to lists of samples."""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet
from training.data import camvid, cityscapes, kitti, stanford2d3d, world
from training.data.portion import portion
from training.data.sample import Sample
from training.supervised.settings import Source


def samples(source: Source, root: Path, target: LabelSet) -> tuple[Sample, ...]:
    """The samples of one set.

    Raises:
        FileNotFoundError, ValueError: as the readers of `training.data`, or nothing left after `skip`.
    """
    folder = root / source.path
    if source.kind == "camvid":
        found = camvid.samples(folder, source.split, target)
    elif source.kind == "cityscapes":
        found = cityscapes.samples(folder, source.split, target)
    elif source.kind == "kitti":
        found = kitti.samples(folder, target)
    elif source.kind == "stanford2d3d":
        # Its panoramas are the target of adaptation; what has labels to train on is its pinhole pictures.
        found = stanford2d3d.samples(folder, source.split, target, "pinhole")
    else:
        found = world.samples(folder, target)
    return portion(found, source.skip, source.limit, folder)
