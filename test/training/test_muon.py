# SPDX-License-Identifier: Apache-2.0
"""Muon: what it takes, and what its steps are like."""

import pytest
import torch
from torch import nn

from training import muon
from training.networks import segformer


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_a_step_goes_as_far_in_every_direction(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape) * torch.logspace(-1, 0, shape[1])  # as gradients are: some directions rule
    before = torch.linalg.svdvals(matrix)
    assert before.max() > 4 * before.min()
    values = torch.linalg.svdvals(muon.orthogonal(matrix))
    assert values.min() > 0.6 and values.max() < 1.3


def test_where_nothing_is_to_be_learned_nothing_changes() -> None:
    assert not muon.orthogonal(torch.zeros(3, 5)).any()


def test_it_takes_the_matrices_inside_a_segformer() -> None:
    network = segformer("b0", 11)
    taken = {name: one for name, one in network.named_parameters() if muon.suits(name, one)}
    assert not any("classifier" in name for name in taken)
    assert not any(name.startswith("model.segformer.stages.0.patch_embeddings") for name in taken)
    depthwise = [name for name, one in network.named_modules() if getattr(one, "groups", 1) > 1]
    assert depthwise and not any(f"{name}.weight" in taken for name in depthwise)
    share = sum(one.numel() for one in taken.values()) / sum(one.numel() for one in network.parameters())
    assert share > 0.95


def test_it_learns() -> None:
    torch.manual_seed(0)
    inputs, truth = torch.randn(256, 16), torch.randn(12, 16)
    weights = nn.Parameter(torch.zeros(12, 16))
    optimiser = muon.Muon([{"params": [weights]}], lr=0.3)
    losses = []
    for step in range(100):
        optimiser.param_groups[0]["lr"] = 0.3 * (1 - step / 100)
        loss = ((inputs @ (weights - truth).T) ** 2).mean()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < 1e-2 * losses[0]


def test_weights_decay_and_parameters_without_gradient_stay() -> None:
    moved, still = nn.Parameter(torch.ones(6, 6)), nn.Parameter(torch.ones(6, 6))
    moved.grad = torch.zeros(6, 6)
    muon.Muon([{"params": [moved, still], "weight_decay": 0.5}], lr=0.1).step()
    assert torch.equal(moved, torch.full((6, 6), 0.95)) and torch.equal(still, torch.ones(6, 6))
