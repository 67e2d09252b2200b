# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from samseg_ros.flow.latest import Latest


@given(st.lists(st.sampled_from(["put", "take", "clear"]), max_size=60))
@settings(deadline=None)
def test_only_the_newest_is_handed_over_and_every_item_is_accounted_for(steps: list[str]) -> None:
    inbox: Latest[int] = Latest()
    waiting: int | None = None
    taken, number = 0, 0
    for step in steps:
        if step == "put":
            number += 1
            inbox.put(number)
            waiting = number
        elif step == "take":
            assert inbox.take(timeout=0) == waiting
            taken += waiting is not None
            waiting = None
        else:
            inbox.clear()
            waiting = None
    assert inbox.received == number
    assert inbox.received == inbox.dropped + taken + (waiting is not None)


def test_closing_wakes_who_waits_and_refuses_what_comes() -> None:
    inbox: Latest[int] = Latest()
    got: list[int | None] = []
    waiter = threading.Thread(target=lambda: got.append(inbox.take()))
    waiter.start()
    inbox.close()
    waiter.join(20)
    assert got == [None]
    inbox.put(1)
    assert inbox.take(timeout=0) is None
    assert inbox.received == 0
