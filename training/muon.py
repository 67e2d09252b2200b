# SPDX-License-Identifier: Apache-2.0
"""Muon, an optimiser for the matrices of a network: steps that turn in every direction by the same amount.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; the length of a step as of
Liu et al., "Muon is Scalable for LLM Training", arXiv 2502.16982, section 2.2: what AdamW's would be, so that
both take one learning rate. PyTorch's own (2.9 and later) takes no convolutions and computes in bfloat16,
which on a CPU without it takes as long as the rest of a training step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, distributed, nn

_STEPS = 5
_QUINTIC = (3.4445, -4.7750, 2.0315)  # steep at zero: singular values end between 0.7 and 1.2
_ADAMW = 0.2  # root mean square of what AdamW adds, about, in learning rates


def suits(name: str, parameter: nn.Parameter) -> bool:
    """Whether it is a matrix inside the network: not its first layer, its classifier, or depth-wise."""
    return parameter.ndim > 1 and parameter.shape[1] > 4 and "classifier" not in name


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal; a convolution [out, in, h, w] is the matrix [out, in h w].

    In a process group each process makes its share of the matrices orthogonal, and all get all of them.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, momentum: float = 0.95) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step along the gradients; there is no closure."""
        for group in self.param_groups:
            lr, keep = group["lr"], group["momentum"]
            learning = [one for one in group["params"] if one.grad is not None]
            ahead = []
            for parameter in learning:
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1.0 - keep)
                ahead.append(parameter.grad.lerp(state["momentum"], keep))  # Nesterov's
            for parameter, direction in zip(learning, _shared(ahead), strict=True):
                parameter.mul_(1.0 - lr * group["weight_decay"])
                parameter.add_(direction, alpha=-lr * _ADAMW * math.sqrt(max(parameter.flatten(1).shape)))


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix with orthogonal rows or columns, roughly, by Newton and Schulz; zero stays zero."""
    a, b, c = _QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    found = matrix.mT if tall else matrix
    found = found / found.norm().clamp(min=1e-7)
    for _ in range(_STEPS):
        square = found @ found.mT
        found = a * found + (b * square + c * square @ square) @ found
    return found.mT if tall else found


def _shared(tensors: list[Tensor]) -> list[Tensor]:
    ranks, rank = 1, 0
    if distributed.is_available() and distributed.is_initialized():
        ranks, rank = distributed.get_world_size(), distributed.get_rank()
    made = [
        orthogonal(one.flatten(1)).reshape(one.shape) if at % ranks == rank else torch.zeros_like(one)
        for at, one in enumerate(tensors)
    ]
    if ranks == 1 or not made:
        return made
    # The others' are zero here, so that the sum is all of them, the same bits in every process.
    together = torch.cat([one.flatten() for one in made])
    distributed.all_reduce(together)
    parts = together.split([one.numel() for one in made])
    return [part.view(one.shape) for part, one in zip(parts, made, strict=True)]
