# SPDX-License-Identifier: Apache-2.0
"""Scores from both streams and from either alone, by day and by night where the pictures tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from samseg_ros.labels import LabelSet
from samseg_ros.metrics import Confusion
from training.data.memory import Memory
from training.data.sample import Sample
from training.modalities import presences
from training.supervised.evaluate import Predictor, evaluate


@dataclass(frozen=True)
class HeldOut:
    """A set to score on.

    Attributes:
        samples: at least one.
        lights: of each of them "day", "night" or another word, None where nothing tells.
    """

    samples: Sequence[Sample]
    lights: Sequence[str | None]


def score(predictor: Predictor, part: HeldOut, memory: Memory, labels: LabelSet) -> dict[str, dict[str, Any]]:
    """Reports of `Confusion`, with the number of "images", by what a score's name ends in.

    "" is from both streams, "_rgb_only" and "_thermal_only" from one; a set in which thermal is missing has
    "" alone, from RGB. Where the samples have several lights each comes apart as well: "_night",
    "_night_rgb_only" … A class that is neither in the truth nor predicted is left out of the mean; the
    authors' code counts it as 0.
    """
    groups: dict[str | None, list[Sample]] = {}
    for sample, light in zip(part.samples, part.lights, strict=True):
        groups.setdefault(light, []).append(sample)
    thermal = memory.with_thermal and all(sample.thermal is not None for sample in part.samples)
    told: dict[str, dict[str, Any]] = {}
    apart: dict[str, dict[str, Any]] = {}
    for ending, present in presences(thermal).items():
        whole = Confusion(len(labels))
        for light, group in groups.items():
            found = evaluate(predictor, group, memory, labels, present)
            whole.counts += found.counts
            if light is not None and len(groups) > 1:
                apart[f"_{light}{ending}"] = {**found.report(labels), "images": len(group)}
        told[ending] = {**whole.report(labels), "images": len(part.samples)}
    return told | apart
