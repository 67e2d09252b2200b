# SPDX-License-Identifier: Apache-2.0
"""An engine serves only after its labels agree with the reference; else the next more exact one is tried.

Networks with attention lose their labels in fp16 often enough, and nothing but the labels shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from samseg_ros.bundle import Bundle
from samseg_ros.engine.engine import ATTENTION_FP32, Engine, EngineError, Prediction, Tell
from samseg_ros.engine.plans import Key, Plan, Plans
from samseg_ros.engine.probes import probes

MIN_AGREEMENT = 0.99
CONFIDENT = 128  # of 255: where the reference is less sure, either answer may be the right one

# What is tried for a precision that was asked for, in this order.
STEPS = {
    "int8": ("int8", "fp16", ATTENTION_FP32, "bf16", "fp32"),
    "fp16": ("fp16", ATTENTION_FP32, "bf16", "fp32"),
    "bf16": ("bf16", "fp32"),
    "fp32": ("fp32",),
}


def agreement(reference: Sequence[Prediction], tried: Sequence[Prediction]) -> float:
    """The share, 0…1, of pixels with the same label, of those where the reference is confident.

    Where less than 1 % are, all pixels count.
    """
    same = np.concatenate([(a.labels == b.labels).ravel() for a, b in zip(reference, tried, strict=True)])
    sure = np.concatenate([(one.confidence >= CONFIDENT).ravel() for one in reference])
    return float(same[sure].mean() if sure.mean() >= 0.01 else same.mean())


class Reference:
    """What ONNX Runtime, or else OpenVINO, makes of the probes in fp32 on the CPU; it runs when first asked.

    EngineError where neither is installed.
    """

    def __init__(self, bundle: Bundle) -> None:
        if not any(map(find_spec, ("onnxruntime", "openvino"))):
            raise EngineError(
                "an engine is compared with ONNX Runtime before it serves; pip install onnxruntime."
            )
        self._bundle = bundle
        self._inputs = probes(bundle)
        self._answers: list[Prediction] | None = None

    def agreement(self, engine: Engine) -> float:
        """As :func:`agreement`, of this engine on the probes."""
        if self._answers is None:
            self._answers = self._run(_exact(self._bundle))
        return agreement(self._answers, self._run(engine))

    def _run(self, engine: Engine) -> list[Prediction]:
        return [Prediction(*(part.copy() for part in engine.infer(**one))) for one in self._inputs]


def first_accepted(
    precision: str, minimum: float, attempt: Callable[[str], tuple[Engine | None, float]], tell: Tell
) -> Engine:
    """The engine of the first of STEPS[`precision`] that agrees with the reference on `minimum` or more.

    `attempt` makes the engine of a step and says how far it agrees; it raises EngineError where it cannot,
    and may give None in place of an engine that is already known to agree on less.
    What was passed over stands in the engine's `fallback`. EngineError where no step is good enough.
    """
    passed: list[str] = []
    refusals: list[EngineError] = []
    for step in STEPS[precision]:
        if passed:
            tell(f"{passed[-1]}; trying {step}")
        try:
            engine, found = attempt(step)
        except EngineError as error:
            passed.append(f"{step}: {str(error).rstrip('.')}")
            refusals.append(error)
            continue
        if engine is not None and found >= minimum:
            engine.fallback = "; ".join(passed)
            return engine
        passed.append(f"{step} agrees with the reference on {found:.1%} of confident pixels")
    if len(refusals) == len(passed) and len({str(error) for error in refusals}) == 1:
        raise refusals[0]  # it is no matter of precision
    raise EngineError(f"no engine can be trusted: {'; '.join(passed)}; {minimum:.1%} is asked for.")


class Builder(Protocol):
    """Makes plans of one bundle, and engines of plans, on one GPU; each raises EngineError if it cannot."""

    driver: str

    def key(self, step: str) -> Key: ...

    def build(self, step: str) -> bytes: ...

    def engine(self, plan: bytes, step: str) -> Engine: ...


def first_accepted_plan(
    builder: Builder, plans: Plans, reference: Reference, precision: str, minimum: float, tell: Tell
) -> Engine:
    """As :func:`first_accepted`, of plans: each is built and compared once, and then known for the next time.

    It is compared again after a change of the driver, which has its part in what a plan computes.
    """

    def attempt(step: str) -> tuple[Engine | None, float]:
        key = builder.key(step)
        with plans.locked(key, tell):
            plan, engine = plans.read(key, tell), None
            known = plan.agreement if plan is not None and plan.driver == builder.driver else None
            if known is not None and known < minimum:
                return None, known
            if plan is not None:
                try:
                    engine = builder.engine(plan.data, step)
                except EngineError as error:
                    tell(f"the plan of {step} cannot be used and is built anew: {error}")
            if plan is None or engine is None:
                tell(f"building the engine, {step}")
                plan, known = Plan(builder.build(step)), None
                engine = builder.engine(plan.data, step)
            if known is None:
                tell(f"checking the engine, {step}")
                known = reference.agreement(engine)
                plans.write(key, Plan(plan.data, known, builder.driver), tell)
            return engine, known

    return first_accepted(precision, minimum, attempt, tell)


def _exact(bundle: Bundle) -> Engine:
    if find_spec("onnxruntime") is not None:
        from samseg_ros.engine.onnxruntime import ONNXRuntimeEngine

        return ONNXRuntimeEngine(bundle)
    from samseg_ros.engine.openvino import OpenVINOEngine

    return OpenVINOEngine(bundle, precision="fp32")
