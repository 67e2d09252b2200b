# SPDX-License-Identifier: Apache-2.0
"""CMX on two MiT encoders: what reaches what, and either stream alone."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.networks import segformer
from training.sartm.two_branch import TwoBranch, two_branch

BOTH, RGB, THERMAL = [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]
CLASSES = 5


def made() -> TwoBranch:
    torch.manual_seed(0)
    return two_branch("b0", CLASSES, drop_path=0.0, dropout=0.0, decoder=32)


@pytest.fixture(scope="module")
def network() -> TwoBranch:
    return made().eval()


def picture(seed: int = 0, count: int = 1) -> Tensor:
    return torch.randn(count, 4, 64, 96, generator=torch.Generator().manual_seed(seed))


def test_logits_are_a_quarter_of_the_picture(network: TwoBranch) -> None:
    with torch.no_grad():
        assert network(picture(count=2), torch.tensor([BOTH, RGB])).shape == (2, CLASSES, 16, 24)


@pytest.mark.parametrize("channel", [0, 1, 2, 3])
def test_each_channel_reaches_the_logits(network: TwoBranch, channel: int) -> None:
    one, other = picture(), picture()
    other[:, channel] = -other[:, channel]
    with torch.no_grad():
        seen, changed = (network(image, torch.tensor([BOTH])) for image in (one, other))
    assert float((seen - changed).abs().max()) > 1e-4


@pytest.mark.parametrize(("present", "hidden"), [(RGB, [3]), (THERMAL, [0, 1, 2])])
def test_what_a_missing_stream_holds_changes_nothing(
    network: TwoBranch, present: list[float], hidden: list[int]
) -> None:
    one, other = picture(), picture()
    other[:, hidden] = 100.0
    with torch.no_grad():
        assert torch.equal(network(one, torch.tensor([present])), network(other, torch.tensor([present])))
        assert not torch.equal(network(one, torch.tensor([present])), network(one, torch.tensor([BOTH])))


def test_one_batch_mixes_pictures_with_and_without_a_stream(network: TwoBranch) -> None:
    image, present = picture(count=3), torch.tensor([BOTH, RGB, THERMAL])
    with torch.no_grad():
        together = network(image, present)
        apart = [network(image[i : i + 1], present[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-4, atol=1e-4)


def test_the_next_stage_sees_what_was_rectified(network: TwoBranch) -> None:
    rectified: list[tuple[Tensor, Tensor]] = []
    seen: dict[str, Tensor] = {}
    hooks = [
        network.fusion.rectify[0].register_forward_hook(lambda module, given, told: rectified.append(told)),
        network.rgb.model.segformer.stages[1].register_forward_pre_hook(
            lambda module, given: seen.__setitem__("rgb", given[0])
        ),
        network.thermal.stages[1].register_forward_pre_hook(
            lambda module, given: seen.__setitem__("thermal", given[0])
        ),
    ]
    with torch.no_grad():
        network(picture(), torch.tensor([BOTH]))
    for hook in hooks:
        hook.remove()
    ((rgb, thermal),) = rectified
    assert torch.equal(seen["rgb"], rgb) and torch.equal(seen["thermal"], thermal)
    assert not torch.equal(rgb, thermal)


def test_all_of_it_learns() -> None:
    network = made().train()
    network(picture(count=2), torch.tensor([BOTH, BOTH])).square().mean().backward()
    without = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.any()]
    # A bias before a normalisation over the batch moves nothing.
    assert [name for name in without if not name.endswith("bias")] == []
    encoder = sum(one.numel() for one in network.thermal.parameters())
    whole = segformer("b0", CLASSES, decoder=32)
    alone = sum(one.numel() for one in whole.parameters())
    fusion = sum(one.numel() for one in network.fusion.parameters())
    assert sum(one.numel() for one in network.parameters()) == alone + encoder + fusion


def test_both_encoders_start_from_the_same_weights(tmp_path: Path) -> None:
    segformer("b0", CLASSES, decoder=32).model.save_pretrained(tmp_path)
    network = two_branch("b0", CLASSES, decoder=32, weights=tmp_path)
    own = network.rgb.model.segformer.state_dict()
    assert own.keys() == network.thermal.state_dict().keys()
    assert all(torch.equal(own[name], value) for name, value in network.thermal.state_dict().items())
