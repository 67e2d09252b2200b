# SPDX-License-Identifier: Apache-2.0
"""From a draw's number to one training picture: pick, read, compose, augment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from training.data import augment, sphere, thermal
from training.data.augment import Augmentation, Picture
from training.data.memory import Memory, Pair
from training.data.mixture import Mixture
from training.data.sample import Projection, Sample
from training.data.thermal import ThermalAugmentation
from training.modalities import RGB_ONLY, Present


class Drawn(NamedTuple):
    """A picture uint8 [h, w, 3] BGR or [h, w, 4] with thermal, its label uint8 [h, w], and what is seen."""

    image: Picture
    label: Picture
    present: Present


@dataclass(frozen=True)
class Composer:
    """Makes training pictures; `compose` depends on nothing but these values and the draw's number.

    Attributes:
        mixture: what to draw from.
        memory: reads and keeps pictures.
        projection: of the pictures to make. Pinhole pictures are warped onto panoramas; panoramas are never
            cut into pinhole pictures.
        size: (height, width) at which the network will see whole pictures: random scales are relative to it.
        augmentation: strengths of the random changes.
        onto_panorama: how often a pinhole picture is pasted onto a labelled panorama of the mixture rather
            than onto a blank one, 0..1.
        around: how many pinhole pictures go on one panorama at most.
        thermal: random changes of the fourth channel; None where pictures have only three.
    """

    mixture: Mixture
    memory: Memory
    projection: Projection
    size: tuple[int, int]
    augmentation: Augmentation
    onto_panorama: float = 0.7
    around: int = 3
    thermal: ThermalAugmentation | None = None

    def compose(self, draw: int, window: tuple[int, int]) -> Drawn:
        """One training picture.

        Args:
            draw: number of the draw; the same number gives the same picture.
            window: (height, width) of the result.
        """
        random = self.mixture.generator(draw)
        chosen, index = self.mixture.pick(draw, random)
        sample = self.mixture.sets[chosen][index]
        image, label = self.memory.read(sample)
        panorama = self.projection == "equirectangular"
        if panorama and sample.projection == "pinhole":
            image, label = self._surrounded(chosen, (image, label), random)
        strength = self.augmentation
        if random.random() < strength.flip:
            image, label = augment.flip(image, label)
        if panorama and random.random() < strength.band:
            image, label = augment.band(image, label, random)
        low, high = np.log(strength.scale)
        scale = float(np.exp(random.uniform(low, high))) * self.size[0] / label.shape[0]
        # Cameras of every shape are resized to the network's: widths vary against heights.
        aspect = float(np.exp(random.uniform(-1, 1) * np.log1p(strength.aspect)))
        image, label = augment.crop(
            image,
            label,
            window,
            scale=(scale, scale * aspect),
            random=random,
            around=panorama,
            balance=strength.balance,
        )
        rgb = augment.photometric(image[..., :3], strength, random)
        if self.thermal is None:
            return Drawn(rgb, label, RGB_ONLY)
        warmth = thermal.photometric(image[..., 3], self.thermal, random)
        warmth = thermal.misplace(warmth, self.thermal, random)
        present = RGB_ONLY if sample.thermal is None else self.thermal.present(random)
        return Drawn(np.dstack([rgb, warmth]), label, present)

    def _surrounded(self, chosen: int, first: Pair, random: np.random.Generator) -> Pair:
        """A panorama with pictures of the set `chosen` pasted on: `around` of them on a blank one, one to
        `around` on a labelled one.
        """
        canvas = sphere.blank(self.size, first[0])
        count = self.around
        panoramas = [one for one in self.mixture.sets if one[0].projection == "equirectangular"]
        if panoramas and random.random() < self.onto_panorama:
            behind = panoramas[int(random.integers(len(panoramas)))]
            image, label = self.memory.read(_any(behind, random))
            turn = int(random.integers(label.shape[1]))
            canvas = augment.roll(*augment.resize(image, label, self.size), turn)
            count = 1 + int(random.integers(self.around))
        others = [self.memory.read(_any(self.mixture.sets[chosen], random)) for _ in range(count - 1)]
        return sphere.surround([first, *others], canvas, random)

    def batch(
        self, first: int, count: int, window: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`count` draws from `first` on.

        Returns:
            images uint8 [count, *window, 3 or 4], labels uint8 [count, *window], present float32 [count, 2].
        """
        drawn = [self.compose(draw, window) for draw in range(first, first + count)]
        return (
            np.stack([one.image for one in drawn]),
            np.stack([one.label for one in drawn]),
            np.array([one.present for one in drawn], np.float32),
        )


def _any(samples: tuple[Sample, ...], random: np.random.Generator) -> Sample:
    return samples[int(random.integers(len(samples)))]
