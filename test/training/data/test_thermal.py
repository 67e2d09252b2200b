# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.memory import Memory
from training.data.sample import Sample
from training.data.thermal import ThermalAugmentation, misplace, photometric, read

OFF = dict.fromkeys(
    ("clip", "gain", "offset", "gamma", "compress", "blur", "noise", "uncovered", "shift"), 0.0
)


def ramp() -> np.ndarray:
    return np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def test_sixteen_bits_become_eight_that_span_the_range(tmp_path: Path) -> None:
    kelvin = np.tile(np.linspace(28000, 31000, 256).astype(np.uint16), (64, 1))
    cv2.imwrite(str(tmp_path / "a.png"), kelvin)
    found = read(tmp_path / "a.png")
    assert found.dtype == np.uint8 and found.shape == (64, 256)
    assert found.min() < 5 and found.max() > 250 and (np.diff(found[0].astype(int)) >= 0).all()


def test_what_is_no_thermal_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    for name in ("a.png", "missing.png"):
        with pytest.raises(ValueError, match=f"Cannot read the thermal picture .*{name}"):
            read(tmp_path / name)


def test_thermal_of_another_size_is_not_registered(tmp_path: Path) -> None:
    for name, picture in (
        ("rgb", np.zeros((8, 16, 3), np.uint8)),
        ("label", np.zeros((8, 16), np.uint8)),
        ("thermal", np.zeros((8, 12), np.uint8)),
    ):
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    table = np.arange(256, dtype=np.uint8)
    sample = Sample(tmp_path / "rgb.png", tmp_path / "label.png", table, 11, thermal=tmp_path / "thermal.png")
    assert Memory().read(sample)[0].shape == (8, 16, 3)
    with pytest.raises(ValueError, match=r"thermal\.png is 12x8 but .*rgb\.png is 16x8: .* registered"):
        Memory(with_thermal=True).read(sample)


@pytest.mark.parametrize("name", ["clip", "gain", "offset", "gamma", "compress"])
def test_levels_change_and_keep_their_order(name: str) -> None:
    strength = ThermalAugmentation(**{**OFF, name: 0.9})
    changed = [photometric(ramp(), strength, np.random.default_rng(seed)) for seed in range(8)]
    assert any((one != ramp()).any() for one in changed)
    assert all((np.diff(one[0].astype(int)) >= 0).all() for one in changed)


def test_no_strength_changes_nothing() -> None:
    none = ThermalAugmentation(**OFF)
    for picture in (ramp(), ramp() // 2 + 90):  # also one that holds nothing black
        assert (photometric(picture, none, np.random.default_rng(0)) == picture).all()
    assert (misplace(ramp(), none, np.random.default_rng(0)) == ramp()).all()


def test_clipping_takes_a_cold_sky_away() -> None:
    picture = np.full((64, 64), 200, np.uint8)
    picture[:16] = 10  # a quarter is sky
    picture[40:, 20:30] = 240
    spread = set()
    for seed in range(20):
        strength = ThermalAugmentation(**{**OFF, "clip": 0.5})
        changed = photometric(picture, strength, np.random.default_rng(seed))
        spread.add(int(changed[50, 25]) - int(changed[20, 5]))
    assert max(spread) > 150 and min(spread) < 60


@pytest.mark.parametrize("seed", range(4))
def test_misplacing_moves_by_a_few_pixels(seed: int) -> None:
    dot = np.zeros((32, 48), np.uint8)
    dot[14:17, 22:25] = 255
    strength = ThermalAugmentation(**{**OFF, "shift": 3.0})
    moved = misplace(dot, strength, np.random.default_rng(seed))
    row, column = (float(np.average(grid, weights=moved)) for grid in np.indices(moved.shape))
    assert moved.shape == dot.shape and 0.05 < max(abs(row - 15), abs(column - 23)) <= 3.1


def test_edges_may_be_uncovered() -> None:
    strength = ThermalAugmentation(**{**OFF, "uncovered": 1.0})
    striped = np.tile(np.array([0, 18], np.uint8), (40, 30))
    edges = set()
    for seed in range(12):
        found = misplace(striped, strength, np.random.default_rng(seed))
        assert (found[10:30, 15:45] == striped[10:30, 15:45]).all() and set(np.unique(found)) <= {0, 9, 18}
        edges |= {
            name
            for name, line in zip("tblr", (found[0], found[-1], found[:, 0], found[:, -1]), strict=True)
            if (line == 9).all()
        }
    assert edges == set("tblr")


def test_streams_are_hidden_as_often_as_asked() -> None:
    strength = ThermalAugmentation(only_rgb=0.2, only_thermal=0.5)
    random = np.random.default_rng(0)
    present = np.array([strength.present(random) for _ in range(2000)])
    assert present.mean(axis=0) == pytest.approx([0.5, 0.8], abs=0.05)
    with pytest.raises(ValueError, match="must not add up to more than 1"):
        ThermalAugmentation(only_rgb=0.6, only_thermal=0.5)
