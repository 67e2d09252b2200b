# SPDX-License-Identifier: Apache-2.0
"""Pictures with their masks, by which nobody knows what a thing is, but where it ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from samseg_ros.labels import label_set
from training.data import panorama_pictures, world
from training.data.augment import resize
from training.data.memory import Kept, Pair
from training.data.portion import portion
from training.data.sample import Sample, read_image, read_label
from training.foundation.masks import MaskGenerator, generator
from training.foundation.pretrain.settings import Pictures
from training.foundation.settings import FelzenszwalbMasks, InstanceMasks
from training.foundation.view import View

# Of the truth only borders are used: any label set tells them that has all classes of the world.
LABELS = "street11"


@dataclass(frozen=True)
class Picture:
    """A picture on disk.

    Attributes:
        image: its file.
        label, instance: the renderer's truth, where masks are made of that; else None.
    """

    image: Path
    label: Sample | None = None
    instance: Path | None = None


def pictures(one: Pictures, root: Path) -> tuple[Picture, ...]:
    """The pictures of one set.

    Raises:
        FileNotFoundError, ValueError: no such set, one without instances, or nothing left after `skip`.
    """
    folder = root / one.path
    if one.masks == "instances":
        found = [_with_truth(sample, folder) for sample in world.samples(folder, label_set(LABELS))]
    else:
        inside = folder / "rgb" if one.kind == "world" else folder
        found = [Picture(path) for path in panorama_pictures.pictures(inside, "a folder of pictures")]
    return portion(found, one.skip, one.limit, folder, "pictures")


def _with_truth(sample: Sample, folder: Path) -> Picture:
    instance = folder / "instance" / f"{sample.image.stem}.png"
    if not instance.is_file():
        raise FileNotFoundError(
            f"The picture {sample.image} has no instances {instance}: draw the folder again, or set masks to "
            "felzenszwalb."
        )
    return Picture(sample.image, sample, instance)


class Memory:
    """Reads pictures, finds their masks and keeps both up to a number of bytes.

    Args:
        tallest: pictures higher than this many pixels are shrunk to it; None keeps them whole.
        budget: bytes to keep at most; of the rest, masks are found again each time.
    """

    def __init__(self, tallest: int | None, budget: int) -> None:
        self._tallest = tallest
        self._kept: Kept[Pair] = Kept(budget)
        self._truth: MaskGenerator = generator(InstanceMasks())
        self._segments: MaskGenerator | None = None

    def read(self, picture: Picture) -> Pair:
        """image uint8 [h, w, 3] BGR and masks uint16 [h, w], 0 no mask, 1 … n one each; both read-only.

        Raises:
            ValueError: a picture that cannot be decoded, truth of another size; scikit-image is missing.
        """
        return self._kept.get((picture.image, picture.instance), lambda: self._found(picture))

    def _found(self, picture: Picture) -> Pair:
        image = read_image(picture.image)
        if picture.label is not None and picture.instance is not None:
            label = read_label(picture.label)
            instance = cv2.imread(str(picture.instance), cv2.IMREAD_UNCHANGED)
            if instance is None or not instance.shape == label.shape == image.shape[:2]:
                raise ValueError(
                    f"{picture.instance} is no single-channel picture of instances as large as its picture "
                    "and its label: draw the folder again."
                )
            return self._shrunk(image, self._truth(View(image, label, instance.astype(np.uint16))))
        if self._segments is None:
            self._segments = generator(FelzenszwalbMasks())
        # Segments of a picture that is already small cost less, and their least size is in its pixels.
        image, _ = self._shrunk(image, np.zeros(image.shape[:2], np.uint16))
        return image, self._segments(View(image))

    def _shrunk(self, image: np.ndarray, masks: np.ndarray) -> Pair:
        height, width = masks.shape
        if self._tallest is None or height <= self._tallest:
            return image, masks
        return resize(image, masks, (self._tallest, round(width * self._tallest / height)))
