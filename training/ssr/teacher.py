# SPDX-License-Identifier: Apache-2.0
"""The teacher of self-training: the student's weights, averaged over its steps."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def as_teacher(student: Network) -> Network:
    """A frozen copy of the student, ready to teach."""
    teacher = copy.deepcopy(student).requires_grad_(False)
    teaching(teacher)
    return teacher


def teaching(teacher: nn.Module) -> None:
    """Set the modes in which a teacher makes pseudo-labels, as DAFormer's authors do.

    Dropout and drop path are off. Batch normalisation uses the statistics of the batch that it sees, and goes
    on averaging them: the target's, where the student's are of source and mixed pictures.
    """
    teacher.eval()
    for module in teacher.modules():
        if isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm):
            module.train()


def decay(step: int, alpha: float) -> float:
    """a = min(1 − 1 / (step + 1), α).

    0 at step 0, where the teacher becomes the student; then it is the plain mean of all students, until α.
    """
    return min(1.0 - 1.0 / (step + 1), alpha)


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, step: int, alpha: float) -> None:
    """φ ← a φ + (1 − a) θ with a = decay(step, α), in place, over all parameters; buffers stay the teacher's.

    Args:
        teacher: φ. student: θ, of the same network.
        step: 0, 1, 2 …
        alpha: α in 0..1.
    """
    torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 1.0 - decay(step, alpha))
