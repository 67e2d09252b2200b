# SPDX-License-Identifier: Apache-2.0
"""How a run trains, whatever it trains: device, precision, averaging, checkpoints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.config import Strict

# "enet" weighs rare classes up, "sqrt_enet" by the root of that: `training.class_weights`.
ClassWeights = Literal["none", "sqrt_enet", "enet"]


class Loop(Strict):
    """How to train, whatever is trained.

    Attributes:
        device: "auto" takes a GPU when there is one.
        precision: "32-true", or "bf16-mixed" where the hardware has bfloat16.
        threads: of PyTorch on the CPU; None leaves its default.
        compile: torch.compile; a minute or more at the start, for each size of crop.
        optimiser: "adamw", or "muon" for the matrices and AdamW for the rest (`training.muon`).
        weight_decay: for weights of two or more dimensions only.
        clip: largest norm of the gradient; None does not clip.
        average: decay of the exponential moving average of the weights, None keeps none. The average starts
            as a plain mean, so short runs are not dominated by the first weights.
        validate_every, save_every: steps; the last step always does both.
        tensorboard: write event files into the run folder.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    threads: int | None = Field(default=None, gt=0)
    compile: bool = False
    optimiser: Literal["adamw", "muon"] = "adamw"
    weight_decay: float = Field(default=0.05, ge=0)
    clip: float | None = Field(default=1.0, gt=0)
    average: float | None = Field(default=0.999, gt=0, lt=1)
    validate_every: int = Field(default=1000, gt=0)
    save_every: int = Field(default=200, gt=0)
    tensorboard: bool = False
