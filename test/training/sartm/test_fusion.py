# SPDX-License-Identifier: Apache-2.0
import io
import math
import warnings
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from training.modalities import BOTH, RGB_ONLY, THERMAL_ONLY, Present
from training.sartm.fusion import CrossPath, FeatureFusion, FeatureRectify, Fusion

CHANNELS, HEADS = (4, 8, 16), (1, 2, 4)
SIZES = ((13, 9), (7, 5), (4, 3))  # odd, and not halves of each other
MIXED = (BOTH, RGB_ONLY, THERMAL_ONLY, BOTH)

Levels = list[Tensor]


def sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))


def levels(seed: int, batch: int = len(MIXED)) -> Levels:
    random = torch.Generator().manual_seed(seed)
    return [
        torch.randn(batch, width, *size, generator=random)
        for width, size in zip(CHANNELS, SIZES, strict=True)
    ]


@torch.no_grad()
def made() -> Fusion:
    """A fusion in which every bias and every statistic does something."""
    torch.manual_seed(0)
    fusion = Fusion(CHANNELS, HEADS)
    for name, tensor in fusion.state_dict().items():
        if name.endswith("bias") or name.endswith("running_mean"):
            tensor.normal_()
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 2:
            tensor.normal_(std=0.3)
    return fusion.eval()


@pytest.fixture(scope="module")
def fusion() -> Fusion:
    return made()


def test_streams_are_rectified_by_hand() -> None:
    # One channel, two pixels. What is pooled: mean 2 and 1, maximum 3 and 4.
    rgb, thermal = torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[-2.0, 4.0]]]])
    rectify = FeatureRectify(1)
    for parameter in rectify.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        rectify.channel[0].weight.copy_(torch.eye(4))
        # The weight of RGB is of its mean and the maximum of thermal, that of thermal of its mean.
        rectify.channel[2].weight.copy_(torch.tensor([[1.0, 0.0, 0.0, 0.25], [0.0, -1.0, 0.0, 0.0]]))
        # The pixels' weight of RGB is of what thermal shows, that of thermal a constant.
        rectify.spatial[0].weight[0, :, 0, 0] = torch.tensor([0.0, 1.0])
        rectify.spatial[2].weight[:, 0, 0, 0] = torch.tensor([0.5, 0.0])
        rectify.spatial[2].bias[1] = math.log(3.0)
        first, second = rectify(rgb, thermal, torch.ones(1, 2))
    of_thermal = 0.5 * sigmoid(-1.0) + 0.5 * 0.75
    assert first.flatten().tolist() == pytest.approx(
        [1.0 - 2.0 * of_thermal, 3.0 + 4.0 * of_thermal], abs=1e-6
    )
    left, right = (0.5 * sigmoid(3.0) + 0.5 * sigmoid(0.5 * seen) for seen in (0.0, 4.0))
    assert second.flatten().tolist() == pytest.approx([-2.0 + left, 4.0 + 3.0 * right], abs=1e-6)


def test_attention_by_hand() -> None:
    cross = CrossPath(2, 1)
    for parameter in cross.parameters():
        nn.init.zeros_(parameter)
    twice = torch.cat([torch.eye(2), torch.eye(2)])
    with torch.no_grad():
        for stream in range(2):
            cross.project[stream].weight.copy_(twice)
            cross.key_value[stream].weight.copy_(twice)
            cross.norm[stream].weight.fill_(1.0)
        # Of the first stream only the answer is taken, of the second only what it kept.
        cross.out[0].weight[:, 2:] = torch.eye(2)
        cross.out[1].weight[:, :2] = torch.eye(2)
        rgb = torch.tensor([[[1.0, 3.0], [2.0, 0.0]]])
        thermal = torch.tensor([[[1.0, -5.0], [0.0, 1.0]]])
        first, second = cross([rgb, thermal], torch.ones(1, 2))
    # U_2 = [[1, 0], [0, 1]], so KᵀV / √2 = I / √2; each column of G is a softmax of (0.7071, 0).
    high = math.exp(math.sqrt(0.5)) / (1.0 + math.exp(math.sqrt(0.5)))
    answers = [[high + 3 * (1 - high), (1 - high) + 3 * high], [2 * high, 2 * (1 - high)]]
    expected = torch.nn.functional.layer_norm(rgb + torch.tensor([answers]), (2,))
    torch.testing.assert_close(first, expected)
    expected = torch.nn.functional.layer_norm(thermal + thermal.relu(), (2,))
    torch.testing.assert_close(second, expected)


