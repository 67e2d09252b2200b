# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from samseg_ros.labels import UNLABELED
from training.data.augment import Augmentation
from training.data.composition import Composer
from training.data.memory import Memory
from training.data.mixture import Mixture
from training.data.prefetch import prefetch
from training.data.sample import Projection, Sample
from training.data.thermal import ThermalAugmentation
from training.modalities import BOTH, RGB_ONLY, THERMAL_ONLY


def written(folder: Path, stem: str, value: int, size: tuple[int, int], projection: Projection) -> Sample:
    image, label = folder / f"{stem}.png", folder / f"{stem}_label.png"
    cv2.imwrite(str(image), np.full((*size, 3), value, np.uint8))
    cv2.imwrite(str(label), np.full(size, value, np.uint8))
    return Sample(image, label, np.arange(256, dtype=np.uint8), 250, projection)


def composer(sets: list[list[Sample]], projection: Projection, **values: float) -> Composer:
    mixture = Mixture(tuple(map(tuple, sets)), (1.0,) * len(sets), seed=5)
    return Composer(mixture, Memory(), projection, (64, 128), Augmentation(**values))  # type: ignore[arg-type]


def test_a_draw_is_a_function_of_its_number(tmp_path: Path) -> None:
    sets = [[written(tmp_path, f"{i}", 40 * i, (48, 64), "pinhole") for i in range(4)]]
    images, labels, present = composer(sets, "pinhole").batch(10, 6, (32, 32))
    assert images.shape == (6, 32, 32, 3) and labels.shape == (6, 32, 32)
    assert present.tolist() == [[1, 0]] * 6
    again, _, _ = composer(sets, "pinhole").batch(13, 1, (32, 32))
    assert (again[0] == images[3]).all()


def test_pinhole_pictures_go_onto_panoramas_that_are_labelled(tmp_path: Path) -> None:
    sets = [
        [written(tmp_path, "pinhole", 3, (48, 64), "pinhole")],
        [written(tmp_path, "panorama", 5, (64, 128), "equirectangular")],
    ]
    made = composer(sets, "equirectangular", band=0.0)
    found = {frozenset(np.unique(made.compose(draw, (64, 128))[1]).tolist()) for draw in range(30)}
    assert {3, 5} in found and {5} in found


def test_pinhole_networks_see_no_canvas(tmp_path: Path) -> None:
    made = composer([[written(tmp_path, "a", 3, (64, 128), "pinhole")]], "pinhole", scale=(1.0, 1.0))
    assert all((made.compose(draw, (32, 32))[1] == 3).all() for draw in range(5))


def test_thermal_is_the_fourth_channel_and_may_be_missing(tmp_path: Path) -> None:
    plain = written(tmp_path, "a", 3, (64, 128), "pinhole")
    warm = replace(written(tmp_path, "b", 4, (64, 128), "pinhole"), thermal=tmp_path / "warm.png")
    ramp = np.tile(np.arange(128, dtype=np.uint16) * 20 + 29000, (64, 1))
    cv2.imwrite(str(warm.thermal), ramp)
    off = dict.fromkeys(
        ("clip", "gain", "offset", "gamma", "compress", "blur", "noise", "uncovered", "shift"), 0.0
    )
    made = replace(
        composer([[plain], [warm]], "pinhole", scale=(1.0, 1.0), flip=0.0),
        memory=Memory(with_thermal=True),
        thermal=ThermalAugmentation(only_rgb=0.3, only_thermal=0.3, **off),
    )
    drawn = [made.compose(draw, (64, 128)) for draw in range(40)]
    assert {one.image.shape for one in drawn} == {(64, 128, 4)}
    without, having = ([one for one in drawn if one.label[0, 0] == label] for label in (3, 4))
    assert {one.present for one in without} == {RGB_ONLY} and not without[0].image[..., 3].any()
    assert {one.present for one in having} == {BOTH, RGB_ONLY, THERMAL_ONLY}
    # Warm stays on the right, where it was.
    assert (np.diff(having[0].image[32, :, 3].astype(int)) >= 0).all()
    assert having[0].image[32, 0, 3] < 20 and having[0].image[32, -1, 3] > 235


def test_pictures_are_kept_and_shrunk(tmp_path: Path) -> None:
    sample = written(tmp_path, "a", 3, (100, 50), "pinhole")
    memory = Memory(tallest=40)
    image, label = memory.read(sample)
    assert image.shape == (40, 20, 3) and label.shape == (40, 20)
    sample.image.unlink()
    assert memory.read(sample)[0] is image
    forgetful = Memory(budget=0)
    with pytest.raises(ValueError, match="Cannot decode the picture"):
        forgetful.read(sample)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_order(workers: int) -> None:
    source = prefetch(lambda step: step * step, first=4, workers=workers)
    assert [next(source) for _ in range(6)] == [16, 25, 36, 49, 64, 81]
    source.close()  # type: ignore[attr-defined]


def test_what_a_worker_raises_arrives_at_its_step() -> None:
    def make(step: int) -> int:
        if step == 2:
            raise ValueError("step two")
        return step

    source = prefetch(make, first=0, workers=2)
    assert [next(source), next(source)] == [0, 1]
    with pytest.raises(ValueError, match="step two"):
        next(source)


def test_unlabelled_is_never_invented_on_whole_panoramas(tmp_path: Path) -> None:
    made = composer([[written(tmp_path, "a", 3, (64, 128), "equirectangular")]], "equirectangular", band=0.0)
    for draw in range(10):
        assert (made.compose(draw, (32, 64))[1] != UNLABELED).mean() > 0.5
