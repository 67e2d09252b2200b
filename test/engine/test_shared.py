# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from samseg_ros import bundle, engine
from samseg_ros.engine import EngineError, Prediction, shared
from samseg_ros.engine.shared import SharedEngine, SharedEngines
from samseg_ros.labels import STREET11

FRAME = 0.002  # seconds that the fake engine takes
DEADLINE = 60.0


class Fake:
    """Answers with the brightness of the image, in arrays of its own, and notes whom it served."""

    runtime, version, device, precision, fallback = "fake", "1", "CPU", "fp32", ""

    def __init__(self) -> None:
        self.served: list[int] = []
        self.alone = True
        self._busy = threading.Lock()
        self._arrays = Prediction(np.zeros((4, 8), np.uint8), np.zeros((4, 8), np.uint8))

    def infer(self, **inputs: np.ndarray) -> Prediction:
        self.alone &= self._busy.acquire(blocking=False)
        try:
            brightness = int(inputs["image"].max())
            self.served.append(brightness)
            self._arrays.labels[:] = brightness
            time.sleep(FRAME)
            if brightness == 0:
                raise ValueError("it is dark.")
            self._arrays.confidence[:] = 255 - brightness
        finally:
            self._busy.release()
        return self._arrays


@pytest.fixture
def made() -> list[Fake]:
    return []


@pytest.fixture
def engines(made: list[Fake]) -> SharedEngines:
    def load(*_: object) -> Fake:
        made.append(Fake())
        return made[-1]

    return SharedEngines(load)


@pytest.fixture
def graph() -> bundle.Bundle:
    return bundle.Bundle(Path("some"), "some", "camera", "pinhole", (4, 8), STREET11, sha256="a")


def image(brightness: int) -> np.ndarray:
    return np.full((4, 8, 3), brightness, np.uint8)


