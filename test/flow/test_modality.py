# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from samseg_ros.flow.modality import Modality, Watch

RGB, THERMAL = 0, 1
rng = np.random.default_rng(0)


def picture() -> np.ndarray:
    return rng.integers(0, 255, (48, 64, 3), np.uint8)


def heat() -> np.ndarray:
    return rng.integers(29000, 31000, (48, 64), np.uint16)


def modality(policy: str = "prefer_both") -> Modality:
    return Modality(policy, stream_timeout=1.0, frozen_timeout=2.0, now=0.0)


def see(it: Modality, now: float, rgb: np.ndarray | None = None, warm: np.ndarray | None = None) -> None:
    for stream, pixels in enumerate((rgb, warm)):
        if pixels is not None:
            it.arrived(stream, now)
            it.watches[stream].look(pixels, now)


def test_both_streams_are_paired_while_both_run() -> None:
    it = modality()
    assert it.arrived(RGB, 0.1) == (True, False)
    assert it.arrived(THERMAL, 0.1) == (True, False)
    assert it.current(0.1) == "both"
    assert it.trouble(0.1) == ""


@pytest.mark.parametrize(("left", "lost", "name"), [(RGB, THERMAL, "rgb"), (THERMAL, RGB, "thermal")])
def test_after_the_timeout_frames_of_the_other_stream_go_alone_at_once(
    left: int, lost: int, name: str
) -> None:
    it = modality()
    it.arrived(lost, 0.5)
    assert it.arrived(left, 1.4) == (True, False)
    assert it.arrived(left, 1.6) == (False, True)
    assert it.current(1.6) == name
    assert f"is silent for 1.1 s; masks are made from {name} alone." in it.trouble(1.6)


def test_a_stream_that_never_came_counts_from_the_start() -> None:
    it = modality()
    assert it.arrived(RGB, 0.9).alone is False
    assert it.arrived(RGB, 1.1) == (False, True)


def test_a_stream_that_returns_is_paired_from_its_first_frame_on() -> None:
    it = modality()
    it.arrived(RGB, 5.0)
    it.arrived(THERMAL, 5.1)
    assert it.arrived(RGB, 5.2) == (True, False)
    assert it.current(5.2) == "both"


def test_streams_slower_than_the_timeout_are_paired_all_the_same() -> None:
    it = modality()
    for second in range(3, 30, 3):
        assert it.arrived(RGB, second) == (True, False)
        assert it.arrived(THERMAL, second + 0.01) == (True, False)
        it.paired(second + 0.01)


def test_after_a_pause_of_both_the_other_is_given_the_full_time_again() -> None:
    it = modality()
    assert it.arrived(RGB, 9.0) == (True, False)
    assert it.arrived(RGB, 9.9) == (True, False)
    assert it.arrived(RGB, 10.1) == (False, True)


def test_a_slow_stream_is_not_kept_waiting_for_a_dead_one() -> None:
    it = modality()
    assert it.arrived(RGB, 3.0) == (True, False)
    assert it.arrived(RGB, 6.0) == (False, True)
    assert it.arrived(RGB, 9.0) == (False, True)


def test_when_both_run_but_never_pair_rgb_goes_alone_and_pairs_are_still_looked_for() -> None:
    it = modality()
    for tenth in range(1, 12):
        it.arrived(RGB, tenth / 10)
        it.arrived(THERMAL, tenth / 10)
    assert it.arrived(RGB, 1.2) == (True, True)
    assert it.arrived(THERMAL, 1.2) == (True, False)
    assert it.current(1.2) == "rgb"
    assert "do not pair" in it.trouble(1.2)
    it.paired(1.3)
    assert it.arrived(RGB, 1.3) == (True, False)
    assert it.trouble(1.3) == ""


def test_under_both_nothing_goes_alone() -> None:
    it = modality("both")
    for tenth in range(1, 16):
        assert it.arrived(RGB, tenth / 10) == (True, False)
    assert it.current(1.5) == "none"
    assert "no masks are made" in it.trouble(1.5)
    assert it.choose((True, False)) == (False, False)


@pytest.mark.parametrize(("policy", "own", "other"), [("rgb", RGB, THERMAL), ("thermal", THERMAL, RGB)])
def test_a_single_stream_policy_takes_that_stream_whatever_its_state(
    policy: str, own: int, other: int
) -> None:
    it = modality(policy)
    assert it.arrived(own, 0.1) == (False, True)
    assert it.arrived(other, 0.1) == (False, False)
    blank = np.zeros((48, 64), np.uint8)
    it.watches[own].look(blank, 0.1)
    given = (own == RGB, own == THERMAL)
    assert it.choose(given) == given
    assert it.current(0.1) == policy
    assert f"{policy} is degenerate" in it.trouble(0.1)


