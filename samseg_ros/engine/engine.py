# SPDX-License-Identifier: Apache-2.0
"""What every inference runtime offers: one small protocol."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple, Protocol

import numpy as np

from samseg_ros.bundle import Bundle

PRECISIONS = ("auto", "fp32", "fp16", "bf16", "int8")  # that can be asked for
ATTENTION_FP32 = "fp16 with fp32 attention"  # what is tried where fp16 all through will not do

Tell = Callable[[str], None]
"""Hears what a load is at and what a person should know of it, in phrases: "building the engine, fp16"."""

log: Tell = logging.getLogger("samseg_ros").info


class EngineError(RuntimeError):
    """A runtime that is missing or cannot run a bundle; the message says in one sentence what to do."""


class Prediction(NamedTuple):
    """`labels` uint8 [h, w] class ids (255: none), `confidence` uint8 [h, w], probability × 255."""

    labels: np.ndarray
    confidence: np.ndarray


class Engine(Protocol):
    """A bundle made ready on one runtime. Not for two threads at once."""

    runtime: str  # e.g. "openvino"
    version: str
    device: str  # as the runtime names it, e.g. "CPU"
    precision: str  # what it computes in: "fp32", "bf16", …
    fallback: str  # why not in fewer bits, where that was tried: "fp16 agrees with … on 93.1 % …"; else ""

    def infer(self, **inputs: np.ndarray) -> Prediction:
        """One frame through the network.

        `image` uint8 [h, w, 3] BGR at the network's size; RGB-thermal bundles also take `thermal` uint8
        [h, w] and `present` float32 [2]. The arrays returned are the caller's until the next call.
        ValueError where an input has another name, shape or dtype; EngineError where the runtime fails.
        """
        ...


def check_inputs(bundle: Bundle, inputs: dict[str, np.ndarray]) -> None:
    """ValueError, in one sentence, unless `inputs` is just what the bundle's graph takes."""
    if set(inputs) != set(bundle.inputs):
        raise ValueError(
            f"bundle '{bundle.name}' takes {', '.join(bundle.inputs)}; "
            f"it was given {', '.join(inputs) or 'nothing'}."
        )
    shapes = {"image": (*bundle.size, 3), "thermal": bundle.size, "present": (2,)}
    for name, array in inputs.items():
        dtype = np.float32 if name == "present" else np.uint8
        if array.shape != shapes[name] or array.dtype != dtype:
            raise ValueError(
                f"input '{name}' is {array.dtype} {list(array.shape)}; bundle '{bundle.name}' takes "
                f"{np.dtype(dtype)} {list(shapes[name])}."
            )


def precision_tools(step: str) -> ModuleType:
    """`samseg_ros.engine.precision`, which needs a package that few engines do; EngineError without it."""
    try:
        from samseg_ros.engine import precision
    except ImportError as error:
        raise EngineError(f"{step} needs the package onnx; pip install onnx.") from error
    return precision
