# SPDX-License-Identifier: Apache-2.0
import json

import cv2
import numpy as np
import pytest

from training.foundation import instances
from training.foundation.instances import InstanceGenerator, degrade, halves, merge, segments, warp
from training.foundation.settings import InstanceMasks
from training.foundation.view import View


def tiles(height: int = 160, width: int = 240, side: int = 8) -> View:
    """A chequered picture in which every tile is an instance of its own."""
    row, column = np.indices((height, width)) // side
    instance = (row * (width // side) + column + 1).astype(np.uint16)
    image = np.repeat((((row + column) % 2) * 200 + 20).astype(np.uint8)[..., None], 3, axis=2)
    return View(image, np.full((height, width), 9, np.uint8), instance)


def masks(view: View, strength: float, seed: int = 0) -> np.ndarray:
    return InstanceGenerator(InstanceMasks(strength=strength, seed=seed))(view)


def test_segments_are_connected_and_of_one_label_and_instance() -> None:
    label = np.array([[0, 0, 1, 0], [0, 2, 2, 0], [2, 0, 2, 255]], np.uint8)
    instance = np.array([[0, 0, 0, 0], [0, 5, 6, 0], [5, 0, 6, 0]], np.uint16)
    found = segments(label, instance)
    # Corners do not connect: neither the two 5 nor the zeros below them.
    assert np.unique(found).tolist() == [0, 1, 2, 3, 4, 5, 6, 7] and found[2, 3] == 0
    assert found[0, 0] == found[0, 1] == found[1, 0] and found[0, 3] == found[1, 3] != found[0, 0]
    assert found[1, 2] == found[2, 2] and found[1, 1] != found[2, 0]


def test_segments_agree_with_components_of_each_label() -> None:
    label = cv2.resize(np.random.default_rng(0).integers(0, 4, (12, 16), np.uint8), (64, 48), interpolation=0)
    found = segments(label, np.zeros(label.shape, np.uint16))
    count = 0
    for value in range(4):
        number, components = cv2.connectedComponents((label == value).astype(np.uint8), connectivity=4)
        count += number - 1
        for one in range(1, number):
            assert len(np.unique(found[components == one])) == 1
    assert found.max() == count


def test_strength_zero_is_the_truth() -> None:
    view = tiles()
    found = masks(view, 0.0)
    assert found.dtype == np.uint16 and (found == view.instance).all()


def test_pieces_below_min_area_are_no_masks() -> None:
    label = np.zeros((20, 20), np.uint8)
    label[5:7, 5:7] = 1
    label[12:15, 12:15] = 2
    view = View(np.zeros((20, 20, 3), np.uint8), label, np.zeros((20, 20), np.uint16))
    found = InstanceGenerator(InstanceMasks(min_area=5))(view)
    assert found[5, 5] == 0 and found[13, 13] == 2 and found.max() == 2


def test_draws_depend_on_seed_and_number_alone() -> None:
    view = tiles()
    again = View(view.image, view.label, view.instance, number=1)
    assert (masks(view, 0.5) == masks(view, 0.5)).all()
    assert (masks(view, 0.5) != masks(view, 0.5, seed=1)).any()
    assert (masks(view, 0.5) != masks(again, 0.5)).any()


def test_only_what_the_strength_asks_for_is_missed() -> None:
    view = tiles()
    shares = [float((masks(view, strength) == 0).mean()) for strength in (0.25, 0.5, 1.0)]
    assert shares == pytest.approx([0.25 * instances.MISS, 0.5 * instances.MISS, instances.MISS], abs=0.06)


def test_merges_and_splits_come_as_often_as_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    view = tiles()
    assert view.instance is not None
    count = int(view.instance.max())
    monkeypatch.setattr(instances, "JITTER", 0.0)
    monkeypatch.setattr(instances, "MISS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(instances, "MERGE", 0.0)
        assert masks(view, 0.5).max() / count == pytest.approx(1 + 0.5 * instances.SPLIT, abs=0.05)
    with monkeypatch.context() as patch:
        patch.setattr(instances, "SPLIT", 0.0)
        # Each merge takes one mask away, but for the few that choose one another.
        left = masks(view, 0.5).max() / count
        assert 1 - 0.5 * instances.MERGE - 0.03 < left < 1 - 0.4 * instances.MERGE


def test_a_merge_prefers_the_longer_border() -> None:
    # 1 shares one side with 2 and four with 3.
    ids = np.array([[2, 1, 1, 1, 1], [3, 3, 3, 3, 3]], np.int32)
    joins = np.array([False, True, False, False])
    for which, expected in ((0.1, [1, 1, 3]), (0.25, [1, 2, 1]), (0.99, [1, 2, 1])):
        merged = merge(ids, joins, np.full(4, which))
        assert [int(merged[0, 1]), int(merged[0, 0]), int(merged[1, 0])] == expected


def test_merges_form_chains_and_leave_out_the_unmasked() -> None:
    ids = np.array([[1, 2, 3, 0, 4]], np.int32)
    assert merge(ids, np.ones(5, bool), np.zeros(5)).tolist() == [[1, 1, 1, 0, 4]]


def test_a_line_halves_a_mask_and_brightness_parts_it() -> None:
    ids = np.repeat(np.array([1, 2], np.int32), 20)[None].repeat(16, axis=0)
    image = np.zeros((16, 40, 3), np.uint8)
    image[:5, 20:] = 250
    second = halves(ids, image, np.zeros(3), np.array([False, False, True]))
    # The first at its middle column, the second where it is bright.
    assert not second[:, :10].any() and second[:, 10:20].all()
    assert second[:4, 22:].all() and not second[6:, 22:].any()


def test_the_warp_moves_boundaries_by_about_its_deviation() -> None:
    ids = np.repeat(np.array([1, 2], np.int32), 128)[None].repeat(128, axis=0)
    edges = [
        np.argmax(warp(ids, 4.0, np.random.default_rng(seed)) == 2, axis=1) - 128.0 for seed in range(20)
    ]
    assert 2.0 < float(np.std(edges)) < 5.0 and abs(float(np.mean(edges))) < 1.0
    assert (warp(ids, 0.0, np.random.default_rng(0)) == ids).all()


def test_masks_get_worse_with_strength() -> None:
    view = tiles()
    truth = view.instance
    assert truth is not None

    def kept(strength: float) -> float:
        """Share of pixels whose mask's commonest instance is their own."""
        found = masks(view, strength).astype(np.int64)
        count = int(truth.max()) + 1
        table = np.bincount(found.ravel() * count + truth.ravel(), minlength=(found.max() + 1) * count)
        best = table.reshape(-1, count).argmax(axis=1)
        return float(((best[found] == truth) & (found > 0)).mean())

    shares = [kept(strength) for strength in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert shares[0] == 1.0 and all(np.diff(shares) < -0.05)


def test_degrading_keeps_the_type_and_needs_no_mask() -> None:
    nothing = degrade(
        np.zeros((24, 32), np.int32), np.zeros((24, 32, 3), np.uint8), 1.0, np.random.default_rng(0)
    )
    assert nothing.dtype == np.int32 and not nothing.any()


def test_a_view_without_truth_is_refused() -> None:
    with pytest.raises(ValueError, match="need pictures with labels and instances"):
        masks(View(np.zeros((8, 8, 3), np.uint8)), 0.0)


def test_the_identity_is_json_and_tells_strengths_apart() -> None:
    first = InstanceGenerator(InstanceMasks(strength=0.25)).identity()
    assert json.loads(json.dumps(first)) == first and first["kind"] == "instances"
    assert InstanceGenerator(InstanceMasks(strength=0.5)).identity() != first
