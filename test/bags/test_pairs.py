# SPDX-License-Identifier: Apache-2.0
"""Which frames of two cameras in a bag belong together."""

import pytest
from pair_recordings import RGB, SKEW, THERMAL, write_pairs
from recordings import PERIOD, START

from samseg_ros.bags.image_messages import nanoseconds, read_header
from samseg_ros.bags.pairs import Frames, plan
from samseg_ros.bags.read import Bag
from samseg_ros.bags.streams import Streams


def numbers(path, policy="prefer_both", **settings):
    """The frames that come of it: per frame the number of its RGB and of its thermal image, by stamp."""
    with Bag(path) as bag:
        planned = plan(bag, Streams(RGB, THERMAL), policy, **settings)
        found = list(Frames(planned).of(bag))
    assert len(found) == len(planned)
    return [
        tuple(
            None if one is None else round((nanoseconds(read_header(one, thermal)) - START) / PERIOD)
            for one, thermal in ((pair.rgb, False), (pair.thermal, True))
        )
        for pair in found
    ], planned


@pytest.mark.parametrize("lag", [0, 7 * PERIOD])
def test_pairs_and_single_frames_come_in_order_however_late_the_other_camera_is(tmp_path, lag):
    found, planned = numbers(write_pairs(tmp_path / "in", 6, no_thermal=(2,), no_rgb=(4,), lag=lag))
    assert found == [(0, 0), (1, 1), (2, None), (3, 3), (5, 5)]
    assert planned.skews_ms == pytest.approx([SKEW * 1e-6] * 4)
    assert planned.left_out == (0, 1)
    assert planned.periods == pytest.approx((0.1, 0.1))
    assert planned.frame_id == "rgb"


def test_thermal_stands_alone_where_rgb_is_silent_and_not_between_two_of_its_frames(tmp_path):
    path = write_pairs(tmp_path / "in", 30, no_rgb=(3, *range(10, 22)))
    found, planned = numbers(path)
    assert [pair[1] for pair in found if pair[0] is None] == list(range(10, 22))
    assert planned.left_out == (0, 1)


@pytest.mark.parametrize(
    ("missing", "alone"), [(range(15, 30), range(15, 30)), (range(30), range(30)), (range(26, 30), ())]
)
def test_a_camera_may_be_silent_to_the_end(tmp_path, missing, alone):
    found, _ = numbers(write_pairs(tmp_path / "in", 30, no_rgb=missing))
    assert [pair[1] for pair in found if pair[0] is None] == list(alone)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("both", [(0, 0), (3, 3)]),
        ("rgb", [(0, None), (1, None), (3, None)]),
        ("thermal", [(None, 0), (None, 2), (None, 3)]),
    ],
)
def test_the_policy_decides(tmp_path, policy, expected):
    assert numbers(write_pairs(tmp_path / "in", 4, no_thermal=(1,), no_rgb=(2,)), policy)[0] == expected


def test_rgb_frames_between_two_thermal_ones_can_be_left_out(tmp_path):
    path = write_pairs(tmp_path / "in", 8, no_thermal=(1, 3, 5, 7))
    found, planned = numbers(path, every_rgb=False)
    assert found == [(0, 0), (2, 2), (4, 4), (6, 6)]
    assert planned.left_out == (4, 0)


def test_further_apart_than_the_tolerance_is_no_pair(tmp_path):
    found, planned = numbers(write_pairs(tmp_path / "in", 3), tolerance=SKEW * 0.9e-9)
    assert found == [(0, None), (1, None), (2, None)]
    assert planned.pairs == {}
