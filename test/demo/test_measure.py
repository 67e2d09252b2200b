# SPDX-License-Identifier: Apache-2.0
"""The accounts of a demonstration: which frames came back, when, and where the others went."""

import numpy as np
import pytest
from demo_run import write_run

from samseg_ros.demo.measure import percentiles, where_dropped
from samseg_ros.demo.present import processable


def test_frames_are_matched_by_stamp_whatever_was_dropped(tmp_path):
    recording = write_run(tmp_path, 6, {1: 20.0, 2: 30.0, 5: 45.5}, {"published": "3", "received": "4"})
    shots = list(recording.shots())
    assert [shot.index for shot in shots] == list(range(6))
    assert [shot.latency_ms for shot in shots] == [None, 20.0, 30.0, None, None, 45.5]
    for shot in shots:
        assert (shot.mask is None) == (shot.latency_ms is None)
        if shot.mask is not None:
            assert shot.mask.shape == (4, 6) and np.all(shot.mask == shot.index)
    assert recording.diagnostics() == {"published": "3", "received": "4"}


def test_where_the_dropped_ones_went_adds_up():
    where = where_dropped(frames_in=10, frames_out=6, lost=1, published=7)
    assert where == {"before_node": 1, "node": 2, "after_node": 1}
    assert sum(where.values()) == 10 - 6
    assert set(where_dropped(10, 6, None, 7).values()) == {None}


def test_both_messages_of_a_pair_may_be_lost_but_that_is_one_frame():
    assert where_dropped(10, 9, lost=2, published=9) == {"before_node": 1, "node": 0, "after_node": 0}


def test_percentiles():
    assert percentiles([]) == {"p50": None, "p95": None}
    assert percentiles([float(i) for i in range(101)]) == {"p50": 50.0, "p95": 95.0}


@pytest.mark.parametrize(
    ("frames", "inference_ms", "hz", "expected"),
    [(80, 50.0, 10.0, 80), (80, 100.0, 10.0, 80), (81, 200.0, 10.0, 41), (1, 500.0, 10.0, 1)],
)
def test_what_the_machine_could_process(frames, inference_ms, hz, expected):
    assert processable(frames, hz, inference_ms) == expected
