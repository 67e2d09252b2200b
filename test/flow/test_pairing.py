# SPDX-License-Identifier: Apache-2.0
"""Against brute force, and over loops; stamps are milliseconds here and nanoseconds there."""

from __future__ import annotations

import math
import random
import threading
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samseg_ros.flow.pairing import Pairing

MS = 1_000_000
Arrival = tuple[int, int]  # stream, stamp

stamps = st.lists(st.integers(0, 400), unique=True, max_size=12).map(sorted)


def brute_force(first: list[int], second: list[int], tolerance: int, lately: int = 16) -> list[Arrival]:
    """The definition: the earliest two that are each other's nearest of those left, and so on.

    With the exception that saves the wait: twice their skew is within the intervals before the earlier one.
    """

    def nearest(stamp: int, others: list[int]) -> int:
        return min(others, key=lambda other: (abs(other - stamp), other))

    def period(stamp: int, of: list[int]) -> int:
        before = of[: of.index(stamp) + 1][-lately - 1 :]
        return min((b - a for a, b in pairwise(before)), default=0)

    as_, bs, pairs = list(first), list(second), []
    while as_ and bs:
        to_second = {(a, nearest(a, bs)) for a in as_}
        to_first = {(nearest(b, as_), b) for b in bs}
        certain = to_second & to_first
        certain |= {(a, b) for a, b in to_second if a < b and 2 * (b - a) <= period(a, first)}
        certain |= {(a, b) for a, b in to_first if b < a and 2 * (a - b) <= period(b, second)}
        certain = {(a, b) for a, b in certain if abs(a - b) <= tolerance}
        if not certain:
            return pairs
        a, b = min(certain, key=min)
        pairs.append((a, b))
        as_, bs = [x for x in as_ if x > a], [x for x in bs if x > b]
    return pairs


def mutual(first: list[int], second: list[int], tolerance: int) -> list[Arrival]:
    """All that are each other's nearest, used or not."""
    return [
        (a, b)
        for a in first
        for b in second
        if b == min(second, key=lambda x: (abs(a - x), x))
        and a == min(first, key=lambda x: (abs(b - x), x))
        and abs(a - b) <= tolerance
    ]


def interleaved(first: list[int], second: list[int], seed: int) -> list[Arrival]:
    """Both streams in order, their arrivals in any."""
    turns = [0] * len(first) + [1] * len(second)
    random.Random(seed).shuffle(turns)
    queues = iter(first), iter(second)
    return [(stream, next(queues[stream])) for stream in turns]


def fed(pairing: Pairing[int], arrivals: list[Arrival]) -> list[Arrival]:
    return [pair for stream, stamp in arrivals for pair in pairing.add(stream, stamp * MS, stamp)]


@settings(deadline=None)
@given(stamps, stamps, st.integers(0, 200), st.integers())
def test_whatever_the_arrivals_the_pairs_are_those_of_brute_force(first, second, tolerance, seed):
    pairing: Pairing[int] = Pairing(tolerance / 1e3, capacity=100)
    arrivals = interleaved(first, second, seed)
    assert fed(pairing, arrivals) + pairing.finish() == brute_force(first, second, tolerance)
    report = pairing.report()
    for stream, count in enumerate((len(first), len(second))):
        assert report.paired + sum(report.unmatched[stream].values()) == count


