# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from training.data.mixture import Mixture, class_frequencies
from training.data.sample import Sample


def some(count: int) -> tuple[Sample, ...]:
    return tuple(Sample(Path(f"{i}.jpg"), Path(f"{i}.png"), np.zeros(256, np.uint8), 1) for i in range(count))


def pick(mixture: Mixture, draw: int) -> tuple[int, int]:
    return mixture.pick(draw, mixture.generator(draw))


def test_one_set_shows_every_sample_once_an_epoch_in_changing_order() -> None:
    mixture = Mixture((some(7),), (1.0,), seed=3)
    epochs = [[pick(mixture, draw)[1] for draw in range(7 * e, 7 * e + 7)] for e in range(3)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_draws_follow_the_weights_and_the_number_alone() -> None:
    mixture = Mixture((some(5), some(50)), (3.0, 1.0), seed=1)
    draws = [pick(mixture, draw) for draw in range(4000)]
    assert np.mean([chosen == 0 for chosen, _ in draws]) == pytest.approx(0.75, abs=0.03)
    again = Mixture((some(5), some(50)), (3.0, 1.0), seed=1)
    assert pick(again, 1234) == draws[1234]
    other = Mixture((some(5), some(50)), (3.0, 1.0), seed=2)
    assert [pick(other, draw) for draw in range(50)] != draws[:50]


def test_wrong_mixtures_are_refused() -> None:
    with pytest.raises(ValueError, match="give one weight for each"):
        Mixture((some(2),), (1.0, 2.0))
    with pytest.raises(ValueError, match="empty or its weight is not positive"):
        Mixture((some(2), ()), (1.0, 2.0))


def test_frequencies_ignore_what_is_unlabelled() -> None:
    label = np.array([[0, 0, 1], [255, 255, 2]], np.uint8)
    assert class_frequencies([label, label], 4).tolist() == [0.5, 0.25, 0.25, 0.0]
