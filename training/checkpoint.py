# SPDX-License-Identifier: Apache-2.0
"""Checkpoints on disk: written whole or not at all, read without running code from them."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.draft import draft

NAME = "checkpoint.pt"
# What the restricted unpickler raises on bytes that are no pickle, besides what it raises on purpose.
UNREADABLE = (
    pickle.UnpicklingError,
    struct.error,
    RuntimeError,
    EOFError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
)


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists and dicts of them) to `path`, whole or not at all."""
    with draft(path) as temporary:
        torch.save(dict(state), temporary)


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote, on the CPU.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a checkpoint, or one that holds more than tensors and plain values.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No checkpoint {path}: give the folder of a run that has saved one.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise ValueError(f"{path} is not a readable checkpoint: delete it to start over.") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds no checkpoint of a run: give the folder of a run.")
    return state


def weights(run: Path) -> dict[str, Tensor]:
    """The network of a run as it should be used: its averaged weights if it kept an average.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """
    state = load(run / NAME)
    try:
        found: dict[str, Tensor] = state["average"] or state["network"]
    except KeyError as error:
        raise ValueError(f"{run / NAME} holds no network: give the folder of a run.") from error
    return found
