# SPDX-License-Identifier: Apache-2.0
"""Pairs the frames of two cameras by their stamps: nearest to nearest, each once, in order.

From the earliest frame on, the next pair is the first two frames, one of each stream, of which each is the
nearest of the other among those not yet used (of two as near, the earlier); what lies before them stays
without a partner. A pair further apart than the tolerance is none.

Such a pair is certain only when the stream of its earlier frame has no nearer one to come. To wait for that
stream's next frame would cost a vehicle a period of latency each time, so it is certain at once where twice
its skew is no more than the shortest of that stream's last intervals. A frame that then comes sooner than
those promised, and is a little nearer, changes nothing: the pair stands. What is paired thus follows from the
stamps alone, not from how the arrivals of the two streams interleave, as long as neither lags the other by
more frames than are held: a frame that did not come by then was lost, and a pair that waited for it is
certain.

Where stamps go back (a looped bag, a clock that was set) a new epoch begins. The two streams get there at
moments of their own, so every frame belongs to the epoch of its stream, and only frames of one epoch are
paired: the late ones of the old still find their partners, the early ones of the new wait for theirs, and
they never mix. Where one stream alone had been elsewhere, it comes back to where the other is, or the other,
whose own stamps never went back, follows it: when they are nearer to where it is now than to where it left.
(So a bag must last longer than twice the lag between its streams.) Stamps that leap ahead need no care: what
was before them has no partner.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from samseg_ros.flow.window import Spread

T = TypeVar("T")

NO_PARTNER, TOO_OLD, REPLACED = REASONS = ("no partner", "too old", "replaced")

_LATELY = 16  # intervals that tell what a stream's period is; enough to see past missing frames
_PATIENCE = 3  # stamps in a row that do not advance are no reordering any more
_SKEWS = 300  # about ten seconds of pairs


@dataclass(frozen=True)
class PairingReport:
    """Totals since the pairing was made; per stream where there are two.

    `skew` is |difference of stamps| in ms over the last pairs, None before the first. `unmatched` counts
    frames by reason: "no partner" (the other stream has none near enough, or none of the same epoch),
    "too old" (its stamp does not advance its stream), "replaced" (pushed out by newer ones while it waited
    for the other stream). `held` wait now. `jumps` counts how often time went back.
    """

    paired: int
    skew: Spread | None
    unmatched: tuple[dict[str, int], dict[str, int]]
    held: tuple[int, int]
    jumps: int


class Pairing(Generic[T]):
    """Give it the frames of streams 0 and 1 as they come; it gives back pairs as they become certain.

    `tolerance` is the largest skew of a pair in seconds; `capacity` is how many frames of each stream wait
    for the other at most. For use by several threads; nothing of the caller's runs under the lock. One
    frame costs O(1), amortised.
    """

    def __init__(self, tolerance: float, capacity: int = 16) -> None:
        if capacity < 2:
            raise ValueError(f"capacity is {capacity}; a stream must hold at least 2 frames.")
        self.tolerance = tolerance
        self._capacity = capacity
        self._lock = threading.Lock()
        self._streams: tuple[_Stream[T], _Stream[T]] = (_Stream(), _Stream())
        self._skews: deque[int] = deque(maxlen=_SKEWS)
        self._paired = 0
        self._jumps = 0

    @property
    def tolerance(self) -> float:
        """Seconds, from 0; may be set at any time. ValueError where it is negative or not finite."""
        return self._tolerance

    @tolerance.setter
    def tolerance(self, seconds: float) -> None:
        if not (math.isfinite(seconds) and seconds >= 0.0):
            raise ValueError(f"tolerance is {seconds} s; it must be a finite number of at least 0.")
        self._tolerance = seconds

    def add(self, stream: int, stamp: int, item: T) -> list[tuple[T, T]]:
        """The pairs that are certain with this frame, in order, each (of stream 0, of stream 1).

        `stream` is 0 or 1, `stamp` in ns. Most often there is one pair or none.
        """
        tolerance = round(self._tolerance * 1e9)
        with self._lock:
            mine, other = self._streams[stream], self._streams[1 - stream]
            if mine.newest is None:
                mine.epoch = other.epoch
            elif mine.epoch < other.epoch and _is_nearer(stamp, other.newest, other.left):
                mine.begin(other.epoch)
            elif stamp <= mine.newest:
                reach = mine.reach(tolerance)
                if not mine.went_back(stamp, reach):
                    mine.unmatched[TOO_OLD] += 1
                    return []
                if mine.epoch < other.epoch:
                    mine.begin(other.epoch)
                else:
                    self._jumps += 1
                    if mine.epoch == other.epoch and _is_within(reach, stamp, other.newest):
                        mine.rewind(stamp)
                    else:
                        mine.begin(mine.epoch + 1)
            mine.append(stamp, item)
            pairs = self._certain(tolerance)
            if len(mine.held) > self._capacity:
                mine.drop(REPLACED)
        return pairs

    def reset(self) -> None:
        """Forget the frames that wait and what the stamps were; totals stay.

        Looped bags need none: stamps that go back are seen here.
        """
        with self._lock:
            for stream in self._streams:
                stream.clear()

    def finish(self) -> list[tuple[T, T]]:
        """The pairs among the frames that wait, in order, as no more will come; then all is forgotten.

        For recordings, whose last frames nothing follows.
        """
        tolerance = round(self._tolerance * 1e9)
        with self._lock:
            ended = max(stream.epoch for stream in self._streams) + 1
            for stream in self._streams:
                stream.begin(ended)
            pairs = self._certain(tolerance)
            for stream in self._streams:
                stream.clear()
        return pairs

    def report(self) -> PairingReport:
        """What came of the frames so far."""
        with self._lock:
            skews = list(self._skews)
            first, second = self._streams
            paired, jumps = self._paired, self._jumps
            unmatched = (dict(first.unmatched), dict(second.unmatched))
            held = (len(first.held), len(second.held))
        spread = Spread(*(np.percentile(skews, [50, 95, 100]) * 1e-6).tolist()) if skews else None
        return PairingReport(paired, spread, unmatched, held, jumps)

    def _certain(self, tolerance: int) -> list[tuple[T, T]]:
        """Settle the earliest frames for as long as nothing that may still come can change what they get."""
        pairs: list[tuple[T, T]] = []
        first, second = self._streams
        while True:
            if first.horizon != second.horizon:
                lagging = min(first, second, key=lambda stream: stream.horizon)
                if not lagging.held:
                    return pairs  # the other is in a new epoch already and waits for it
                lagging.drop(NO_PARTNER)
                continue
            if not (first.held and second.held):
                return pairs
            early, late = sorted((first, second), key=lambda stream: stream.held[0].stamp)
            skew = late.held[0].stamp - early.held[0].stamp
            if skew > tolerance:
                early.drop(NO_PARTNER)
                continue
            if 2 * skew > early.held[0].period:
                rival = early.next_stamp()
                if rival is None and early.may_add() and len(late.held) <= self._capacity:
                    return pairs
                if rival is not None and abs(rival - late.held[0].stamp) < skew:
                    early.drop(NO_PARTNER)
                    continue
            pairs.append((first.held.popleft().item, second.held.popleft().item))
            self._skews.append(skew)
            self._paired += 1


@dataclass(frozen=True, slots=True)
class _Frame(Generic[T]):
    """`stamp` and `period`, the shortest of its stream's last intervals (0: none yet), in ns."""

    epoch: int
    stamp: int
    period: int
    item: T


