# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from samseg_ros import engine
from samseg_ros.bundle import Bundle
from samseg_ros.engine import EngineError, Prediction
from samseg_ros.engine.acceptance import STEPS, Reference, agreement, first_accepted, first_accepted_plan
from samseg_ros.engine.engine import ATTENTION_FP32
from samseg_ros.engine.plans import Key, Plans


class Fake:
    """An engine whose labels would agree on this share."""

    runtime, version, device = "fake", "1", "GPU"

    def __init__(self, precision: str, agrees: float) -> None:
        self.precision, self.fallback, self.agrees = precision, "", agrees

    def infer(self, **inputs: np.ndarray) -> Prediction:
        raise AssertionError("the reference of these tests does not ask")


class FakeReference:
    def __init__(self) -> None:
        self.asked = 0

    def agreement(self, tried: Fake) -> float:
        self.asked += 1
        return tried.agrees


class FakeBuilder:
    """Builds plans that say what they are; a step agrees as `agrees` says, and can fail to build or load."""

    def __init__(self, driver: str = "12.6", **agrees: float) -> None:
        self.driver = driver
        self.agrees = {"fp32": 1.0, **{name.replace("_", " "): value for name, value in agrees.items()}}
        self.built: Counter[str] = Counter()
        self.spoilt: set[bytes] = set()
        self.seconds = 0.0

    def key(self, step: str) -> Key:
        return Key("a" * 64, "fake", "1", "GPU", "8.7", step)

    def build(self, step: str) -> bytes:
        time.sleep(self.seconds)
        if step not in self.agrees:
            raise EngineError(f"the GPU does not know {step}.")
        self.built[step] += 1
        return f"{step} {self.built[step]}".encode()

    def engine(self, plan: bytes, step: str) -> Fake:
        if plan in self.spoilt:
            raise EngineError("the plan does not load.")
        return Fake(step, self.agrees[step])


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def load(tmp_path: Path, said: list[str]) -> Callable[..., Fake]:
    def load_one(
        builder: FakeBuilder, precision: str = "fp16", minimum: float = 0.99, reference=None
    ) -> Fake:
        plans = Plans(tmp_path / "plans")
        return first_accepted_plan(
            builder, plans, reference or FakeReference(), precision, minimum, said.append
        )

    return load_one


def prediction(labels: list[int], confidence: list[int]) -> Prediction:
    return Prediction(np.array([labels], np.uint8), np.array([confidence], np.uint8))


def test_pixels_of_which_the_reference_is_unsure_do_not_count() -> None:
    reference = [prediction([1, 2, 3, 4], [255, 128, 127, 0]), prediction([5, 6], [200, 200])]
    tried = [prediction([1, 9, 9, 9], [0, 0, 0, 0]), prediction([5, 6], [0, 0])]
    assert agreement(reference, tried) == pytest.approx(3 / 4)


def test_where_it_is_sure_of_nothing_all_pixels_count() -> None:
    assert agreement([prediction([1, 2], [10, 20])], [prediction([1, 3], [9, 9])]) == 0.5


def test_every_precision_ends_in_fp32() -> None:
    assert {steps[-1] for steps in STEPS.values()} == {"fp32"}
    assert {name: steps[0] for name, steps in STEPS.items()} == {name: name for name in STEPS}
    assert set(STEPS) | {"auto"} == set(engine.PRECISIONS)


def test_it_is_built_and_compared_once(load, said: list[str]) -> None:
    builder, reference = FakeBuilder(fp16=0.995), FakeReference()
    assert load(builder, reference=reference).precision == "fp16"
    assert said == ["building the engine, fp16", "checking the engine, fp16"]
    again = load(builder, reference=reference)
    assert (again.precision, again.fallback) == ("fp16", "")
    assert builder.built == {"fp16": 1}
    assert reference.asked == 1
    assert len(said) == 2


