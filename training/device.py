# SPDX-License-Identifier: Apache-2.0
"""Where a run computes."""

from __future__ import annotations

from typing import Literal

import torch


def uses_gpu(choice: Literal["auto", "cpu", "cuda"]) -> bool:
    """Whether `loop.device` means a GPU here.

    Raises:
        ValueError: it asks for one, and there is none.
    """
    found = torch.cuda.is_available()
    if choice == "cuda" and not found:
        raise ValueError("loop.device is cuda, but PyTorch finds no GPU here: set loop.device=auto.")
    return found and choice != "cpu"