def test_a_frozen_stream_is_left_out_and_returns_with_its_first_new_frame() -> None:
    it = modality()
    still = heat()
    for tenth in range(26):
        see(it, tenth / 10, picture(), still.copy())
        it.paired(tenth / 10)
        expected = (True, tenth < 20)
        assert it.choose((True, True)) == expected
    assert "thermal is frozen (identical frames); masks are made from rgb alone." in it.trouble(2.5)
    see(it, 2.6, picture(), heat())
    assert it.choose((True, True)) == (True, True)


def test_a_gap_between_two_identical_frames_is_no_freeze() -> None:
    watch = Watch(1.0, 2.0, 0.0)
    still = heat()
    watch.look(still, 0.0)
    watch.arrived(9.0)
    watch.look(still, 9.0)
    assert watch.fault(9.0) == ""


def test_a_stream_that_is_rarely_looked_at_is_found_frozen_too() -> None:
    watch = Watch(1.0, 2.0, 0.0)
    still = heat()
    for tenth in range(1, 50):
        watch.arrived(tenth / 10)
        if tenth % 15 == 0:
            watch.look(still, tenth / 10)
    assert watch.fault(4.9) == "frozen"


def test_a_frame_of_which_nothing_can_be_made_leaves_the_other_stream() -> None:
    it = modality()
    see(it, 0.1, picture(), heat())
    it.arrived(THERMAL, 0.2)
    it.watches[THERMAL].unusable()
    assert it.current(0.2) == "rgb"
    assert it.trouble(0.2) == "thermal is unusable; masks are made from rgb alone."
    see(it, 0.3, picture(), heat())
    assert it.current(0.3) == "both" and it.trouble(0.3) == ""


def test_one_changed_pixel_is_not_frozen() -> None:
    watch = Watch(1.0, 2.0, 0.0)
    for tenth in range(40):
        frame = np.full((48, 64), 7, np.uint16)
        frame[5, 9] = tenth
        watch.arrived(tenth / 10)
        watch.look(frame, tenth / 10)
    assert watch.fault(3.9) == ""


def test_frozen_timeout_of_zero_never_calls_a_stream_frozen() -> None:
    watch = Watch(1.0, 0.0, 0.0)
    still = heat()
    for tenth in range(100):
        watch.arrived(tenth / 10)
        watch.look(still, tenth / 10)
    assert watch.fault(9.9) == ""


@pytest.mark.parametrize("value", [np.uint16(0), np.float32("nan"), np.float32(300.0)])
def test_a_frame_of_one_value_is_left_out_at_once(value: np.generic) -> None:
    it = modality()
    see(it, 0.1, picture(), np.full((48, 64), value))
    assert it.choose((True, True)) == (True, False)
    assert it.current(0.1) == "rgb"


def test_two_frozen_streams_are_used_two_blank_ones_are_not() -> None:
    it = modality()
    image, warm = picture(), heat()
    for tenth in range(30):
        see(it, tenth / 10, image, warm)
        it.paired(tenth / 10)
    assert it.choose((True, True)) == (True, True)
    assert "masks are made from both still" in it.trouble(2.9)
    see(it, 3.0, np.zeros_like(image), np.zeros_like(warm))
    assert it.choose((True, True)) == (False, False)
    assert it.current(3.0) == "none"


def test_the_frame_left_over_is_not_used_if_it_is_blank() -> None:
    it = modality()
    see(it, 2.0, np.zeros((48, 64, 3), np.uint8))
    assert it.choose((True, False)) == (False, False)


def test_before_the_first_frame_no_masks_are_made() -> None:
    it = modality()
    assert it.current(0.5) == "none" and it.trouble(0.5) == ""
    it.arrived(THERMAL, 0.6)
    assert it.current(0.7) == "both"


@pytest.mark.parametrize(("policy", "own"), [("rgb", RGB), ("thermal", THERMAL)])
def test_a_single_stream_that_cannot_be_read_makes_no_masks(policy: str, own: int) -> None:
    it = modality(policy)
    it.arrived(own, 0.1)
    it.watches[own].unusable()
    assert it.current(0.1) == "none"
    assert it.trouble(0.1) == f"{policy} is unusable; no masks are made."


def test_what_is_not_looked_at_is_at_no_fault() -> None:
    it = modality()
    see(it, 0.1, picture(), np.zeros((48, 64), np.uint8))
    assert it.current(0.1) == "rgb"
    for watch in it.watches:
        watch.forget()
    assert it.current(0.2) == "both" and it.trouble(0.2) == ""
