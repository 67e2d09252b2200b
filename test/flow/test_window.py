# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from samseg_ros.flow.statistics import Statistics
from samseg_ros.flow.window import Window


def test_rate_is_that_of_the_stream_and_falls_when_it_ceases() -> None:
    window = Window(seconds=10.0)
    for i in range(31):
        window.add(100.0 + i / 10)
    assert window.rate(103.0) == pytest.approx(10.0)
    assert window.rate(106.0) == pytest.approx(5.0)
    assert window.rate(120.0) == 0.0


def test_one_value_has_a_spread_but_no_rate() -> None:
    window = Window()
    assert window.spread(0.0) is None
    window.add(0.0, 7.0)
    assert window.spread(0.0) == (7.0, 7.0, 7.0)
    assert window.rate(0.0) == 0.0


def test_what_is_old_or_too_much_is_forgotten() -> None:
    window = Window(seconds=1.0, capacity=3)
    for i in range(5):
        window.add(float(i) / 10, float(i))
    assert window.values(0.4) == [2.0, 3.0, 4.0]
    assert window.values(1.35) == [4.0]
    window.resize(seconds=100.0, capacity=10)
    for i in range(9):
        window.add(2.0, float(i))
    assert len(window.values(50.0)) == 10
    window.clear()
    assert window.values(50.0) == []


def test_a_frame_is_counted_in_milliseconds() -> None:
    statistics = Statistics()
    statistics.frame_published(10.0, arrived=9.7, inference=0.25, latency=0.4)
    statistics.frame_published(10.0, arrived=9.7, inference=0.25, latency=None)
    assert statistics.published == 2
    assert statistics.overhead.values(10.0) == pytest.approx([50.0, 50.0])
    assert statistics.latency.values(10.0) == pytest.approx([400.0])
    assert len(statistics.unmeasured.values(10.0)) == 1
    statistics.forget_times()
    assert statistics.published == 2
    assert statistics.latency.spread(10.0) is None
