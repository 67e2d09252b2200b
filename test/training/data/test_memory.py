# SPDX-License-Identifier: Apache-2.0
import numpy as np

from training.data.memory import Kept


def made(calls: list[str], name: str) -> tuple[np.ndarray, np.ndarray]:
    calls.append(name)
    return np.zeros(60, np.uint8), np.zeros(40, np.uint8)


def test_pictures_are_made_once_while_there_is_room() -> None:
    kept: Kept[tuple[np.ndarray, np.ndarray]] = Kept(budget=250)
    calls: list[str] = []
    first = {name: kept.get(name, lambda name=name: made(calls, name)) for name in "abc"}
    for name in "abc":
        again = kept.get(name, lambda name=name: made(calls, name))
        assert (again is first[name]) == (name != "c")
    assert calls == ["a", "b", "c", "c"]


def test_nothing_is_kept_without_a_budget() -> None:
    kept: Kept[tuple[np.ndarray, np.ndarray]] = Kept(budget=0)
    calls: list[str] = []
    for _ in range(2):
        kept.get("a", lambda: made(calls, "a"))
    assert calls == ["a", "a"]