def in_threads(*work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=one, daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_what_is_the_same_is_loaded_once(
    engines: SharedEngines, made: list[Fake], graph: bundle.Bundle
) -> None:
    users = [engines.load(graph, "cpu"), engines.load(replace(graph, path=Path("copy")), "CPU")]
    assert len(made) == 1
    users += [
        engines.load(replace(graph, sha256="b"), "CPU"),
        engines.load(graph, "GPU"),
        engines.load(graph, "CPU", "onnxruntime"),
        engines.load(graph, "CPU", "auto", 2),
        engines.load(graph, "CPU", "auto", 0, "fp16"),
    ]
    assert len(made) == 6
    assert {(user.runtime, user.version, user.device, user.precision) for user in users} == {
        ("fake", "1", "CPU", "fp32")
    }


def test_two_who_ask_at_once_get_the_same(graph: bundle.Bundle) -> None:
    loads: list[str] = []

    def load(*_: object) -> Fake:
        loads.append("begun")
        time.sleep(0.05)
        return Fake()

    engines = SharedEngines(load)
    users: list[SharedEngine] = []
    in_threads(*[lambda: users.append(engines.load(graph))] * 4)
    assert len(users) == 4
    assert len(loads) == 1


def test_it_is_let_go_with_its_last_user(
    engines: SharedEngines, made: list[Fake], graph: bundle.Bundle
) -> None:
    one, other = engines.load(graph), engines.load(graph)
    there = weakref.ref(made.pop())
    del one
    gc.collect()
    assert there() is not None
    np.testing.assert_array_equal(other.infer(image=image(7)).labels, 7)
    del other
    gc.collect()
    assert there() is None
    engines.load(graph)
    assert len(made) == 1


def test_what_cannot_be_loaded_is_said_to_each_and_tried_again(graph: bundle.Bundle) -> None:
    answers: list[Fake | EngineError] = [EngineError("no."), EngineError("not yet."), Fake()]

    def load(*_: object) -> Fake:
        answer = answers.pop(0)
        if isinstance(answer, EngineError):
            raise answer
        return answer

    engines = SharedEngines(load)
    for sentence in ("no.", "not yet."):
        with pytest.raises(EngineError, match=sentence):
            engines.load(graph)
    np.testing.assert_array_equal(engines.load(graph).infer(image=image(3)).labels, 3)


def test_an_answer_is_the_users_until_its_own_next_call(
    engines: SharedEngines, made: list[Fake], graph: bundle.Bundle
) -> None:
    def work(brightness: int) -> Callable[[], None]:
        user = engines.load(graph)

        def look_twice() -> None:
            for _ in range(20):
                answer = user.infer(image=image(brightness))
                for _ in range(2):
                    right.append(bool((answer.labels == brightness).all()))
                    right.append(bool((answer.confidence == 255 - brightness).all()))
                    time.sleep(FRAME)  # somebody else's frame

        return look_twice

    right: list[bool] = []
    in_threads(*map(work, (1, 2, 3)))
    assert len(right) == 3 * 20 * 4
    assert all(right)
    assert made[0].alone


def test_who_asks_seldom_waits_for_one_frame_of_each_other(
    engines: SharedEngines, made: list[Fake], graph: bundle.Bundle
) -> None:
    seldom, done = 9, threading.Event()
    waits: list[Counter[int]] = []
    users = {brightness: engines.load(graph) for brightness in (1, 2, seldom)}
    served = made[0].served

    def always(brightness: int) -> None:
        while not done.is_set():
            users[brightness].infer(image=image(brightness))

    def now_and_then() -> None:
        for _ in range(15):
            time.sleep(7 * FRAME)
            before = len(served)
            users[seldom].infer(image=image(seldom))
            waits.append(Counter(served[before : served.index(seldom, before)]))
        done.set()

    in_threads(lambda: always(1), lambda: always(2), now_and_then)
    assert len(waits) == 15
    # One of each is before it in the queue; one more may slip in before the queue is reached.
    assert all(count <= 2 for wait in waits for count in wait.values()), waits
    # And the two that never pause take turns.
    busy = [brightness for brightness in served if brightness != seldom]
    assert abs(busy.count(1) - busy.count(2)) <= len(busy) // 10 + 2


def test_a_frame_that_fails_gives_the_turn_on(engines: SharedEngines, graph: bundle.Bundle) -> None:
    one, other = engines.load(graph), engines.load(graph)
    with pytest.raises(ValueError, match="dark"):
        one.infer(image=image(0))
    np.testing.assert_array_equal(other.infer(image=image(5)).labels, 5)
    np.testing.assert_array_equal(one.infer(image=image(6)).labels, 6)


def test_a_real_engine_answers_all_its_users(
    tmp_path: Path, red_bundle: Callable[..., bundle.Bundle]
) -> None:
    if not engine.available():
        pytest.skip("no inference runtime is installed")
    made, engines = red_bundle(tmp_path / "red"), SharedEngines()
    users = [engines.load(made), engines.load(made)]
    pictures = [np.random.default_rng(seed).integers(0, 256, (32, 64, 3), np.uint8) for seed in (0, 1)]
    answers = [user.infer(image=picture) for user, picture in zip(users, pictures, strict=True)]
    for picture, answer in zip(pictures, answers, strict=True):
        np.testing.assert_array_equal(answer.labels, np.where(picture[..., 2] > 128, 8, 0))
        np.testing.assert_array_equal(answer.confidence, picture[..., 0])


def test_an_engine_that_hangs_is_given_to_nobody_else(
    engines: SharedEngines, made: list[Fake], graph: bundle.Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "HANGS", 0.05)
    entered, answer = threading.Event(), threading.Event()

    def hang(**_: object) -> Prediction:
        entered.set()
        assert answer.wait(DEADLINE)
        return made[0]._arrays

    first = engines.load(graph)
    monkeypatch.setattr(made[0], "infer", hang)
    hanging = threading.Thread(target=first.infer, daemon=True)
    hanging.start()
    try:
        assert entered.wait(DEADLINE)
        time.sleep(0.1)
        assert engines.load(graph).infer(image=image(7)).labels[0, 0] == 7
        assert len(made) == 2
    finally:
        answer.set()
        hanging.join(DEADLINE)