class _Stream(Generic[T]):
    """The frames of one camera that wait, by stamp, and what its stamps were like."""

    def __init__(self) -> None:
        self.unmatched = dict.fromkeys(REASONS, 0)
        self.held: deque[_Frame[T]] = deque()
        self.epoch = 0
        self.newest: int | None = None
        self.left: int | None = None  # the newest stamp of the epoch before
        self._intervals: deque[int] = deque(maxlen=_LATELY)
        self._standing = 0  # stamps in a row that did not advance

    @property
    def horizon(self) -> int:
        """The earliest epoch of which this stream holds frames, or may yet get some."""
        return self.held[0].epoch if self.held else self.epoch

    def append(self, stamp: int, item: T) -> None:
        if self.newest is not None:
            self._intervals.append(stamp - self.newest)
        self.newest = stamp
        self._standing = 0
        self.held.append(_Frame(self.epoch, stamp, min(self._intervals, default=0), item))

    def drop(self, reason: str) -> None:
        """Give up the earliest frame."""
        self.held.popleft()
        self.unmatched[reason] += 1

    def next_stamp(self) -> int | None:
        """Of the frame after the earliest, in its epoch; None where it has not come."""
        follows = len(self.held) > 1 and self.held[1].epoch == self.held[0].epoch
        return self.held[1].stamp if follows else None

    def may_add(self) -> bool:
        """Whether more frames of the earliest one's epoch may come."""
        return self.epoch == self.held[0].epoch

    def reach(self, tolerance: int) -> int:
        """How far apart stamps may be of frames that came one after the other, or changed places."""
        typical = sorted(self._intervals)[len(self._intervals) // 2] if self._intervals else 0
        return max(tolerance, 3 * typical // 2)

    def went_back(self, stamp: int, reach: int) -> bool:
        """Whether a stamp that does not advance is of a new epoch; else two frames have changed places."""
        assert self.newest is not None
        self._standing += 1
        return self.newest - stamp > reach or self._standing >= _PATIENCE

    def begin(self, epoch: int) -> None:
        """What comes now is of this epoch. It starts knowing nothing, so that each loop of a bag is alike."""
        self.epoch = epoch
        self.newest, self.left = None, self.newest
        self._intervals.clear()

    def rewind(self, stamp: int) -> None:
        """Back to where the other stream is: give up the frames from there on, which were of no true time."""
        while self.held and self.held[-1].epoch == self.epoch and self.held[-1].stamp >= stamp:
            self.held.pop()
            self.unmatched[NO_PARTNER] += 1
        self.newest = None

    def clear(self) -> None:
        """Give up all frames and forget all stamps."""
        while self.held:
            self.drop(NO_PARTNER)
        self.begin(0)
        self.left = None


def _is_within(reach: int, stamp: int, of: int | None) -> bool:
    return of is not None and abs(stamp - of) <= reach


def _is_nearer(stamp: int, here: int | None, there: int | None) -> bool:
    """Whether `stamp` is nearer to `here` than to `there`; not where one of them is unknown."""
    return here is not None and there is not None and abs(stamp - here) < abs(stamp - there)
