# SPDX-License-Identifier: Apache-2.0
import io
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from training.sartm.auxiliary import AuxiliaryHead

CHANNELS = (4, 8, 16)


def features(
    batch: int = 2, sizes: tuple[tuple[int, int], ...] = ((12, 20), (6, 10), (3, 5))
) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [
        torch.randn(batch, width, *size, generator=random)
        for width, size in zip(CHANNELS, sizes, strict=True)
    ]


def test_levels_are_added_up_by_hand() -> None:
    head = AuxiliaryHead(1, (1, 1, 1))
    for parameter in head.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        head.project[0].weight.fill_(2.0)
        head.project[0].bias.fill_(1.0)
        head.project[1].weight.fill_(3.0)
        head.classifier.weight[0, 0, 1] = torch.tensor([1.0, 1.0, 0.0])  # a pixel and its left neighbour
        head.classifier.bias.fill_(0.5)
    ffp = torch.tensor([[[[0.0, 1.0, 0.0, 2.0]]]])
    ifp = torch.tensor([[[[0.0, 4.0]]]])
    sfm = torch.tensor([[[[5.0]]]])
    # SFM everywhere 5, and three times IFP: 5, 17. Upsampled, corners not aligned: 5, 8, 14, 17.
    # And 2 FFP + 1 = 1, 3, 1, 5: 6, 11, 15, 22.
    assert head([ffp, ifp, sfm]).flatten().tolist() == pytest.approx([6.5, 17.5, 26.5, 37.5])


def test_the_parameters_are_those_of_the_published_widths() -> None:
    count = sum(parameter.numel() for parameter in AuxiliaryHead(5).parameters())
    assert count == (32 * 256 + 256) + (64 * 256 + 256) + (256 * 9 * 5 + 5)


@pytest.mark.parametrize("classes", [1, 5, 11])
@pytest.mark.parametrize(
    "sizes", [((12, 20), (6, 10), (3, 5)), ((13, 9), (7, 5), (4, 3)), ((2, 3), (1, 1), (1, 1))]
)
def test_any_class_count_and_size(classes: int, sizes: tuple[tuple[int, int], ...]) -> None:
    torch.manual_seed(0)
    logits = AuxiliaryHead(classes, CHANNELS)(features(3, sizes))
    assert logits.shape == (3, classes, *sizes[0])
    assert 0 < float(logits.detach().std()) < 1


def test_gradients_reach_everything() -> None:
    head, levels = AuxiliaryHead(5, CHANNELS), [one.requires_grad_() for one in features()]
    head(levels).square().mean().backward()
    assert all(one.grad is not None and one.grad.any() for one in [*levels, *head.parameters()])


def test_nothing_is_made_while_running() -> None:
    head = AuxiliaryHead(5, CHANNELS).train()
    before, modules = {name: one.clone() for name, one in head.state_dict().items()}, list(head.modules())
    random = torch.get_rng_state()
    first, second = head(features()), head(features())
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), random)
    assert list(head.modules()) == modules
    after = head.state_dict()
    assert list(after) == list(before) and all(torch.equal(after[name], before[name]) for name in before)


class Flat(nn.Module):
    """The head with its levels as single inputs."""

    def __init__(self, head: AuxiliaryHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, *levels: Tensor) -> Tensor:
        return self.head(levels)


def test_the_exported_graph_agrees() -> None:
    torch.manual_seed(0)
    flat, levels = Flat(AuxiliaryHead(11, CHANNELS)).eval(), features(1, ((13, 9), (7, 5), (4, 3)))
    stream, names = io.BytesIO(), ["ffp", "ifp", "sfm"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, of shapes that become constant
        torch.onnx.export(flat, tuple(levels), stream, input_names=names, opset_version=17, dynamo=False)
    session = onnxruntime.InferenceSession(stream.getvalue(), providers=["CPUExecutionProvider"])
    found = session.run(None, {name: one.numpy() for name, one in zip(names, levels, strict=True)})[0]
    with torch.no_grad():
        np.testing.assert_allclose(found, flat(*levels).numpy(), atol=1e-5, rtol=1e-4)
