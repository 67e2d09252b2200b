# SPDX-License-Identifier: Apache-2.0
"""Which of two cameras can be relied on at this moment, so that the loss of one does not blind the other.

A stream is at fault while it is *silent* (nothing came for `stream_timeout`), *frozen* (its frames have been
identical for `frozen_timeout`: a sensor's noise never repeats), *degenerate* (its frame is all one value) or
*unusable* (its frame cannot be read, or does not go with the settings).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

STREAMS = ("rgb", "thermal")
POLICIES = ("prefer_both", "both", "rgb", "thermal")


class Route(NamedTuple):
    """Where a frame goes: to be paired, to be segmented alone, or (to find out whether pairs come) both."""

    pair: bool
    alone: bool


class Watch:
    """The health of one stream. `arrived` and `look` may be called by different threads.

    Times are seconds of the monotonic clock; `frozen_after` of 0 never takes a stream for frozen.
    """

    def __init__(self, silent_after: float, frozen_after: float, now: float) -> None:
        self._silent_after = silent_after
        self._frozen_after = frozen_after
        self.heard = False  # whether any frame has arrived
        self.last = now  # when the last one did; before the first, when the watch began
        self._waited_for = now  # it is given the full time from here on
        self._seen: np.ndarray | None = None
        self._changed = now
        self.content = ""  # the fault of the last frame that was looked at

    def arrived(self, now: float) -> None:
        if now - self.last > self._silent_after:
            self._seen = None  # it may begin again with the frame that it ended with
        self.last, self.heard = now, True

    def wait(self, now: float) -> None:
        """Not silent before `silent_after` from now."""
        self._waited_for = now

    def look(self, pixels: np.ndarray, now: float) -> None:
        """Judge a frame [h, w] or [h, w, 3] of any dtype, and keep it until the next: do not write to it."""
        if _same(self._seen, pixels):
            frozen = 0.0 < self._frozen_after <= now - self._changed
        else:
            self._changed = now
            frozen = False
        self._seen = pixels
        self.content = "degenerate" if _is_uniform(pixels) else "frozen" if frozen else ""

    def unusable(self) -> None:
        """Of the last frame nothing could be made."""
        self._seen = None
        self.content = "unusable"

    def forget(self) -> None:
        """The last frame was not looked at: nothing is known of what the stream shows."""
        self._seen = None
        self.content = ""

    def is_silent(self, now: float) -> bool:
        return now - max(self.last, self._waited_for) > self._silent_after

    def fault(self, now: float) -> str:
        """``silent``, ``frozen``, ``degenerate``, ``unusable``, or empty where nothing is wrong."""
        return "silent" if self.is_silent(now) else self.content


class Modality:
    """What to make of two streams under a policy.

    ``both``: nothing but sound pairs. ``rgb``, ``thermal``: that stream alone, whatever its state.
    ``prefer_both``: pairs; what is left of them when one stream is at fault; RGB alone when both streams run
    and yet no pair came for `stream_timeout` (their clocks differ, say). A degenerate frame tells nothing
    and is never used there; two frozen streams are (a simulator that stands still).
    """

    def __init__(self, policy: str, stream_timeout: float, frozen_timeout: float, now: float) -> None:
        self.policy = policy
        self._timeout = stream_timeout
        self.watches = (
            Watch(stream_timeout, frozen_timeout, now),
            Watch(stream_timeout, frozen_timeout, now),
        )
        self._paired = now  # when pairs last came, or could not have come because a stream was silent

    def arrived(self, stream: int, now: float) -> Route:
        """A frame of stream 0 (RGB) or 1 (thermal) came."""
        own, other = self.watches[stream], self.watches[1 - stream]
        paused = own.is_silent(now) and other.is_silent(now)
        if paused and own.last - other.last <= self._timeout:
            other.wait(now)  # both stopped together (or are slow), and begin anew: as at the start
        if own.is_silent(now) or other.is_silent(now):
            self._paired = now
        own.arrived(now)
        if self.policy in STREAMS:
            return Route(pair=False, alone=self.policy == STREAMS[stream])
        if self.policy == "both":
            return Route(pair=True, alone=False)
        if other.is_silent(now):
            return Route(pair=False, alone=True)
        return Route(pair=True, alone=stream == 0 and self.is_unpaired(now))

    def paired(self, now: float) -> None:
        self._paired = now

    def is_unpaired(self, now: float) -> bool:
        """Both streams run, and yet no pair came for `stream_timeout`."""
        return now - self._paired > self._timeout and not any(it.is_silent(now) for it in self.watches)

    def choose(self, given: tuple[bool, bool]) -> tuple[bool, bool]:
        """Which of the frames given (RGB, thermal), already looked at, to use; (False, False): neither."""
        if self.policy in STREAMS:
            return given
        # Silence is the matter of frames that do not come; these have come.
        faults = [
            "missing" if not it else watch.content for it, watch in zip(given, self.watches, strict=True)
        ]
        sound = [not fault for fault in faults]
        if self.policy == "both":
            stands_still = faults == ["frozen", "frozen"]
            return (True, True) if all(sound) or stands_still else (False, False)
        if not any(sound):
            sound = [fault == "frozen" for fault in faults]
        return sound[0], sound[1]

    def current(self, now: float) -> str:
        """What masks are made from at present: ``both``, ``rgb``, ``thermal`` or ``none``."""
        if not any(watch.heard for watch in self.watches):
            return "none"
        given = [not watch.is_silent(now) for watch in self.watches]
        if self.policy in STREAMS:
            stream = STREAMS.index(self.policy)
            used = given[stream] and self.watches[stream].content != "unusable"
            return self.policy if used else "none"
        if self.is_unpaired(now):
            given[1] = False
        if self.policy == "both" and not all(given):
            return "none"
        rgb, thermal = self.choose((given[0], given[1]))
        return "both" if rgb and thermal else "rgb" if rgb else "thermal" if thermal else "none"

    def trouble(self, now: float) -> str:
        """What is wrong with the streams and what follows, in one sentence; empty where nothing is."""
        wanted = [i for i, name in enumerate(STREAMS) if self.policy not in STREAMS or self.policy == name]
        faults = [
            f"{STREAMS[i]} is {fault}{_MEANING[fault].format(now - self.watches[i].last)}"
            for i in wanted
            if (fault := self.watches[i].fault(now))
        ]
        if not faults and self.policy not in STREAMS and self.is_unpaired(now):
            faults = [
                "rgb and thermal arrive but do not pair (their clocks differ, sync.tolerance is small, or "
                "one lags by more frames than sync.queue)"
            ]
        if not faults:
            return ""
        used = self.current(now)
        then = {"none": "no masks are made", "both": "masks are made from both still"}
        return f"{' and '.join(faults)}; {then.get(used, f'masks are made from {used} alone')}."


_MEANING = {
    "silent": " for {:.1f} s",
    "frozen": " (identical frames)",
    "degenerate": " (all one value)",
    "unusable": "",
}


def _same(before: np.ndarray | None, after: np.ndarray) -> bool:
    if before is None or before.shape != after.shape or before.dtype != after.dtype:
        return False
    # A few hundred pixels tell nearly all different frames apart.
    return _equal(before[_SPARSE], after[_SPARSE]) and _equal(before, after)


def _is_uniform(pixels: np.ndarray) -> bool:
    first = np.broadcast_to(pixels[:1, :1], pixels.shape)
    return _equal(pixels[_SPARSE], first[_SPARSE]) and _equal(pixels, first)


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


_SPARSE = (slice(None, None, 23), slice(None, None, 23))
