# SPDX-License-Identifier: Apache-2.0
"""From the sets of panoramas that a configuration names to lists of panoramas."""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet
from training.data import densepass, panorama_pictures, stanford2d3d, wildpass, world
from training.data.portion import portion
from training.data.sample import Sample
from training.goodsam.panorama import Panorama
from training.goodsam.settings import Panoramas, Scored


def unlabelled(source: Panoramas, root: Path, target: LabelSet) -> list[Panorama]:
    """Panoramas to adapt to. The renderer's truth goes with those of the world, for its masks.

    Raises:
        FileNotFoundError, ValueError: as the readers of `training.data`; pictures of the world that are no
            panoramas, or nothing left after `skip`.
    """
    folder = root / source.path
    if source.kind == "world":
        rendered = [_rendered(sample, folder) for sample in _drawn(folder, target)]
        return list(portion(rendered, source.skip, source.limit, folder, "panoramas"))
    if source.kind == "densepass":
        pictures = densepass.pictures(folder, source.split)
    elif source.kind == "wildpass":
        pictures = wildpass.pictures(folder, source.split)
    elif source.kind == "stanford2d3d":
        pictures = stanford2d3d.pictures(folder, source.split)
    else:
        pictures = panorama_pictures.pictures(folder)
    return list(
        portion(
            [Panorama(one, None, None, _name(one, folder)) for one in pictures],
            source.skip,
            source.limit,
            folder,
            "panoramas",
        )
    )


def labelled(source: Scored, root: Path, target: LabelSet) -> list[Panorama]:
    """Panoramas to score on.

    Raises:
        FileNotFoundError, ValueError: as `unlabelled`, or a kind that has no labels.
    """
    folder = root / source.path
    if source.kind == "world":
        found = _drawn(folder, target)
    elif source.kind == "densepass":
        found = densepass.samples(folder, source.split, target)
    elif source.kind == "wildpass":
        found = wildpass.samples(folder, source.split, target)
    elif source.kind == "stanford2d3d":
        found = stanford2d3d.samples(folder, source.split, target)
    else:
        raise ValueError(f"The validation set {source.name} is of kind pictures, which has no labels.")
    panoramas = [Panorama(one.image, one, None, _name(one.image, folder)) for one in found]
    return list(portion(panoramas, source.skip, source.limit, folder, "panoramas"))


def _drawn(folder: Path, target: LabelSet) -> list[Sample]:
    found = world.samples(folder, target)
    if found[0].projection != "equirectangular":
        raise ValueError(
            f"{folder} holds pictures of a pinhole camera: expected panoramas, as "
            "`python -m training world --camera erp` draws them."
        )
    return found


def _rendered(sample: Sample, folder: Path) -> Panorama:
    instance = folder / "instance" / f"{sample.image.stem}.png"
    known = instance if instance.is_file() else None
    return Panorama(sample.image, sample, known, _name(sample.image, folder))


def _name(image: Path, folder: Path) -> str:
    """The path from the set's folder on, as one word."""
    return "-".join([folder.name, *image.relative_to(folder).with_suffix("").parts])
