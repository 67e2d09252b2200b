# SPDX-License-Identifier: Apache-2.0
"""From a draw's number to one training crop of the source, with its label, or of the target."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from training.data.augment import Picture, flip, resize, resize_image
from training.data.memory import Kept, Pair
from training.data.mixture import shuffled
from training.data.sample import Sample, read, read_image
from training.ssr.rare import RareClasses
from training.ssr.sets import picture_name
from training.ssr.settings import Settings

# A crop is looked for at most so often, as DAFormer's authors do.
TRIES = 10
# What random numbers are for; each has its own.
SOURCE, TARGET, PLACES = range(3)

Place = tuple[int, int]  # top, left


class SourceCrop(NamedTuple):
    """A crop of a labelled picture.

    Attributes:
        image: uint8 [h, w, 3] BGR.
        label: uint8 [h, w], 255 unlabelled.
        key: what it shows: set, picture, its size, place, mirrored or not, and a checksum of the pixels.
    """

    image: np.ndarray
    label: np.ndarray
    key: str


class _Source(NamedTuple):
    sample: Sample
    name: str
    size: tuple[int, int]


class SourceCrops:
    """Draws crops of the source; a crop depends on nothing but the settings, the pictures and its number.

    With rare-class sampling the picture is picked for a class, and up to ten crops are cut until one holds at
    least min_pixels · min_crop_share pixels of it (of the resized picture); the tenth is taken as it is.
    Without, every picture comes up once an epoch. Either way, each of those crops is itself cut up to ten
    times until no class has more than `cat_max_share` of its labelled pixels.

    Args:
        sets: the samples of each of `settings.source`.
        counts: int [pictures, classes], as `training.ssr.statistics.read` gives them; needed with
            `settings.rare_classes`.

    Raises:
        ValueError: as `RareClasses`.
    """

    def __init__(
        self, settings: Settings, sets: Sequence[Sequence[Sample]], counts: np.ndarray | None = None
    ) -> None:
        self._settings = settings
        self._sources = [
            _Source(sample, picture_name(sample.image, one, settings.data_root), one.size)
            for one, part in zip(settings.source, sets, strict=True)
            for sample in part
        ]
        self._kept: Kept[Pair] = Kept(_budget(settings))
        self._rare: RareClasses | None = None
        self._enough = 0.0
        wanted = settings.rare_classes
        if wanted is not None:
            if counts is None or len(counts) != len(self._sources):
                raise ValueError("rare_classes needs the pixels of each class in every source picture.")
            self._rare = RareClasses(counts, wanted.temperature, wanted.min_pixels)
            self._enough = wanted.min_pixels * wanted.min_crop_share

    def draw(self, number: int) -> SourceCrop:
        """Crop number `number`.

        Raises:
            ValueError: as `training.data.sample.read`.
        """
        seed, size = self._settings.seed, self._settings.crop
        random = np.random.default_rng((seed, SOURCE, number))
        wanted = None
        if self._rare is None:
            index = shuffled(number, len(self._sources), (seed, SOURCE))
        else:
            wanted, index = self._rare.pick(random)
        source = self._sources[index]
        image, label = self._kept.get(
            (source.name, source.size), lambda: resize(*read(source.sample), source.size)
        )
        top, left = self._place(label, self._places(source, random), wanted)
        window = slice(top, top + size[0]), slice(left, left + size[1])
        mirrored = random.random() < self._settings.flip
        # A copy, so that whoever changes a crop does not change what is kept.
        image, label = image[window].copy(), label[window].copy()
        if mirrored:
            image, label = flip(image, label)
        whole, part = ("x".join(map(str, one)) for one in (source.size, size))
        side = "mirrored" if mirrored else "plain"
        pixels = f"{zlib.crc32(image.tobytes()):08x}"  # a picture may be replaced by another of its name
        return SourceCrop(image, label, f"{source.name}/{whole}/{top},{left}/{part}/{side}/{pixels}")

    def _place(self, label: np.ndarray, draw_place: Callable[[], Place], wanted: int | None) -> Place:
        """The place of a crop that is good enough, or the last one tried."""
        for _ in range(TRIES):
            place, counts = self._varied_place(label, draw_place)
            if wanted is None or counts[wanted] >= self._enough:
                break
        return place

    def _varied_place(self, label: np.ndarray, draw_place: Callable[[], Place]) -> tuple[Place, np.ndarray]:
        """A place where no class has too large a share, or the last one tried, and its pixels of each id."""
        high, wide = self._settings.crop
        for _ in range(TRIES):
            top, left = draw_place()
            counts = np.bincount(label[top : top + high, left : left + wide].ravel(), minlength=256)
            known = counts[:-1]
            if 0 < known.max() <= self._settings.cat_max_share * known.sum():
                break
        return (top, left), counts

    def _places(self, source: _Source, random: np.random.Generator) -> Callable[[], Place]:
        """Draws places: any, or of the few that a picture has, which depend on the seed and its name."""
        settings = self._settings
        if settings.places is None:
            return lambda: _any_place(source.size, settings.crop, random)
        own = np.random.default_rng((settings.seed, PLACES, zlib.crc32(source.name.encode())))
        few = [_any_place(source.size, settings.crop, own) for _ in range(settings.places)]
        return lambda: few[int(random.integers(len(few)))]


class TargetCrops:
    """Draws crops of the target; a crop depends on nothing but the settings, the pictures and its number.

    Every picture comes up once an epoch, at a random place, mirrored as often as `settings.flip` says.

    Args:
        sets: the pictures of each of `settings.target`.
    """

    def __init__(self, settings: Settings, sets: Sequence[Sequence[Path]]) -> None:
        self._settings = settings
        self._pictures = [
            (path, one.size) for one, part in zip(settings.target, sets, strict=True) for path in part
        ]
        self._kept: Kept[tuple[Picture]] = Kept(_budget(settings))

    def draw(self, number: int) -> np.ndarray:
        """Crop number `number`, uint8 [h, w, 3] BGR.

        Raises:
            ValueError: as `training.data.sample.read_image`.
        """
        seed, (high, wide) = self._settings.seed, self._settings.crop
        random = np.random.default_rng((seed, TARGET, number))
        path, size = self._pictures[shuffled(number, len(self._pictures), (seed, TARGET))]
        (image,) = self._kept.get((path, size), lambda: (resize_image(read_image(path), size),))
        top, left = _any_place(size, (high, wide), random)
        crop: np.ndarray = image[top : top + high, left : left + wide]
        return cv2.flip(crop, 1) if random.random() < self._settings.flip else crop.copy()


def _any_place(whole: tuple[int, int], part: tuple[int, int], random: np.random.Generator) -> Place:
    """Where `part` may lie in `whole`, both (height, width), every place as likely."""
    return int(random.integers(whole[0] - part[0] + 1)), int(random.integers(whole[1] - part[1] + 1))


def _budget(settings: Settings) -> int:
    """Bytes for decoded pictures: source and target get half of them each, where both are drawn from."""
    return int(settings.memory_gb * 2**30) // (1 if settings.self_training is None else 2)
