# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.foundation import sam2
from training.foundation.sam import ENCODERS, build
from training.foundation.settings import Variant
from training.sartm.lora import LoRA, adapt, merge


class Block(nn.Module):
    """Of attention, as far as it matters here; Hiera's first of a stage has more out than in."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(inputs, 3 * outputs)
        self.proj = nn.Linear(outputs, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self.qkv(tokens).chunk(3, dim=-1)
        return self.proj(query * key + value)


@pytest.fixture
def encoder() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(Block(8, 8), Block(8, 16))


def fill(adapted: list[LoRA]) -> None:
    for lora in adapted:
        nn.init.normal_(lora.b_query.weight, std=0.3)
        nn.init.normal_(lora.b_value.weight, std=0.3)


def test_by_hand() -> None:
    linear = nn.Linear(2, 3, bias=False)
    linear.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    lora = LoRA(linear, rank=1, scale=0.5)
    lora.a_query.weight.data = torch.tensor([[1.0, 2.0]])
    lora.b_query.weight.data = torch.tensor([[4.0]])
    lora.a_value.weight.data = torch.tensor([[3.0, 0.0]])
    lora.b_value.weight.data = torch.tensor([[-2.0]])
    # Of x = (5, 7): q = 5 + 0.5 · 4 · (5 + 14), k = 7, v = 12 − 0.5 · 2 · 15.
    assert lora(torch.tensor([5.0, 7.0])).tolist() == [43.0, 7.0, -3.0]
    assert lora.merged()(torch.tensor([5.0, 7.0])).tolist() == [43.0, 7.0, -3.0]


def test_starts_as_the_identity_and_draws_as_the_paper(encoder: nn.Sequential) -> None:
    tokens = torch.randn(2, 5, 8)
    before = encoder(tokens)
    adapted = adapt(encoder, rank=4, scale=1.0)
    assert len(adapted) == 2 and torch.equal(encoder(tokens), before)
    drawn = adapted[0].a_query.weight
    assert drawn.abs().max() <= 8**-0.5 and drawn.std() > 0.1  # uniform in ± 1 / √in


def test_all_channels_of_q_and_v_change_and_k_stays(encoder: nn.Sequential) -> None:
    tokens = torch.randn(2, 5, 8)
    linears = [block.qkv for block in encoder]
    for lora, linear in zip(adapt(encoder, rank=4, scale=1.0), linears, strict=True):
        fill([lora])
        change = (lora(tokens) - linear(tokens)).abs().amax(dim=(0, 1)).chunk(3)
        assert change[0].min() > 0 and change[1].max() == 0 and change[2].min() > 0


def test_only_the_adaptation_learns(encoder: nn.Sequential) -> None:
    fill(adapt(encoder, rank=2, scale=1.0))
    encoder(torch.randn(2, 5, 8)).square().sum().backward()
    learning = {name for name, one in encoder.named_parameters() if one.grad is not None}
    assert learning == {
        f"{block}.qkv.{name}.weight"
        for block in (0, 1)
        for name in ("a_query", "b_query", "a_value", "b_value")
    }
    assert all(one.grad.any() for one in encoder.parameters() if one.grad is not None)


def test_merged_and_unmerged_agree(encoder: nn.Sequential) -> None:
    names = list(encoder.state_dict())
    fill(adapt(encoder, rank=4, scale=0.7))
    tokens = torch.randn(2, 5, 8)
    before = encoder(tokens)
    merge(encoder)
    assert (encoder(tokens) - before).abs().max() < 1e-5
    assert list(encoder.state_dict()) == names
    assert not any(one.requires_grad for one in encoder.parameters())


def test_nothing_to_adapt(encoder: nn.Sequential) -> None:
    with pytest.raises(ValueError, match="Linear has no block with a linear layer qkv"):
        adapt(nn.Linear(2, 2), rank=1, scale=1.0)
    adapt(encoder, rank=1, scale=1.0)
    with pytest.raises(ValueError, match="has no LoRA yet"):
        adapt(encoder, rank=1, scale=1.0)


@pytest.mark.parametrize(("variant", "depth", "width"), [("vit_b", 12, 768), ("vit_h", 32, 1280)])
def test_the_published_sams(variant: Variant, depth: int, width: int) -> None:
    pytest.importorskip("segment_anything", reason="segment-anything is not installed")
    with torch.device("meta"):
        adapted = adapt(build(ENCODERS[variant]).image_encoder, rank=16, scale=1.0)
    assert len(adapted) == depth
    assert sum(learning(lora) for lora in adapted) == depth * 2 * 16 * (width + width)


def test_the_published_sam2_of_the_paper() -> None:
    from transformers import Sam2HieraDetConfig, Sam2HieraDetModel

    width, depths = sam2.ENCODERS["base_plus"]
    shape: dict[str, Any] = {
        "hidden_size": width,
        "blocks_per_stage": list(depths),
        "embed_dim_per_stage": [width, 2 * width, 4 * width, 8 * width],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "global_attention_blocks": [12, 16, 20],
        "window_positional_embedding_background_size": [14, 14],
    }
    with torch.device("meta"):
        adapted = adapt(Sam2HieraDetModel(Sam2HieraDetConfig(**shape)), rank=16, scale=1.0)
    assert len(adapted) == 24
    # In and out of every block: 112·2 in the first stage, 112 + 224 where the second begins, …
    both = 2 * 224 + 336 + 2 * 448 + 672 + 15 * 896 + 1344 + 2 * 1792
    assert sum(learning(lora) for lora in adapted) == 2 * 16 * both


def learning(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters() if one.requires_grad)
