# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from torch import Tensor

from training.ssr.regulariser import HEADS, CrossAttention, Regulariser

WIDTHS = (32, 64, 160, 256)  # of MiT-B0


def features() -> list[Tensor]:
    return [torch.randn(2, width, 16 >> i, 24 >> i, requires_grad=True) for i, width in enumerate(WIDTHS)]


def test_by_hand() -> None:
    # One channel, one head: Q = 2 f, K = e, V = 3 e with e = z + 1, out = 5 · − 1.
    attention = CrossAttention(1, 1, 1)
    values = {
        "embedding.weight": [[1.0]],
        "embedding.bias": [1.0],
        "query.weight": [[2.0]],
        "key_value.weight": [[1.0], [3.0]],
        "out.weight": [[5.0]],
        "out.bias": [-1.0],
    }
    attention.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    # e = 0, 0, 0, ln 3. f = 0 looks at all alike: V is 3 ln 3 / 4 in the mean. f = 1/2 looks with weights
    # 1, 1, 1, 3: the last has half.
    feature = torch.tensor([0.0, 0.5]).view(1, 1, 1, 2)
    embedding = torch.tensor([-1.0, -1.0, -1.0, math.log(3) - 1]).view(1, 1, 2, 2)
    enhanced = attention(feature, embedding).flatten().tolist()
    assert enhanced == pytest.approx([15 * math.log(3) / 4 - 1, 0.5 + 15 * math.log(3) / 2 - 1], rel=1e-5)


@pytest.mark.parametrize("stage", range(4))
def test_each_head_attends_to_its_own_channels(stage: int) -> None:
    torch.manual_seed(stage)
    width, heads = WIDTHS[stage], HEADS[stage]
    attention = CrossAttention(width, heads, 256)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    feature, embedding = torch.randn(2, width, 3, 5), torch.randn(2, 256, 4, 4)
    with torch.no_grad():
        tokens = feature.flatten(2).transpose(1, 2)
        around = attention.embedding(embedding.flatten(2).transpose(1, 2))
        query, (key, value) = attention.query(tokens), attention.key_value(around).chunk(2, -1)
        parts = []
        for one in range(heads):
            channels = slice(one * width // heads, (one + 1) * width // heads)
            similarity = query[..., channels] @ key[..., channels].transpose(1, 2) / math.sqrt(width / heads)
            parts.append(similarity.softmax(-1) @ value[..., channels])
        expected = tokens + attention.out(torch.cat(parts, -1))
        found = attention(feature, embedding)
    torch.testing.assert_close(found.flatten(2).transpose(1, 2), expected, rtol=1e-4, atol=1e-4)


def test_parameters_beside_b5() -> None:
    # 257 · 1024 of the embeddings' projections and 4 C² + C of each stage's attention.
    assert sum(p.numel() for p in Regulariser((64, 128, 320, 512)).parameters()) == 263_168 + 1_541_120


def test_stages_not_chosen_are_unchanged_and_have_no_parameters() -> None:
    given = features()
    for chosen in ((0,), (3,), (1, 2)):
        regulariser = Regulariser(WIDTHS, stages=chosen)
        enhanced = regulariser(given, torch.randn(2, 256, 4, 4))
        for stage, (before, after) in enumerate(zip(given, enhanced, strict=True)):
            assert after.shape == before.shape and (after is before) == (stage not in chosen)
        assert {name.split(".")[1] for name, _ in regulariser.named_parameters()} == set(map(str, chosen))


def test_gradients_reach_features_and_every_weight() -> None:
    given, regulariser = features(), Regulariser(WIDTHS)
    enhanced = regulariser(given, torch.randn(2, 256, 4, 4))
    torch.stack([one.square().mean() for one in enhanced]).sum().backward()
    for learned in (*given, *regulariser.parameters()):
        assert learned.grad is not None and learned.grad.abs().sum() > 0


def test_heads_have_to_divide_the_width() -> None:
    with pytest.raises(ValueError, match="stage 2 has 16 channels, which 5 heads do not divide"):
        Regulariser((16, 16, 16, 16))
    Regulariser((16, 16, 16, 16), stages=(0, 1, 3))