def test_heads_attend_apart() -> None:
    # Two heads of one channel each: a softmax of one number is 1, so every answer is the question.
    torch.manual_seed(0)
    cross = CrossPath(2, 2)
    streams = [torch.randn(1, 5, 2) for _ in range(2)]
    with torch.no_grad():
        found = cross(streams, torch.ones(1, 2))[0]
        kept, asked = cross.project[0](streams[0]).relu().chunk(2, -1)
        expected = cross.norm[0](streams[0] + cross.out[0](torch.cat([kept, asked], -1)))
    torch.testing.assert_close(found, expected)


def test_streams_are_mixed_as_the_equation_has_it() -> None:
    torch.manual_seed(0)
    fuse = FeatureFusion(4, 2).train()
    streams = [torch.randn(2, 4, 3, 5) for _ in range(2)]
    with torch.no_grad():
        found = fuse(*streams, torch.ones(2, 2))
        tokens = fuse.cross([one.flatten(2).transpose(1, 2) for one in streams], torch.ones(2, 2))
        joined = torch.cat(tokens, -1).transpose(1, 2).reshape(2, 8, 3, 5)

        def normalised(feature: Tensor) -> Tensor:
            mean = feature.mean((0, 2, 3), keepdim=True)
            return (feature - mean) / (feature.var((0, 2, 3), keepdim=True, correction=0) + 1e-5).sqrt()

        narrow, near, _, wide, _ = fuse.embed
        expected = normalised(fuse.residual(joined) + normalised(wide(near(narrow(joined)).relu())))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert found.shape == streams[0].shape


def test_the_parameters_are_those_of_the_published_widths() -> None:
    def expected(c: int) -> int:
        rectify = 16 * c * c + 4 * c + 8 * c * c + 2 * c + 2 * c * c + c + 2 * c + 2
        cross = 2 * (2 * c * c + 2 * c + 2 * c * c + 2 * c * c + c + 2 * c)
        mix = 2 * c * c + (2 * c * c + c) + (9 * c + c) + (c * c + c) + 2 * c + 2 * c
        return rectify + cross + mix

    count = sum(parameter.numel() for parameter in Fusion().parameters())
    assert count == sum(expected(c) for c in (32, 64, 256))


def spoil_with_noise(feature: Tensor) -> Tensor:
    return 1e4 * torch.randn_like(feature)


def spoil_with_nonsense(feature: Tensor) -> Tensor:
    ill = torch.full_like(feature, float("nan"))
    ill[..., 0] = float("inf")
    return ill


