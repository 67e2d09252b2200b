# SPDX-License-Identifier: Apache-2.0
"""Masks of tiny panoramas: made once, found again, refused when they are of something else."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from samseg_ros.labels import label_set
from training.data import world
from training.foundation.view import View
from training.goodsam import cache
from training.goodsam.cache import MaskCache, build
from training.goodsam.panorama import Panorama
from training.goodsam.windows import Grid

GRID = Grid((8, 32), (8, 16), (8, 8))


class Thresholds:
    """Each brightness is a mask, and how often it was asked."""

    def __init__(self, kind: str = "thresholds", level: int = 100, stop_at: int | None = None) -> None:
        self.told = {"kind": kind, "level": level}
        self.calls = 0
        self.stop_at = stop_at

    def identity(self) -> dict[str, Any]:
        return self.told

    def __call__(self, view: View) -> np.ndarray:
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        return (view.image[..., 0] // 8).astype(np.uint16)


@pytest.fixture
def panoramas(tmp_path: Path) -> list[Panorama]:
    random = np.random.default_rng(0)
    found = []
    for index in range(5):
        path = tmp_path / "pictures" / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), random.integers(0, 255, (8, 32, 3), np.uint8))
        found.append(Panorama(path, None, None, f"pictures-{index}"))
    return found


def made(folder: Path, panoramas: list[Panorama], generator: Thresholds, **more: Any) -> cache.Made:
    return build(folder, panoramas, generator, **{"grid": GRID, "vertical_fov": None, **more})


def opened(folder: Path, panoramas: list[Panorama], generator: Thresholds, **more: Any) -> MaskCache:
    grid = {"grid": GRID, "vertical_fov": None, **more}
    return MaskCache.open(folder, panoramas, identity=generator.identity(), **grid)


def entries(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_masks_come_back_window_by_window(tmp_path: Path, panoramas: list[Panorama]) -> None:
    folder, generator = tmp_path / "a" / "masks", Thresholds()
    told = made(folder, panoramas, generator)
    masks = opened(folder, panoramas, generator)
    for panorama in panoramas:
        brightness = cv2.imread(str(panorama.image))[..., 0] // 8
        around = np.hstack([brightness, brightness])
        expected = np.stack([around[:, left : left + 16] for left in (0, 8, 16, 24)])
        read = masks.read(panorama)
        assert read.dtype == np.uint16
        np.testing.assert_array_equal(read, expected)
    assert (told.panoramas, told.windows, told.found, told.damaged) == (5, 20, 0, 0)
    each = [np.setdiff1d(window, [0]).size for one in panoramas for window in masks.read(one)]
    assert told.masks == sum(each)
    assert told.size == sum(f.stat().st_size for f in folder.glob("*.xz"))


def test_a_second_call_finds_everything(tmp_path: Path, panoramas: list[Panorama]) -> None:
    first, second = Thresholds(), Thresholds()
    before = made(tmp_path / "masks", panoramas, first)
    after = made(tmp_path / "masks", panoramas, second)
    assert second.calls == 0 and after.found == 5
    assert (after.masks, after.size) == (before.masks, before.size)


def test_a_stopped_call_continues(tmp_path: Path, panoramas: list[Panorama]) -> None:
    folder = tmp_path / "masks"
    with pytest.raises(KeyboardInterrupt):
        made(folder, panoramas, Thresholds(stop_at=11))  # in the third panorama
    with pytest.raises(
        FileNotFoundError, match=r"lacks the masks of 3 of 5 .*2\.png.*run `python -m training"
    ):
        opened(folder, panoramas, Thresholds())
    assert made(folder, panoramas, rest := Thresholds()).found == 2
    assert rest.calls == 12
    opened(folder, panoramas, Thresholds())


def test_a_stop_while_writing_leaves_nothing(
    tmp_path: Path, panoramas: list[Panorama], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "masks"
    made(folder, panoramas[:1], Thresholds())
    before = entries(folder)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            made(folder, panoramas, Thresholds())
    assert entries(folder) == before


def test_processes_share_the_work_and_agree(tmp_path: Path, panoramas: list[Panorama]) -> None:
    together, alone = tmp_path / "together", tmp_path / "alone"
    made(alone, panoramas, Thresholds())
    counts = [made(together, panoramas, Thresholds(), rank=rank, ranks=2).panoramas for rank in (1, 0)]
    assert counts == [2, 3]
    assert entries(together) == entries(alone)
    for name in entries(alone):
        assert (together / name).read_bytes() == (alone / name).read_bytes()


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def altered(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("harm", [cut_short, altered, lambda _: b"", lambda _: b"masks"])
def test_damage_is_told_and_mended(
    harm: Callable[[bytes], bytes], tmp_path: Path, panoramas: list[Panorama]
) -> None:
    folder = tmp_path / "masks"
    made(folder, panoramas, Thresholds())
    masks = opened(folder, panoramas, Thresholds())
    whole = masks.read(panoramas[1])
    file = masks.files[panoramas[1].image]
    file.write_bytes(harm(file.read_bytes()))
    with pytest.raises(ValueError, match="run `python -m training masks`") as caught:
        masks.read(panoramas[1])
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)
    again = made(folder, panoramas, Thresholds())
    assert (again.found, again.damaged) == (4, 1)
    np.testing.assert_array_equal(masks.read(panoramas[1]), whole)


def test_another_array_is_no_mask(tmp_path: Path, panoramas: list[Panorama]) -> None:
    folder = tmp_path / "masks"
    made(folder, panoramas, Thresholds())
    masks = opened(folder, panoramas, Thresholds())
    masks.files[panoramas[0].image].write_bytes(cache._packed(np.zeros((4, 8, 8), np.uint16)))
    with pytest.raises(ValueError, match=r"uint16 \[4, 8, 8\] instead of masks uint16 \[4, 8, 16\]"):
        masks.read(panoramas[0])


def test_masks_of_a_changed_picture_are_missing(tmp_path: Path, panoramas: list[Panorama]) -> None:
    folder = tmp_path / "masks"
    made(folder, panoramas, Thresholds())
    cv2.imwrite(str(panoramas[3].image), np.zeros((8, 32, 3), np.uint8))
    with pytest.raises(FileNotFoundError, match=r"lacks the masks of 1 of 5 .*3\.png"):
        opened(folder, panoramas, Thresholds())
    assert made(folder, panoramas, Thresholds()).found == 4
    assert opened(folder, panoramas, Thresholds()).read(panoramas[3]).max() == 0


def test_sets_with_pictures_of_one_name_do_not_mix(tmp_path: Path, panoramas: list[Panorama]) -> None:
    other = tmp_path / "other" / "0.png"
    other.parent.mkdir()
    cv2.imwrite(str(other), np.full((8, 32, 3), 80, np.uint8))
    both = [panoramas[0], Panorama(other, None, None, panoramas[0].name)]
    made(tmp_path / "masks", both, Thresholds())
    masks = opened(tmp_path / "masks", both, Thresholds())
    assert (masks.read(both[1]) == 10).all() and (masks.read(both[0]) != 10).any()


@pytest.mark.parametrize(
    ("generator", "more", "differs"),
    [
        (Thresholds(level=50), {}, "masks.level 100 instead of 50"),
        (Thresholds(kind="sam"), {}, "masks.kind thresholds instead of sam"),
        (Thresholds(), {"vertical_fov": 70.0}, "vertical_fov None instead of 70.0"),
        (Thresholds(), {"grid": Grid((8, 32), (8, 16), (8, 16))}, "windows.stride [8, 8] instead of [8, 16]"),
        (
            Thresholds(),
            {"grid": Grid((8, 64), (8, 16), (8, 8), wrap=False)},
            "size [8, 32] instead of [8, 64], windows.wrap True instead of False",
        ),
    ],
)
def test_masks_of_something_else_are_refused(
    generator: Thresholds, more: dict[str, Any], differs: str, tmp_path: Path, panoramas: list[Panorama]
) -> None:
    folder = tmp_path / "masks"
    made(folder, panoramas, Thresholds())
    before = entries(folder)
    for use in (made, opened):
        with pytest.raises(ValueError, match="set cache= to another folder, or delete it") as caught:
            use(folder, panoramas, generator, **more)
        assert f"were made with {differs}:" in str(caught.value)
    assert entries(folder) == before and generator.calls == 0


def test_foreign_folders_are_left_alone(tmp_path: Path, panoramas: list[Panorama]) -> None:
    with pytest.raises(FileNotFoundError, match="no folder of masks"):
        opened(tmp_path / "nowhere", panoramas, Thresholds())
    foreign = tmp_path / "pictures"
    before = entries(foreign)
    with pytest.raises(ValueError, match=r"holds files but no masks\.json"):
        made(foreign, panoramas, Thresholds())
    with pytest.raises(ValueError, match=r"has no masks\.json"):
        opened(foreign, panoramas, Thresholds())
    assert entries(foreign) == before
    empty = tmp_path / "empty"
    empty.mkdir()
    made(empty, panoramas, Thresholds())
    (empty / "masks.json").write_text("{")
    with pytest.raises(ValueError, match=r"masks\.json is not JSON: delete the folder"):
        made(empty, panoramas, Thresholds())


@pytest.fixture
def rendered(tmp_path: Path) -> list[Panorama]:
    """Two frames of sky over road with a thing that crosses the seam, as the renderer writes them."""
    root = tmp_path / "world"
    for kind in ("rgb", "label", "instance"):
        (root / kind).mkdir(parents=True)
    label = np.zeros((8, 32), np.uint8)
    label[:4] = 7
    instance = np.zeros((8, 32), np.uint16)
    instance[3:6, :4] = instance[3:6, 28:] = 300
    for index in range(2):
        cv2.imwrite(str(root / "rgb" / f"{index}.png"), np.full((8, 32, 3), 50 * index, np.uint8))
        cv2.imwrite(str(root / "label" / f"{index}.png"), label)
        cv2.imwrite(str(root / "instance" / f"{index}.png"), instance)
    (root / "manifest.json").write_text(json.dumps({"label_set": "street11", "settings": {"camera": "erp"}}))
    return [
        Panorama(one.image, one, root / "instance" / one.image.name, f"world-{one.image.stem}")
        for one in world.samples(root, label_set("street11"))
    ]


class Truth(Thresholds):
    """Gives back the instances, and remembers what it saw."""

    def __init__(self) -> None:
        super().__init__(kind="instances")
        self.seen: list[View] = []

    def __call__(self, view: View) -> np.ndarray:
        self.seen.append(view)
        assert view.instance is not None
        return view.instance


def test_truth_is_cut_like_the_picture(tmp_path: Path, rendered: list[Panorama]) -> None:
    generator = Truth()
    made(tmp_path / "masks", rendered, generator)
    last = generator.seen[3]  # columns 24 … 31, 0 … 7
    assert last.label is not None and last.label.shape == (8, 16)
    assert (last.label[:4] == 7).all() and (last.label[4:] == 0).all()
    masks = opened(tmp_path / "masks", rendered, generator).read(rendered[0])
    assert np.flatnonzero(masks[3, 4]).tolist() == list(range(4, 12)) and masks.max() == 300
    assert len({one.number for one in generator.seen}) == 8


def test_a_view_has_the_same_number_whoever_makes_its_masks(tmp_path: Path, rendered: list[Panorama]) -> None:
    whole, part = Truth(), Truth()
    made(tmp_path / "whole", rendered, whole)
    made(tmp_path / "part", rendered[::-1], part, rank=0, ranks=2)
    assert [one.number for one in part.seen] == [one.number for one in whole.seen[4:]]


def test_truth_counts_only_where_masks_are_made_of_it(tmp_path: Path, rendered: list[Panorama]) -> None:
    plain, truth = Thresholds(), Truth()
    made(tmp_path / "plain", rendered, plain)
    made(tmp_path / "truth", rendered, truth)
    instance = rendered[0].instance
    assert instance is not None
    cv2.imwrite(str(instance), np.ones((8, 32), np.uint16))
    opened(tmp_path / "plain", rendered, plain)
    with pytest.raises(FileNotFoundError, match="lacks the masks of 1 of 2"):
        opened(tmp_path / "truth", rendered, truth)
    assert rendered[1].label is not None
    other = dataclasses.replace(rendered[1].label, table=np.zeros(256, np.uint8))
    with pytest.raises(FileNotFoundError, match="lacks the masks of 1 of 1"):
        opened(tmp_path / "truth", [dataclasses.replace(rendered[1], label=other)], truth)
