# SPDX-License-Identifier: Apache-2.0
"""SSR's regulariser: stages of the encoder ask SAM's embedding, and take its answer in.

With F_i the features of stage i as tokens [n, C_i] and Z SAM's embedding as tokens [m, 256]:

    e_i = Z W_i + b_i                                  one token of C_i channels per cell of SAM's grid
    Q = F_i W_q,   [K, V] = e_i W_kv                   no bias
    F̂_i = F_i + softmax(Q Kᵀ / √d) V W_p + b_p         h heads of d = C_i / h channels: h = 1, 2, 5, 8

A plain residual: no normalisation, no gate, no dropout. There is no position either, other than what features
and embedding carry themselves. Weights are drawn as PyTorch draws those of linear layers, as in the authors'
code.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

HEADS = (1, 2, 5, 8)  # of the stages, as in MiT
CHANNELS = 256  # of the embedding of every SAM


class CrossAttention(nn.Module):
    """F̂ of one stage.

    Args:
        width: C, channels of the stage. heads: h, has to divide C.
        embedding_channels: of Z.
    """

    def __init__(self, width: int, heads: int, embedding_channels: int) -> None:
        super().__init__()
        self.heads = heads
        self.embedding = nn.Linear(embedding_channels, width)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, feature: Tensor, embedding: Tensor) -> Tensor:
        """F [b, C, h, w] and Z [b, channels, s, s] to F̂ [b, C, h, w]."""
        query = self._split(self.query(feature.flatten(2).transpose(1, 2)))
        tokens = self.embedding(embedding.flatten(2).transpose(1, 2))
        key, value = (self._split(part) for part in self.key_value(tokens).chunk(2, dim=-1))
        # Never holds all of n × m weights, which at stage 0 of a 512 crop are 16384 × 4096.
        answer = functional.scaled_dot_product_attention(query, key, value)
        answer = self.out(answer.transpose(1, 2).flatten(2))
        return feature + answer.transpose(1, 2).unflatten(2, feature.shape[2:])

    def _split(self, tokens: Tensor) -> Tensor:
        """[b, n, C] to [b, heads, n, C / heads]."""
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Regulariser(nn.Module):
    """F̂_0 … F̂_3; a stage that is not chosen keeps F̂_i = F_i and has no parameters.

    Args:
        widths: channels C_i of the four stages, finest first.
        embedding_channels: of SAM's embedding.
        stages: that it is fused into.

    Raises:
        ValueError: a width that the heads of its stage do not divide.
    """

    def __init__(
        self,
        widths: Sequence[int],
        embedding_channels: int = CHANNELS,
        stages: Sequence[int] = (0, 1, 2, 3),
    ) -> None:
        super().__init__()
        for stage in stages:
            if widths[stage] % HEADS[stage]:
                raise ValueError(
                    f"stage {stage} has {widths[stage]} channels, which {HEADS[stage]} heads do not divide: "
                    "choose another encoder."
                )
        self.attention = nn.ModuleDict(
            {str(one): CrossAttention(widths[one], HEADS[one], embedding_channels) for one in stages}
        )

    def forward(self, features: Sequence[Tensor], embedding: Tensor) -> list[Tensor]:
        """F_i float [b, C_i, h_i, w_i], finest first, and Z float [b, channels, s, s] to F̂_i, as F_i."""
        return [
            self.attention[str(stage)](feature, embedding) if str(stage) in self.attention else feature
            for stage, feature in enumerate(features)
        ]