@pytest.mark.parametrize("spoil", [spoil_with_noise, spoil_with_nonsense, torch.zeros_like])
@pytest.mark.parametrize("training", [False, True])
def test_a_missing_stream_adds_nothing(spoil: Callable[[Tensor], Tensor], training: bool) -> None:
    present = torch.tensor(MIXED)

    def run(spoilt: bool) -> tuple[Levels, dict[str, Tensor]]:
        fusion = made().train(training)
        streams = [levels(1), levels(2)]
        if spoilt:
            for stream, flags in zip(streams, present.unbind(1), strict=True):
                for feature in stream:
                    feature[flags == 0] = spoil(feature[flags == 0])
        leaves = [feature.requires_grad_() for stream in streams for feature in stream]
        results = [one for group in fusion(*streams, present) for one in group]
        torch.stack([one.square().mean() for one in results]).sum().backward()
        for stream, flags in zip((leaves[:3], leaves[3:]), present.unbind(1), strict=True):
            for feature in stream:
                assert feature.grad is not None and (feature.grad[flags == 0] == 0).all()
        learned = {name: parameter.grad for name, parameter in fusion.named_parameters()}
        assert all(gradient is not None and gradient.isfinite().all() for gradient in learned.values())
        return results, learned | dict(fusion.named_buffers())

    (clean, learned), (spoilt, learned_spoilt) = run(False), run(True)
    assert all(one.isfinite().all() for one in spoilt)
    assert all(torch.equal(one, two) for one, two in zip(clean, spoilt, strict=True))
    assert all(torch.equal(value, learned_spoilt[name]) for name, value in learned.items())


def test_rectification_takes_nothing_from_a_missing_stream(fusion: Fusion) -> None:
    rgb, thermal = levels(1), levels(2)
    with torch.no_grad():
        rectified_rgb, rectified_thermal, _ = fusion(rgb, thermal, torch.tensor(MIXED))
    for stream, rectified, alone, missing in (
        (rgb, rectified_rgb, 1, 2),
        (thermal, rectified_thermal, 2, 1),
    ):
        for before, after in zip(stream, rectified, strict=True):
            assert torch.equal(after[alone], before[alone])
            assert (after[missing] == 0).all()
            assert not torch.isclose(after[0], before[0]).all()


def test_the_streams_that_are_there_reach_what_is_fused(fusion: Fusion) -> None:
    present = torch.tensor(MIXED)
    with torch.no_grad():
        before = fusion(levels(1), levels(2), present)[2]
        for streams, reached in (((3, 2), [0, 1, 3]), ((1, 3), [0, 2, 3])):
            after = fusion(*(levels(seed) for seed in streams), present)[2]
            for one, two in zip(before, after, strict=True):
                changed = (one != two).flatten(1).any(1)
                assert changed.nonzero().flatten().tolist() == reached


def test_samples_of_all_kinds_mix(fusion: Fusion) -> None:
    rgb, thermal, present = levels(1), levels(2), torch.tensor(MIXED)
    with torch.no_grad():
        together = fusion(rgb, thermal, present)
        for sample in range(len(MIXED)):
            own = slice(sample, sample + 1)
            alone = fusion([one[own] for one in rgb], [one[own] for one in thermal], present[own])
            for group, single in zip(together, alone, strict=True):
                for one, two in zip(group, single, strict=True):
                    torch.testing.assert_close(one[own], two, atol=1e-5, rtol=1e-4)
    for one, feature in zip(together[2], rgb, strict=True):
        assert one.shape == feature.shape


def test_neither_stream_gives_a_constant(fusion: Fusion) -> None:
    with torch.no_grad():
        first, second = (fusion(levels(seed), levels(seed), torch.zeros(4, 2)) for seed in (1, 2))
    for group, other in zip(first, second, strict=True):
        assert all(
            one.isfinite().all() and torch.equal(one, two) for one, two in zip(group, other, strict=True)
        )


