# SPDX-License-Identifier: Apache-2.0
"""From the data sets that a configuration names to lists of samples and of pictures."""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet
from training.data import acdc, camvid, cityscapes, gta5, panorama_pictures, synthia, world
from training.data.portion import portion
from training.data.sample import Sample
from training.ssr.settings import Labelled, Pictures, Scored


def labelled(one: Labelled | Scored, root: Path, target: LabelSet) -> tuple[Sample, ...]:
    """The pictures of one set with their labels.

    Raises:
        FileNotFoundError, ValueError: as the readers of `training.data`, or nothing left after `skip`.
    """
    folder = root / one.path
    if one.kind == "gta5":
        found = gta5.samples(folder, target)
    elif one.kind == "synthia":
        found = synthia.samples(folder, target)
    elif one.kind == "cityscapes":
        found = cityscapes.samples(folder, one.split, target)
    elif one.kind == "acdc":
        found = acdc.samples(folder, one.split, target)
    elif one.kind == "camvid":
        found = camvid.samples(folder, one.split, target)
    else:
        found = world.samples(folder, target)
    return portion(found, one.skip, one.limit, folder)


def unlabelled(one: Pictures, root: Path) -> tuple[Path, ...]:
    """The pictures of one set; whether they have labels is not looked at.

    Raises:
        FileNotFoundError, ValueError: as `labelled`.
    """
    folder = root / one.path
    if one.kind == "gta5":
        found = gta5.pictures(folder)
    elif one.kind == "synthia":
        found = synthia.pictures(folder)
    elif one.kind == "cityscapes":
        found = cityscapes.pictures(folder, one.split)
    elif one.kind == "acdc":
        found = acdc.pictures(folder, one.split)
    elif one.kind == "camvid":
        found = camvid.pictures(folder, one.split)
    elif one.kind == "world":
        found = world.pictures(folder)
    else:
        found = panorama_pictures.pictures(folder, "a folder of pictures")
    return portion(found, one.skip, one.limit, folder)


def picture_name(image: Path, one: Pictures, root: Path) -> str:
    """A name for a picture of a set: the set's kind and path, and the picture's path in it."""
    return f"{one.kind}/{one.path.as_posix()}/{image.relative_to(root / one.path).as_posix()}"
