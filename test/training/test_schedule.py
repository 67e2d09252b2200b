# SPDX-License-Identifier: Apache-2.0
import pytest

from training.schedule import Schedule, learning_rate, progress


def test_progress_is_the_larger_of_steps_and_minutes() -> None:
    both = Schedule(steps=100, max_minutes=10.0)
    assert progress(both, 50, 60.0) == 0.5
    assert progress(both, 5, 300.0) == 0.5
    assert progress(both, 5, 9999.0) == 1.0
    assert progress(Schedule(steps=100), 25, 9999.0) == 0.25


def test_the_rate_rises_then_falls_to_zero() -> None:
    poly = Schedule(steps=1, lr=2.0, warmup=0.2, decay="poly", power=2.0)
    assert learning_rate(poly, 0.0) > 0
    assert learning_rate(poly, 0.1) == pytest.approx(1.0)
    assert learning_rate(poly, 0.2) == pytest.approx(2.0)
    assert learning_rate(poly, 0.6) == pytest.approx(0.5)
    assert learning_rate(poly, 1.0) == pytest.approx(0.0)
    cosine = Schedule(steps=1, lr=2.0, warmup=0.0, decay="cosine")
    assert [learning_rate(cosine, done) for done in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.0, 0.0])