def test_statistics_are_of_all_samples() -> None:
    torch.manual_seed(0)
    fuse = FeatureFusion(4, 1).train()
    streams = [torch.randn(3, 4, 5, 5) for _ in range(2)]
    fused = fuse(*streams, torch.tensor([BOTH, RGB_ONLY, THERMAL_ONLY]))
    torch.testing.assert_close(fused.mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(fused.var((0, 2, 3), correction=0), torch.ones(4), atol=1e-3, rtol=0)


@pytest.mark.parametrize("presence", [BOTH, RGB_ONLY, THERMAL_ONLY])
def test_gradients_reach_what_is_there(presence: Present) -> None:
    fusion = made().train()
    rgb, thermal = ([one.requires_grad_() for one in levels(seed)] for seed in (1, 2))
    present = torch.tensor(presence).expand(len(MIXED), 2)
    fused = fusion(rgb, thermal, present)[2]
    random = torch.Generator().manual_seed(3)
    # The mean of a normalised feature has no gradient; a weighted one has.
    torch.stack([(one * torch.randn(one.shape, generator=random)).mean() for one in fused]).sum().backward()
    for stream, there in zip((rgb, thermal), presence, strict=True):
        for one in stream:
            assert one.grad is not None and bool(one.grad.any()) == bool(there)
    silent = {name for name, parameter in fusion.named_parameters() if not parameter.grad.any()}
    if presence == BOTH:
        # What is constant over the map, the normalisation after it takes away.
        assert all(name.endswith("embed.3.bias") for name in silent)
    else:
        missing = presence.index(0.0)
        assert any(f"cross.out.{missing}.weight" in name for name in silent)
        assert any("rectify" in name for name in silent)
    assert all(parameter.grad is not None for parameter in fusion.parameters())


def test_nothing_is_made_while_running(fusion: Fusion) -> None:
    before = {name: value.clone() for name, value in fusion.state_dict().items()}
    modules = [id(module) for module in fusion.modules()]
    with torch.no_grad():
        fusion(levels(1), levels(2), torch.tensor(MIXED))
    assert [id(module) for module in fusion.modules()] == modules
    after = fusion.state_dict()
    assert list(after) == list(before) and all(torch.equal(after[name], before[name]) for name in before)


def test_autocast_is_close(fusion: Fusion) -> None:
    present = torch.tensor(MIXED)
    with torch.no_grad():
        plain = fusion(levels(1), levels(2), present)
        with torch.autocast("cpu", torch.bfloat16):
            coarse = fusion(levels(1), levels(2), present)
    for group, rough in zip(plain, coarse, strict=True):
        for one, two in zip(group, rough, strict=True):
            assert (one - two.float()).abs().mean() < 0.05 * one.abs().mean()
    assert (coarse[0][0][2] == 0).all() and (coarse[1][0][1] == 0).all()


@pytest.mark.parametrize(
    ("channels", "heads", "message"),
    [
        ((4, 6), (1, 4), "6 channels is fused with 4 heads"),
        ((4, 8, 16), (1, 2), "3 levels of features and heads for 2"),
    ],
)
def test_bad_dimensions(channels: tuple[int, ...], heads: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fusion(channels, heads)


class Flat(nn.Module):
    """The fusion with its levels as single inputs and outputs."""

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        self.fusion = fusion

    def forward(self, present: Tensor, *features: Tensor) -> list[Tensor]:
        rectified_rgb, rectified_thermal, fused = self.fusion(features[:3], features[3:], present)
        return [*rectified_rgb, *rectified_thermal, *fused]


def test_the_exported_graph_agrees(fusion: Fusion) -> None:
    flat, features = Flat(fusion).eval(), [*levels(1, 1), *levels(2, 1)]
    names = ["present", *(f"feature{index}" for index in range(6))]
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, of shapes that become constant
        torch.onnx.export(
            flat, (torch.ones(1, 2), *features), stream, input_names=names, opset_version=17, dynamo=False
        )
    operators = {node.op_type for node in onnx.load_from_string(stream.getvalue()).graph.node}
    assert not operators & {"If", "Loop", "NonZero", "ScatterND"}
    session = onnxruntime.InferenceSession(stream.getvalue(), providers=["CPUExecutionProvider"])
    for presence in (BOTH, RGB_ONLY, THERMAL_ONLY):
        inputs = [torch.tensor([presence]), *features]
        found = session.run(None, {name: one.numpy() for name, one in zip(names, inputs, strict=True)})
        with torch.no_grad():
            expected = flat(*inputs)
        for one, two in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, two.numpy(), atol=1e-4, rtol=1e-3)
