# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from training.average import Average


def test_the_average_by_hand() -> None:
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.0)
    average = Average(network, decay=0.5)
    for value in (1.0, 2.0):
        with torch.no_grad():
            network.weight.fill_(value)
        average.update(network)
    # After one step the decay is min(0.5, 1 / 11), after two min(0.5, 2 / 12).
    first = 10 / 11
    assert float(average.state["weight"]) == pytest.approx(first * 2 / 12 + 2.0 * 10 / 12)


def test_the_network_gets_its_own_weights_back() -> None:
    network = nn.BatchNorm1d(2)
    average = Average(network, decay=0.9)
    network(torch.randn(4, 2))
    own = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(RuntimeError, match="inside"), average.applied(network):
        assert int(network.num_batches_tracked) == 0  # type: ignore[arg-type]
        raise RuntimeError("inside")
    assert all(torch.equal(value, own[name]) for name, value in network.state_dict().items())
