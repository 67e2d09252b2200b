# SPDX-License-Identifier: Apache-2.0
"""What the processes of a run do together: sums, and scoring."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, distributed

Item = TypeVar("Item")


def several() -> bool:
    """Is this one of several processes, as torchrun starts them?"""
    return distributed.is_available() and distributed.is_initialized()


def part_at_exit() -> None:
    """Have this process leave the others when it ends, while Python still runs.

    To be called before they are joined. A thread of Gloo that drops a tensor after Python is gone aborts the
    process, so the group must be destroyed before, and its threads with it.
    """
    # Its functions take the group of the moment of their import as default arguments, and so keep it alive:
    # DistributedDataParallel imports it. Before there is a group they take none.
    import torch.distributed.nn.functional  # noqa: F401

    atexit.register(_part)


def _part() -> None:
    if several():
        distributed.destroy_process_group()
        gc.collect()  # what is left of DistributedDataParallel holds the group too


def share(items: Sequence[Item]) -> Sequence[Item]:
    """This process's part of `items`, which all processes have alike; all of them in a single one."""
    return items[distributed.get_rank() :: distributed.get_world_size()] if several() else items


def total(counts: np.ndarray) -> np.ndarray:
    """The sum of int64 `counts` over all processes, in each of them; in a single one `counts` itself."""
    if not several():
        return counts
    # NCCL knows tensors on GPUs alone, and Gloo those in memory.
    everywhere = torch.from_numpy(counts).to("cuda" if distributed.get_backend() == "nccl" else "cpu")
    distributed.all_reduce(everywhere)
    return everywhere.cpu().numpy()


def summed(value: Tensor) -> Tensor:
    """The sum of `value` over all processes; in a single one, `value` itself.

    A loss made of such sums is the same in every process. Its gradient flows to this process's part alone,
    times the number of processes: after DDP's mean over them, parameters have the gradient that one process
    with the whole batch would give them.

    Args:
        value: float, of the same shape in every process.
    """
    if not several():
        return value
    everywhere = value.detach().clone()
    distributed.all_reduce(everywhere)
    return everywhere + distributed.get_world_size() * (value - value.detach())
