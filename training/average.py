# SPDX-License-Identifier: Apache-2.0
"""Exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The average of the weights seen so far; integer buffers are copied.

    Args:
        network: whose weights to follow.
        decay: of the average after many steps. After n steps it is at most n / (n + 10), so that the random
            first weights are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def to(self, device: torch.device) -> None:
        """Move the average to where the network is."""
        self.state = {name: value.to(device) for name, value in self.state.items()}

    def load(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Continue from an average saved after `steps` steps."""
        for name, value in self.state.items():
            value.copy_(state[name])
        self.steps = steps

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the network's present weights."""
        self.steps += 1
        share = 1.0 - min(self.decay, self.steps / (self.steps + 10))
        old, new = [], []
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                old.append(self.state[name])
                new.append(value)
            else:
                self.state[name].copy_(value)
        torch._foreach_lerp_(old, new, share)

    def copy_to(self, network: nn.Module) -> None:
        """Give the network the averaged weights."""
        network.load_state_dict(self.state)

    @contextmanager
    def applied(self, network: nn.Module) -> Iterator[None]:
        """The network has the averaged weights inside the block, and its own again after it."""
        own = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.copy_to(network)
        try:
            yield
        finally:
            network.load_state_dict(own)
