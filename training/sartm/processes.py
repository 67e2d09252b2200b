# SPDX-License-Identifier: Apache-2.0
"""Sums over the processes of a run, so that a loss is that of the whole batch."""

from __future__ import annotations

from torch import Tensor, distributed


def summed(value: Tensor) -> Tensor:
    """The sum of `value` over all processes; in a single one, `value` itself.

    A loss made of such sums is the same in every process. Its gradient flows to this process's part alone,
    times the number of processes: after DDP's mean over them, parameters have the gradient that one process
    with the whole batch would give them.

    Args:
        value: float, of the same shape in every process.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total + distributed.get_world_size() * (value - value.detach())