@settings(deadline=None)
@given(stamps, stamps, st.integers())
def test_within_half_of_the_shortest_interval_all_mutual_nearest_are_paired(first, second, seed):
    shortest = min((b - a for s in (first, second) for a, b in pairwise(s)), default=100)
    pairing: Pairing[int] = Pairing(shortest // 2 / 1e3, capacity=100)
    pairs = fed(pairing, interleaved(first, second, seed)) + pairing.finish()
    assert pairs == mutual(first, second, shortest // 2)


@settings(deadline=None)
@given(
    st.sampled_from([(100, 100), (100, 33), (33, 100), (40, 60)]),
    st.integers(0, 50),
    st.integers(0, 30),
    st.integers(0, 150),
    st.floats(0, 0.4),
    st.integers(),
)
def test_every_loop_gives_the_same_pairs_of_its_own(periods, phase, jitter, lag, drops, seed):
    """Two rates, phase, jitter, latency and missing frames, looped three times."""
    chance = random.Random(seed)
    streams = [
        [
            int(shift + i * period + chance.uniform(-jitter, jitter) / 100 * period)
            for i in range(1500 // period)
            if chance.random() >= drops
        ]
        for period, shift in zip(periods, (1000, 1000 + phase), strict=True)
    ]
    arrivals = [
        (stamp + 1500 * loop + stream * lag + chance.uniform(0, 15), loop, stream, stamp)
        for loop in range(3)
        for stream in (0, 1)
        for stamp in streams[stream]
    ]
    pairing: Pairing[tuple[int, int]] = Pairing(0.05)
    loops: list[list[Arrival]] = [[], [], []]
    for _, loop, stream, stamp in sorted(arrivals, key=lambda arrival: (arrival[0], arrival[1:])):
        for (of_first, a), (of_second, b) in pairing.add(stream, stamp * MS, (loop, stamp)):
            assert of_first == of_second
            loops[of_first].append((a, b))
    expected = brute_force(*streams, 50)
    assert loops[0] == loops[1] == expected
    assert loops[2] in (expected, expected[:-1])  # the last may wait for what never comes
    assert pairing.report().jumps == 2


@pytest.mark.parametrize("drops", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("lag", [0, 30, 250])
def test_a_looped_recording_with_missing_frames(drops, lag):
    chance = random.Random(7)
    streams = [[100 * i for i in range(100) if chance.random() >= drops] for _ in (0, 1)]
    both = sorted(set(streams[0]) & set(streams[1]))
    arrivals = sorted(
        (10_000 * loop + stamp + stream * lag, stream, loop, stamp)
        for loop in range(3)
        for stream in (0, 1)
        for stamp in streams[stream]
    )
    pairing: Pairing[tuple[int, int]] = Pairing(0.05)
    pairs = [
        pair for _, stream, loop, stamp in arrivals for pair in pairing.add(stream, stamp * MS, (loop, stamp))
    ]
    assert pairs == [((loop, stamp), (loop, stamp)) for loop in range(3) for stamp in both]


def test_cameras_that_are_triggered_together_are_paired_with_the_later_arrival():
    pairing: Pairing[int] = Pairing(0.01)
    for stamp in range(0, 1000, 33):
        assert fed(pairing, [(1, stamp)]) == []
        assert fed(pairing, [(0, stamp)]) == [(stamp, stamp)]
    report = pairing.report()
    assert report.skew == (0.0, 0.0, 0.0)
    assert report.paired == 31 and report.held == (0, 0)


def test_no_pair_waits_once_the_period_is_known():
    """A steady skew of 14 ms at 30 Hz: after the first two the later arrival gives the pair."""
    pairing: Pairing[int] = Pairing(0.02)
    waited = []
    for stamp in range(0, 1000, 33):
        assert fed(pairing, [(0, stamp)]) == waited
        pairs = fed(pairing, [(1, stamp + 14)])
        waited = [] if pairs else [(stamp, stamp + 14)]
        assert bool(waited) == (stamp == 0)
    assert pairing.report().skew == pytest.approx((14.0, 14.0, 14.0))


def test_a_far_pair_waits_for_the_frame_that_would_be_nearer():
    steady = [(0, 0), (1, 0), (0, 100), (1, 100)]
    pairing: Pairing[int] = Pairing(0.08)
    assert fed(pairing, [*steady, (0, 200), (1, 270)]) == [(0, 0), (100, 100)]
    assert fed(pairing, [(0, 300)]) == [(300, 270)]  # which 200 was further from
    pairing = Pairing(0.08)
    assert fed(pairing, [*steady, (0, 200), (1, 270), (0, 400)])[2:] == [(200, 270)]


def test_a_stream_that_falls_silent_holds_up_nothing():
    pairing: Pairing[int] = Pairing(0.02, capacity=4)
    alone = [(0, stamp) for stamp in range(0, 1000, 100)]
    assert fed(pairing, alone) == []
    assert pairing.report().held == (4, 0)
    assert pairing.report().unmatched[0]["replaced"] == 6
    assert fed(pairing, [(0, 1000), (1, 1000), (0, 1100), (1, 1100)]) == [(1000, 1000), (1100, 1100)]
    assert pairing.report().unmatched == (
        {"no partner": 3, "too old": 0, "replaced": 7},
        {"no partner": 0, "too old": 0, "replaced": 0},
    )


def test_a_pair_waits_for_no_more_frames_than_are_held():
    """The other stream has had the time to send a nearer one, as far behind as it may be."""
    pairing: Pairing[int] = Pairing(0.05, capacity=4)
    assert fed(pairing, [(0, 0), (1, 20), (1, 120), (1, 220), (1, 320)]) == []
    assert fed(pairing, [(1, 420)]) == [(0, 20)]
    assert pairing.report().unmatched[1]["replaced"] == 0


def test_frames_that_changed_places_are_too_old_and_reset_nothing():
    pairing: Pairing[int] = Pairing(0.02)
    swapped = [0, 100, 200, 400, 300, 500, 500, 700, 600, 800]
    pairs = [pair for stamp in swapped for pair in fed(pairing, [(0, stamp), (1, stamp)])]
    assert pairs == [(stamp, stamp) for stamp in (0, 100, 200, 400, 500, 700, 800)]
    report = pairing.report()
    assert report.jumps == 0
    assert [counts["too old"] for counts in report.unmatched] == [3, 3]


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_the_shortest_of_loops_still_gives_pairs(frames):
    pairing: Pairing[int] = Pairing(0.02)
    loop = [100 * i for i in range(frames)]
    pairs = [pair for stamp in loop * 30 for pair in fed(pairing, [(0, stamp), (1, stamp)])]
    assert len(pairs) >= (30 * frames if frames >= 3 else 10)
    assert all(a == b for a, b in pairs)


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("stream", [0, 1])
def test_when_one_clock_is_set_back_to_the_other_pairs_go_on(stream, lag):
    """One camera's stamps come from an hour ahead until its clock is set; the other's never go back."""
    ahead = 3_600_000
    arrivals = []
    for i in range(40):
        arrivals.append((1 - stream, 100 * i))
        if i >= lag:
            arrivals.append((stream, 100 * (i - lag) + (ahead if i < 20 else 0)))
    pairing: Pairing[int] = Pairing(0.02)
    pairs = fed(pairing, arrivals)
    assert len(pairs) >= 20 - 2 * lag - 1
    assert all(a == b for a, b in pairs)
    assert pairing.report().jumps == 1


def test_one_stamp_from_the_future_does_not_blind():
    pairing: Pairing[int] = Pairing(0.02)
    arrivals = [(stream, 100 * i) for i in range(40) for stream in (0, 1)]
    arrivals[20] = (0, 10**7)
    assert len(fed(pairing, arrivals)) >= 38


@pytest.mark.parametrize("ahead", [5_000, 10**7])
def test_a_leap_forward_loses_no_pair(ahead):
    first = [100 * i + ahead * (i >= 10) for i in range(20)]
    arrivals = sorted([(i, 0, s) for i, s in enumerate(first)] + [(i + 3, 1, s) for i, s in enumerate(first)])
    pairing: Pairing[int] = Pairing(0.02)
    assert fed(pairing, [(stream, stamp) for _, stream, stamp in arrivals]) == [(s, s) for s in first]
    assert pairing.report().jumps == 0


def test_a_stream_that_comes_back_in_a_later_loop_is_paired_at_once():
    """It died at 3 s of the first loop, and its next stamp is from 5 s of the second."""
    pairing: Pairing[tuple[int, int]] = Pairing(0.02)
    pairs = []
    for loop in (1, 2):
        for stamp in range(0, 10_000, 100):
            for stream in (0, 1):
                if stream == 0 or (loop, stamp) < (1, 3000) or (loop, stamp) >= (2, 5000):
                    pairs += pairing.add(stream, stamp * MS, (loop, stamp))
    assert pairs == [((1, s), (1, s)) for s in range(0, 3000, 100)] + [
        ((2, s), (2, s)) for s in range(5000, 10_000, 100)
    ]


def test_reset_forgets_what_waits_and_keeps_the_totals():
    pairing: Pairing[int] = Pairing(0.02)
    fed(pairing, [(0, 1000), (1, 1000), (0, 1100)])
    pairing.reset()
    assert pairing.report().held == (0, 0)
    assert fed(pairing, [(1, 500), (0, 500)]) == [(500, 500)]
    pairing.reset()
    # Of before the reset, and late: it costs its neighbour, no more.
    assert fed(pairing, [(1, 1100), (0, 0), (1, 0), (0, 100), (1, 100)]) == [(100, 100)]
    report = pairing.report()
    assert (report.paired, report.jumps) == (3, 1)
    assert [counts["no partner"] for counts in report.unmatched] == [2, 2]


def test_at_the_end_of_a_recording_what_waited_is_paired():
    pairing: Pairing[int] = Pairing(0.08)
    assert fed(pairing, [(0, 0), (1, 30), (0, 100), (1, 170)]) == [(0, 30)]
    assert pairing.finish() == [(100, 170)]
    assert pairing.report().held == (0, 0) and pairing.finish() == []
    assert fed(pairing, [(0, 0), (1, 0)]) == [(0, 0)]


def test_the_tolerance_may_change_at_any_time():
    pairing: Pairing[int] = Pairing(0.0)
    assert fed(pairing, [(0, 0), (1, 5), (0, 100), (1, 105)]) == []
    pairing.tolerance = 0.01
    assert fed(pairing, [(0, 200), (1, 205)]) == [(200, 205)]
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="finite number of at least 0"):
            pairing.tolerance = wrong
    with pytest.raises(ValueError, match="at least 2 frames"):
        Pairing(0.1, capacity=1)


def test_two_threads_lose_and_double_nothing():
    pairing: Pairing[int] = Pairing(0.0, capacity=5000)
    found: list[list[Arrival]] = [[], []]

    def feed(stream: int) -> None:
        for stamp in range(3000):
            found[stream] += pairing.add(stream, stamp * MS, stamp)

    threads = [threading.Thread(target=feed, args=(stream,)) for stream in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found[0] + found[1]) == [(stamp, stamp) for stamp in range(3000)]
