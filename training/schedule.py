# SPDX-License-Identifier: Apache-2.0
"""How far a run is, and the learning rate there."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from training.config import Strict


class Schedule(Strict):
    """Length of a run and its learning rate.

    Attributes:
        steps: optimiser steps of the whole run.
        max_minutes: wall-clock budget, training time only, summed over resumptions. With it, progress is the
            larger of the fractions of steps and of minutes, so the rate reaches its end when the first of
            them is used up. A run cut short by time depends on the machine's speed; only one bounded by
            steps alone is repeatable.
        lr: highest learning rate.
        warmup: fraction of the run over which the rate rises linearly from zero.
        decay: "poly" is (1 - progress) ** power, "cosine" is half a cosine; both end at zero.
        power: of "poly".
    """

    steps: int = Field(gt=0)
    max_minutes: float | None = Field(default=None, gt=0)
    lr: float = Field(default=1e-3, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    decay: Literal["poly", "cosine"] = "poly"
    power: float = Field(default=1.0, gt=0)


def progress(schedule: Schedule, step: int, seconds: float) -> float:
    """Fraction of the run that is over after `step` steps and `seconds` of training, 0..1."""
    used = step / schedule.steps
    if schedule.max_minutes is not None:
        used = max(used, seconds / (60.0 * schedule.max_minutes))
    return min(used, 1.0)


def learning_rate(schedule: Schedule, done: float) -> float:
    """The learning rate at `done`, the fraction of the run that is over."""
    if done < schedule.warmup:
        # Half a thousandth keeps the very first step from being spent on a rate of zero.
        return schedule.lr * max(done / schedule.warmup, 5e-4)
    left = 1.0 - (done - schedule.warmup) / (1.0 - schedule.warmup)
    if schedule.decay == "poly":
        return schedule.lr * left**schedule.power
    return schedule.lr * 0.5 * (1.0 - math.cos(math.pi * left))
