# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.ssr.rare import RareClasses, class_probabilities


def test_rare_classes_are_more_probable() -> None:
    # f = 0.5, 0.25, 0.25, 0; with T = 0.25 the logits are 2, 3, 3.
    found = class_probabilities(np.array([200, 100, 100, 0]), 0.25)
    assert found.dtype == np.float64
    e = np.e
    np.testing.assert_allclose(found, [1 / (1 + 2 * e), e / (1 + 2 * e), e / (1 + 2 * e), 0])


def test_classes_left_out_change_the_others_in_proportion() -> None:
    counts = np.array([200, 100, 100])
    whole = class_probabilities(counts, 0.25)
    part = class_probabilities(counts, 0.25, np.array([True, True, False]))
    np.testing.assert_allclose(part, [*(whole[:2] / whole[:2].sum()), 0])


def test_cold_probabilities_stay_finite() -> None:
    counts = np.array([10**9, 1, 0])
    np.testing.assert_allclose(class_probabilities(counts, 1e-5), [0, 1, 0])
    np.testing.assert_allclose(class_probabilities(counts, 1e-5, np.array([True, False, True])), [1, 0, 0])
    np.testing.assert_allclose(class_probabilities(counts, 1e9), [0.5, 0.5, 0])


def test_nothing_to_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="No class is left to sample"):
        class_probabilities(np.zeros(3), 0.01)
    with pytest.raises(ValueError, match=r"rare_classes\.min_pixels=7 pixels of any class: lower it"):
        RareClasses(np.full((4, 3), 6), 0.01, min_pixels=7)


def test_pictures_are_picked_among_those_that_show_the_class() -> None:
    # Class 2 is rarest, but no picture holds 10 pixels of it.
    counts = np.array([[90, 10, 0], [95, 0, 5], [80, 20, 0], [91, 9, 0]])
    rare = RareClasses(counts, 0.5, min_pixels=10)
    assert [one.tolist() for one in rare.shown] == [[0, 1, 2, 3], [0, 2], []]
    shares = counts.sum(axis=0) / counts.sum()
    logits = np.exp((1 - shares[:2]) / 0.5)
    np.testing.assert_allclose(rare.probabilities, [*(logits / logits.sum()), 0])
    random = np.random.default_rng(0)
    picked = [rare.pick(random) for _ in range(4000)]
    assert {index for chosen, index in picked if chosen == 1} == {0, 2}
    assert np.mean([chosen == 1 for chosen, _ in picked]) == pytest.approx(rare.probabilities[1], abs=0.03)
    of_first = [index for chosen, index in picked if chosen == 0]
    np.testing.assert_allclose(np.bincount(of_first) / len(of_first), [0.25] * 4, atol=0.06)
