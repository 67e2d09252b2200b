# SPDX-License-Identifier: Apache-2.0
"""Low-rank adaptation of attention: q and v learn, k and all else stay as they are.

    Q' = X W_Q + s X W_a^Q W_b^Q,    V' = X W_V + s X W_a^V W_b^V

of rank r: W_a is [in, r], W_b is [r, out]. The paper has no scale s, which is 1 there. W_a is drawn as
Kaiming uniform with a = √5 and W_b is zero, so that at first nothing changes.

The authors' code sums three such pairs for each projection and, where a stage of Hiera begins with twice as
many channels out as in, changes half of the channels of q and of v. Here one pair changes all of them.

peft would adapt the fused projection as a whole: k too, and all three with one W_a.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class LoRA(nn.Module):
    """A fused linear layer of q, k and v with its adaptation.

    Args:
        linear: [in] to [3 out], q, k and v in this order; stays as it is.
        rank: r, 1 or more.
        scale: s.
    """

    def __init__(self, linear: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        inputs, outputs = linear.in_features, linear.out_features // 3
        self.linear = linear
        self.scale = scale
        here = linear.weight.device
        self.a_query = nn.Linear(inputs, rank, bias=False, device=here)
        self.b_query = nn.Linear(rank, outputs, bias=False, device=here)
        self.a_value = nn.Linear(inputs, rank, bias=False, device=here)
        self.b_value = nn.Linear(rank, outputs, bias=False, device=here)
        for down, up in [(self.a_query, self.b_query), (self.a_value, self.b_value)]:
            nn.init.kaiming_uniform_(down.weight, a=math.sqrt(5))
            nn.init.zeros_(up.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """float [..., in] to [..., 3 out]."""
        query, key, value = self.linear(tokens).chunk(3, dim=-1)
        query = query + self.scale * self.b_query(self.a_query(tokens))
        value = value + self.scale * self.b_value(self.a_value(tokens))
        return torch.cat([query, key, value], dim=-1)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The linear layer with the adaptation in its weight; computes the same to rounding."""
        query = self.b_query.weight @ self.a_query.weight
        value = self.b_value.weight @ self.a_value.weight
        self.linear.weight += self.scale * torch.cat([query, torch.zeros_like(query), value])
        return self.linear


def adapt(encoder: nn.Module, rank: int, scale: float) -> list[LoRA]:
    """Give every block's fused projection its LoRA, in place, and freeze all else.

    Args:
        encoder: modules of attention in it have a linear layer `qkv`, as those of SAM's ViT in
            segment-anything and of SAM 2's Hiera in transformers.
        rank, scale: as of `LoRA`.

    Returns:
        The adaptations, in the order of the blocks.

    Raises:
        ValueError: there is no such layer.
    """
    encoder.requires_grad_(False)
    found = []
    for module in list(encoder.modules()):
        linear = getattr(module, "qkv", None)
        if isinstance(linear, nn.Linear):
            found.append(LoRA(linear, rank, scale))
            module.add_module("qkv", found[-1])
    if not found:
        raise ValueError(
            f"{type(encoder).__name__} has no block with a linear layer qkv to adapt: give the image encoder "
            "of a SAM or a SAM 2 that has no LoRA yet."
        )
    return found


def merge(encoder: nn.Module) -> None:
    """Put every LoRA's linear layer, merged, in its place: the encoder is then as the library built it."""
    for module in list(encoder.modules()):
        lora = getattr(module, "qkv", None)
        if isinstance(lora, LoRA):
            module.add_module("qkv", lora.merged())
