# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from samseg_ros.labels import UNLABELED
from training.data import augment
from training.data.augment import Augmentation


def numbered(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture whose pixels tell their column, and whose label is the same number."""
    label = np.broadcast_to(np.arange(width, dtype=np.uint8), (height, width)).copy()
    return np.repeat(label[..., None], 3, axis=2), label


@pytest.mark.parametrize("seed", range(5))
def test_image_and_label_are_cut_at_the_same_place(seed: int) -> None:
    image, label = numbered(40, 60)
    image, label = augment.crop(
        image, label, (16, 24), scale=(1.0, 1.0), random=np.random.default_rng(seed), around=False
    )
    assert image.shape == (16, 24, 3) and (image[..., 0] == label).all()
    assert (np.diff(label[0].astype(int)) == 1).all()


def test_labels_lie_on_their_pictures_at_any_scale() -> None:
    rows, columns = np.mgrid[:80, :80]
    disc = (np.hypot(rows - 41.3, columns - 37.8) < 18).astype(np.uint8)
    apart = []
    for scale in np.linspace(0.6, 1.9, 27):
        size = (round(80 * scale),) * 2
        image, label = augment.resize(np.repeat(disc[..., None] * 255, 3, axis=2), disc, size)
        for light in (image[..., 0] / 255.0, label.astype(float)):
            apart.append([np.average(axis, weights=light) for axis in np.mgrid[: size[0], : size[1]]])
    of_pictures, of_labels = np.array(apart)[::2], np.array(apart)[1::2]
    assert np.abs((of_labels - of_pictures).mean(axis=0)).max() < 0.1


def test_a_scale_that_is_no_range_is_refused() -> None:
    for scale in ((0.0, 0.0), (2.0, 0.5), (-1.0, 1.0)):
        with pytest.raises(ValueError, match="two numbers above 0, the smaller first"):
            Augmentation(scale=scale)


def test_a_window_on_a_panorama_crosses_the_seam() -> None:
    crossed = 0
    for seed in range(20):
        image, label = numbered(40, 60)
        random = np.random.default_rng(seed)
        image, label = augment.crop(image, label, (16, 24), scale=(1.0, 1.0), random=random, around=True)
        steps = np.diff(label[0].astype(int))
        assert set(steps.tolist()) <= {1, -59} and (image[..., 0] == label).all()
        crossed += int((steps == -59).any())
    assert crossed > 0


@pytest.mark.parametrize("seed", range(5))
def test_what_lies_outside_is_unlabelled(seed: int) -> None:
    image, label = np.full((10, 10, 3), 200, np.uint8), np.zeros((10, 10), np.uint8)
    random = np.random.default_rng(seed)
    image, label = augment.crop(image, label, (32, 32), scale=(2.0, 1.0), random=random, around=False)
    assert int((label == 0).sum()) == 20 * 10 and int((label == UNLABELED).sum()) == 32 * 32 - 200
    assert (image == 200).all()


def test_windows_avoid_what_is_unlabelled() -> None:
    label = np.full((64, 640), UNLABELED, np.uint8)
    label[:, 320:] = 1
    image = np.zeros((64, 640, 3), np.uint8)
    shares = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        cut = augment.crop(image, label, (64, 64), scale=(1.0, 1.0), random=random, around=False)[1]
        shares.append((cut != UNLABELED).mean())
    # A single try would succeed about every second time.
    assert np.mean(np.array(shares) > 0.5) > 0.8


def test_flip_and_roll_move_both_alike() -> None:
    image, label = numbered(4, 8)
    flipped, flipped_label = augment.flip(image, label)
    assert flipped_label[0].tolist() == list(range(7, -1, -1)) and (flipped[..., 0] == flipped_label).all()
    rolled, rolled_label = augment.roll(image, label, 3)
    assert rolled_label[0].tolist() == [5, 6, 7, 0, 1, 2, 3, 4] and (rolled[..., 0] == rolled_label).all()


def test_no_strength_changes_nothing_and_some_does() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    names = ("brightness", "contrast", "saturation", "hue", "gray", "blur", "noise")
    none = Augmentation(**dict.fromkeys(names, 0.0))
    assert (augment.photometric(image, none, np.random.default_rng(1)) == image).all()
    for name in ("brightness", "contrast", "saturation", "hue"):
        some = none.model_copy(update={name: 0.5 if name != "hue" else 30.0})
        assert (augment.photometric(image, some, np.random.default_rng(1)) != image).any(), name


def test_darkness_keeps_what_is_bright_brightest() -> None:
    image = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    names = ("brightness", "contrast", "saturation", "hue", "gray", "blur", "noise")
    dark = Augmentation(**dict.fromkeys(names, 0.0), dark=1.0)
    for seed in range(5):
        found = augment.photometric(image, dark, np.random.default_rng(seed))[0, :, 0].astype(int)
        assert (np.diff(found) >= 0).all() and found[-1] < 210 and found.mean() < 100


def test_a_band_is_black_and_unlabelled_above_and_below_only() -> None:
    image, label = np.full((180, 20, 3), 9, np.uint8), np.zeros((180, 20), np.uint8)
    image, label = augment.band(image, label, np.random.default_rng(0))
    hidden = label[:, 0] == UNLABELED
    assert (image[hidden] == 0).all() and (image[~hidden] == 9).all()
    visible = np.flatnonzero(~hidden)
    assert 60 <= len(visible) <= 150 and len(visible) == visible[-1] - visible[0] + 1


@pytest.mark.parametrize("around", [False, True])
def test_balanced_windows_hold_the_rare_class_as_often_as_the_common_one(around: bool) -> None:
    label = np.zeros((60, 600), np.uint8)
    label[20:24, 304:308] = 1  # one pixel in two thousand
    label[:, 560:] = UNLABELED
    image = np.repeat(label[..., None], 3, axis=2)
    seen = 0
    for seed in range(200):
        cut, found = augment.crop(
            image,
            label,
            (16, 16),
            scale=(1.0, 1.0),
            random=np.random.default_rng(seed),
            around=around,
            balance=1.0,
        )
        assert cut.shape == (16, 16, 3) and (cut[..., 0] == found).all() and (found != UNLABELED).any()
        seen += int((found == 1).any())
    assert 80 <= seen <= 130


def test_balance_needs_no_label() -> None:
    nothing = np.full((8, 8), UNLABELED, np.uint8)
    image = np.zeros((8, 8, 3), np.uint8)
    random = np.random.default_rng(0)
    _, found = augment.crop(
        image, nothing, (16, 16), scale=(1.0, 1.0), random=random, around=False, balance=1.0
    )
    assert (found == UNLABELED).all()
