# SPDX-License-Identifier: Apache-2.0
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from samseg_ros.labels import CITYSCAPES19
from training.ssr.crops import SourceCrops, TargetCrops
from training.ssr.sets import labelled, unlabelled
from training.ssr.settings import Settings
from training.ssr.statistics import count

ROAD, CAR = 7, 26  # ids of Cityscapes
CAR_CLASS = CITYSCAPES19.names.index("car")
SIZE = (48, 64)


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def gta5(root: Path, labels: list[np.ndarray]) -> None:
    """Pictures that tell where a pixel comes from: blue the picture, green the column, red the row."""
    for index, label in enumerate(labels):
        rows, columns = np.indices(label.shape)
        image = np.dstack([np.full(label.shape, 10 * index), columns, rows]).astype(np.uint8)
        write(root / f"images/{index}.png", image)
        write(root / f"labels/{index}.png", label)


def checkered() -> np.ndarray:
    return np.where(np.indices(SIZE).sum(axis=0) % 2, ROAD, CAR).astype(np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    gta5(tmp_path / "a", [checkered() for _ in range(4)])
    gta5(tmp_path / "b", [checkered() for _ in range(2)])
    return tmp_path


def settings(root: Path, *names: str, **more: Any) -> Settings:
    sets = [{"kind": "gta5", "path": name, "size": list(SIZE)} for name in names]
    told = {"name": "t", "size": list(SIZE), "crop": [32, 32], "data_root": root, "schedule": {"steps": 1}}
    told["self_training"] = {"ignore_bottom": 0}
    return Settings.model_validate({**told, "source": sets, "target": sets, **more})


def sources(wanted: Settings) -> SourceCrops:
    sets = [labelled(one, wanted.data_root, CITYSCAPES19) for one in wanted.source]
    counts = None
    if wanted.rare_classes is not None:
        counts = count([sample for part in sets for sample in part], 19)
    return SourceCrops(wanted, sets, counts)


def targets(wanted: Settings) -> TargetCrops:
    return TargetCrops(wanted, [unlabelled(one, wanted.data_root) for one in wanted.target])


def test_a_crop_is_a_window_of_its_picture(root: Path) -> None:
    crops = sources(settings(root, "a", "b"))
    seen = set()
    for number in range(60):
        image, label, key = crops.draw(number)
        assert image.shape == (32, 32, 3) and image.dtype == np.uint8 and image.flags.c_contiguous
        assert label.shape == (32, 32) and label.dtype == np.uint8 and label.flags.c_contiguous
        (blue,) = set(image[..., 0].ravel().tolist())
        rows, columns = image[..., 2].astype(int), image[..., 1].astype(int)
        mirrored = columns[0, 0] > columns[0, 1]
        left, top = int(columns.min()), int(rows.min())
        expected = left + np.arange(32)
        assert (columns == (expected[::-1] if mirrored else expected)).all()
        assert (rows == top + np.arange(32)[:, None]).all()
        np.testing.assert_array_equal(label, np.where((rows + columns) % 2, 0, CAR_CLASS))
        side = "mirrored" if mirrored else "plain"
        pixels = f"{zlib.crc32(image.tobytes()):08x}"
        picture = f"images/{blue // 10}.png/48x64/{top},{left}/32x32/{side}/{pixels}"
        assert key in (f"gta5/a/{picture}", f"gta5/b/{picture}")
        seen.add((mirrored, top, left))
    assert {mirrored for mirrored, _, _ in seen} == {True, False}
    assert len(seen) > 40


def test_every_picture_comes_up_once_an_epoch(root: Path) -> None:
    crops = sources(settings(root, "a", "b"))
    for epoch in range(3):
        keys = [crops.draw(number).key for number in range(6 * epoch, 6 * epoch + 6)]
        assert len({key.split(".png")[0] for key in keys}) == 6
    shown = targets(settings(root, "a"))
    assert sorted(int(shown.draw(number)[0, 0, 0]) for number in range(4)) == [0, 10, 20, 30]


@pytest.mark.parametrize("memory_gb", [0.0, 1.0])
def test_draws_depend_on_seed_and_number_alone(root: Path, memory_gb: float) -> None:
    wanted = settings(root, "a", "b", memory_gb=memory_gb)
    crops, shown = sources(wanted), targets(wanted)
    first = [(*crops.draw(number), shown.draw(number)) for number in range(20)]
    crops, shown = sources(settings(root, "a", "b")), targets(settings(root, "a", "b"))
    with ThreadPoolExecutor(4) as threads:
        again = list(threads.map(lambda n: (*crops.draw(n), shown.draw(n)), reversed(range(20))))
    for one, other in zip(first, reversed(again), strict=True):
        assert one[2] == other[2]
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    differing = sources(settings(root, "a", "b", seed=1))
    assert [differing.draw(number).key for number in range(20)] != [one[2] for one in first]


def test_writing_to_a_crop_leaves_what_is_kept(root: Path) -> None:
    wanted = settings(root, "a", flip=0.0)
    crops, shown = sources(wanted), targets(wanted)
    image, label, _ = crops.draw(3)
    before, other = image.copy(), shown.draw(3)
    untouched = other.copy()
    image[:], label[:], other[:] = 0, 9, 0
    np.testing.assert_array_equal(crops.draw(3).image, before)
    assert 9 not in crops.draw(3).label
    np.testing.assert_array_equal(shown.draw(3), untouched)


def test_places_are_few_and_their_keys_come_back(root: Path) -> None:
    crops = sources(settings(root, "a", places=2, flip=0.0))
    drawn: dict[str, np.ndarray] = {}
    for number in range(80):
        image, _, key = crops.draw(number)
        np.testing.assert_array_equal(drawn.setdefault(key, image), image)
    assert len(drawn) == 8  # four pictures, two places of each
    # A picture has the same places whatever other pictures there are.
    tree = {"kind": "gta5", "path": "a", "size": list(SIZE), "skip": 2}
    fewer = sources(settings(root, "a", places=2, flip=0.0, source=[tree]))
    assert {fewer.draw(number).key for number in range(40)} == {key for key in drawn if key[14] in "23"}
    other = sources(settings(root, "a", places=2, flip=0.0, seed=5))
    assert {other.draw(number).key for number in range(80)} != set(drawn)


def test_pictures_are_resized_before_they_are_cut(root: Path) -> None:
    tree = {"kind": "gta5", "path": "a", "size": [96, 64]}
    wanted = settings(root, source=[tree], target=[tree], flip=0.0)
    image, label, key = sources(wanted).draw(0)
    assert "/96x64/" in key
    assert set(np.unique(label)) == {0, CAR_CLASS}
    for one in (image, targets(wanted).draw(0)):
        assert int(np.ptp(one[:, 0, 2].astype(int))) in (15, 16)  # rows, stretched to twice as many
        assert int(np.ptp(one[0, :, 1].astype(int))) == 31


def test_a_set_may_be_seen_at_two_sizes(root: Path) -> None:
    small, large = ({"kind": "gta5", "path": "a", "size": size} for size in ([32, 32], [96, 64]))
    crops = sources(settings(root, source=[small, large], self_training=None, flip=0.0))
    drawn = {crop.key: crop.image for crop in map(crops.draw, range(24))}
    heights = {key.split("/")[4]: int(np.ptp(image[:, 0, 2].astype(int))) for key, image in drawn.items()}
    assert set(heights) == {"32x32", "96x64"}
    assert heights["32x32"] > 40 and heights["96x64"] < 20  # rows of the picture in a crop


def halves() -> np.ndarray:
    """Road, but for a column of cars on the right."""
    label = np.full(SIZE, ROAD, np.uint8)
    label[:, 54:] = CAR
    return label


def test_crops_of_one_class_alone_are_drawn_again(tmp_path: Path) -> None:
    gta5(tmp_path / "a", [halves()])

    def share(cat_max_share: float) -> float:
        crops = sources(settings(tmp_path, "a", cat_max_share=cat_max_share))
        return float(np.mean([(crops.draw(number).label == 0).mean() <= 0.9 for number in range(200)]))

    # Of 33 places 7 hold at least a tenth of cars: a fifth by chance; in ten tries 1 - (26/33)^10 = 0.91.
    assert share(1.0) == pytest.approx(7 / 33, abs=0.1)
    assert share(0.9) == pytest.approx(0.91, abs=0.06)


def test_unlabelled_crops_are_drawn_again_but_end(tmp_path: Path) -> None:
    gta5(tmp_path / "a", [np.zeros(SIZE, np.uint8)])
    assert set(np.unique(sources(settings(tmp_path, "a")).draw(0).label)) == {255}


def test_rare_classes_are_sought_and_held(tmp_path: Path) -> None:
    plain = np.full(SIZE, ROAD, np.uint8)
    gta5(tmp_path / "a", [plain, plain, plain, halves()])
    rare = {"statistics": "unused.json", "temperature": 0.01, "min_pixels": 480, "min_crop_share": 0.5}
    crops = sources(settings(tmp_path, "a", rare_classes=rare, cat_max_share=1.0))
    drawn = [crops.draw(number) for number in range(200)]
    # Cars are 4 % of the pixels: P(road) = 1 / (1 + exp((0.96 - 0.04) / 0.01)) = 0.
    assert all("images/3.png" in one.key for one in drawn)
    # 240 pixels are 8 columns: 3 of 33 places; in ten tries 1 - (30/33)^10 = 0.61.
    held = np.mean([(one.label == CAR_CLASS).sum() >= 240 for one in drawn])
    assert held == pytest.approx(0.61, abs=0.1)
    even = {**rare, "temperature": 1e6}
    crops = sources(settings(tmp_path, "a", rare_classes=even))
    # Cars half of the time, and a quarter of the other half.
    shown = np.mean(["images/3.png" in crops.draw(number).key for number in range(400)])
    assert shown == pytest.approx(0.625, abs=0.08)


def test_rare_classes_need_their_counts(root: Path) -> None:
    wanted = settings(root, "a", rare_classes={"statistics": "s.json"})
    sets = [labelled(one, root, CITYSCAPES19) for one in wanted.source]
    for counts in (None, np.ones((3, 19), np.int64)):
        with pytest.raises(ValueError, match="needs the pixels of each class in every source picture"):
            SourceCrops(wanted, sets, counts)