def test_it_falls_back_by_steps_says_so_and_remembers(load, said: list[str]) -> None:
    builder = FakeBuilder(fp16=0.31, fp16_with_fp32_attention=0.9, bf16=0.992)
    made = load(builder)
    assert made.precision == "bf16"
    assert made.fallback == (
        "fp16 agrees with the reference on 31.0% of confident pixels; "
        f"{ATTENTION_FP32} agrees with the reference on 90.0% of confident pixels"
    )
    assert f"fp16 agrees with the reference on 31.0% of confident pixels; trying {ATTENTION_FP32}" in said
    again = load(builder)
    assert (again.precision, again.fallback) == ("bf16", made.fallback)
    assert builder.built == {"fp16": 1, ATTENTION_FP32: 1, "bf16": 1}
    # Who asks for less gets what was passed over before, without building it again.
    assert load(builder, minimum=0.3).precision == "fp16"
    assert builder.built["fp16"] == 1


def test_what_cannot_be_built_is_passed_over(load) -> None:
    made = load(FakeBuilder(), precision="bf16")
    assert (made.precision, made.fallback) == ("fp32", "bf16: the GPU does not know bf16")


def test_nothing_that_disagrees_ever_serves(load) -> None:
    with pytest.raises(
        EngineError, match=r"no engine can be trusted: fp32 agrees .* 50\.0% .* 99\.0% is ask"
    ):
        load(FakeBuilder(fp32=0.5), precision="fp32")


def test_another_driver_is_compared_again_but_not_built(load) -> None:
    builder, reference = FakeBuilder(fp16=1.0), FakeReference()
    load(builder, reference=reference)
    builder.driver, builder.agrees["fp16"] = "13.0", 0.2
    assert load(builder, reference=reference).precision == "fp32"
    assert builder.built == {"fp16": 1, "fp32": 1}
    assert reference.asked == 3


def test_a_plan_that_does_not_load_is_built_anew_with_one_line(load, said: list[str]) -> None:
    builder = FakeBuilder(fp16=1.0)
    load(builder)
    builder.spoilt.add(b"fp16 1")
    said.clear()
    assert load(builder).precision == "fp16"
    assert said == [
        "the plan of fp16 cannot be used and is built anew: the plan does not load.",
        "building the engine, fp16",
        "checking the engine, fp16",
    ]
    assert builder.built == {"fp16": 2}


def test_two_at_once_build_one_plan(load) -> None:
    builder = FakeBuilder(fp16=1.0)
    builder.seconds = 0.2
    made: list[Fake] = []
    threads = [threading.Thread(target=lambda: made.append(load(builder))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.precision for one in made] == ["fp16", "fp16"]
    assert builder.built == {"fp16": 1}


def test_a_step_may_be_known_to_disagree_without_being_made() -> None:
    good = Fake("fp32", 1.0)
    answers = {"bf16": (None, 0.5), "fp32": (good, 1.0)}
    assert first_accepted("bf16", 0.9, answers.__getitem__, lambda _: None) is good


def test_what_no_precision_mends_is_said_once() -> None:
    def attempt(step: str) -> tuple[None, float]:
        raise EngineError("there is no such device.")

    with pytest.raises(EngineError, match=r"^there is no such device\.$"):
        first_accepted("fp16", 0.9, attempt, lambda _: None)


class Broken:
    """A real engine that loses its labels at the right half of the picture."""

    runtime, version, device, precision, fallback = "broken", "1", "CPU", "fp16", ""

    def __init__(self, sound: engine.Engine) -> None:
        self._sound = sound

    def infer(self, **inputs: np.ndarray) -> Prediction:
        labels, confidence = (part.copy() for part in self._sound.infer(**inputs))
        labels[:, labels.shape[1] // 2 :] = 7
        return Prediction(labels, confidence)


@pytest.mark.skipif("onnxruntime" not in engine.available(), reason="no onnxruntime here")
def test_lost_labels_are_found_on_the_probes(tmp_path: Path, red_bundle: Callable[..., Bundle]) -> None:
    bundle = red_bundle(tmp_path / "red")
    sound = engine.load(bundle, runtime="onnxruntime")
    reference = Reference(bundle)
    assert reference.agreement(sound) == 1.0
    assert 0.3 < reference.agreement(Broken(sound)) < 0.7


def test_without_a_reference_nothing_is_built(
    tmp_path: Path, red_bundle: Callable[..., Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = red_bundle(tmp_path / "red")
    monkeypatch.setattr("samseg_ros.engine.acceptance.find_spec", lambda name: None)
    with pytest.raises(EngineError, match="pip install onnxruntime"):
        Reference(bundle)
