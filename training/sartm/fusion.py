# SPDX-License-Identifier: Apache-2.0
"""RGB and thermal features become one: SARTM's FRM and FFM at every level, and what a missing stream is.

Both modules are those of Zhang et al., "CMX", IEEE T-ITS 2023, as SARTM uses them: each stream is rectified
by the other, then both attend to each other and are mixed. 1 is RGB, 2 is thermal, p_1 and p_2 in {0, 1} say
whether a sample has them. CMX knows no missing streams; what happens then is chosen here:

* A missing stream is zero, at the entrance and after every step that could add something to it: a bias, the
  other stream, a normalisation. So it adds nothing, and whatever its features held, be it infinite, the
  result is the same bit for bit, and so are all gradients. The stream that is there passes FRM unchanged.
* Nothing is put in its place, neither the other stream nor a learned token: the rectified features of a
  missing stream are zero, and whoever gathers prototypes of each stream can tell.
* FRM pools zeros for it, in its mean as in its maximum. What FRM makes of them weighs only what the streams
  give each other, which then is nothing.
* Batch normalisation has one set of statistics, over all samples of a batch, whatever streams they have:
  what it learns is the mixture of the training's modality dropout, and what is normalised are samples of
  that mixture. So in training a sample with one stream depends on the rest of its batch, as everywhere;
  in evaluation it does not.
* A sample with neither stream gets features that depend on no pixel.

Nothing of this is a branch: a batch mixes all kinds of samples, and one exported graph serves them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

CHANNELS = (32, 64, 256)  # of FFP, IFP and SFM
HEADS = (1, 2, 4)  # of the attention in FFM at these levels


def _keep(feature: Tensor, present: Tensor) -> Tensor:
    """A stream [b, …] with zeros in samples where `present` [b] is 0; not a product, for 0 · ∞ is no zero."""
    there = present.reshape(-1, *[1] * (feature.ndim - 1)) > 0
    return torch.where(there, feature, 0.0)


class FeatureRectify(nn.Module):
    """FRM: each stream takes from the other what it lacks, by channel and by pixel.

        w^C = σ(MLP([avg X, max X])),   w^S = σ(conv(ReLU(conv X))),   X = [X_1, X_2]
        X̂_1 = X_1 + (λ_c w^C_2 + λ_s w^S_2) X_2,   X̂_2 = X_2 + (λ_c w^C_1 + λ_s w^S_1) X_1

    avg and max pool the whole map; the MLP goes from 4C to 4C to 2C with a ReLU between, the convolutions are
    1×1 and go from 2C to C to 2. w^C holds one weight a channel, w^S one a pixel, of each stream.

    Args:
        channels: C.
        lambda_c, lambda_s: λ_c and λ_s, how much of each is given.
    """

    def __init__(self, channels: int, *, lambda_c: float = 0.5, lambda_s: float = 0.5) -> None:
        super().__init__()
        self.lambda_c, self.lambda_s = lambda_c, lambda_s
        self.channel = nn.Sequential(
            nn.Linear(4 * channels, 4 * channels),
            nn.ReLU(),
            nn.Linear(4 * channels, 2 * channels),
            nn.Sigmoid(),
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, 2, 1), nn.Sigmoid()
        )
        _initialise(self)

    def forward(self, rgb: Tensor, thermal: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """X̂_1 and X̂_2 of X_1 and X_2, float [b, C, h, w]; present float [b, 2], 1 or 0."""
        has_rgb, has_thermal = present.unbind(1)
        rgb, thermal = _keep(rgb, has_rgb), _keep(thermal, has_thermal)
        both = torch.cat([rgb, thermal], dim=1)
        pooled = torch.cat([both.mean((2, 3)), both.amax((2, 3))], dim=1)
        of_rgb, of_thermal = (
            self.lambda_c * by_channel[..., None, None] + self.lambda_s * by_pixel
            for by_channel, by_pixel in zip(
                self.channel(pooled).chunk(2, dim=1), self.spatial(both).chunk(2, dim=1), strict=True
            )
        )
        return _keep(rgb + of_thermal * thermal, has_rgb), _keep(thermal + of_rgb * rgb, has_thermal)


class CrossPath(nn.Module):
    """The first half of FFM: each stream attends to what the other holds as a whole.

        [Y_i, U_i] = ReLU(X_i W_i + b_i),   [K_i, V_i] = U_i W_i^{kv},   G_i = softmax(K_iᵀ V_i / √d)
        Z_1 = U_1 G_2,   Z_2 = U_2 G_1,   X'_i = LN(X_i + [Y_i, Z_i] W'_i + b'_i)

    X_i are tokens [n, C]; there are h heads of d = C / h channels. G is a matrix [d, d] a head whose columns
    sum to 1, so the cost is linear in n. As in CMX, KᵀV is a sum over all tokens and not a mean: the larger
    the map, the sharper the softmax. Scores of one network at two picture sizes differ by that as well.

    Args:
        channels: C.
        heads: h.

    Raises:
        ValueError: heads do not divide channels.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(
                f"A level of {channels} channels is fused with {heads} heads, which do not divide it: "
                "give a number that does."
            )
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.project = nn.ModuleList(nn.Linear(channels, 2 * channels) for _ in range(2))
        self.key_value = nn.ModuleList(nn.Linear(channels, 2 * channels, bias=False) for _ in range(2))
        self.out = nn.ModuleList(nn.Linear(2 * channels, channels) for _ in range(2))
        self.norm = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))

    def forward(self, streams: Sequence[Tensor], present: Tensor) -> list[Tensor]:
        """[X'_1, X'_2] of [X_1, X_2], float [b, n, C]; zero where present, float [b, 2], is 0."""
        halves = [
            project(stream).relu().chunk(2, dim=-1)
            for project, stream in zip(self.project, streams, strict=True)
        ]
        contexts = [
            self._context(*part(attending).chunk(2, dim=-1))
            for part, (_, attending) in zip(self.key_value, halves, strict=True)
        ]
        mixed = []
        for mine, other in ((0, 1), (1, 0)):
            kept, attending = halves[mine]
            answer = (self._split(attending) @ contexts[other]).transpose(1, 2).flatten(2)
            answer = _keep(answer, present[:, other])
            joined = self.out[mine](torch.cat([kept, answer], dim=-1))
            mixed.append(_keep(self.norm[mine](streams[mine] + joined), present[:, mine]))
        return mixed

    def _context(self, key: Tensor, value: Tensor) -> Tensor:
        """G: float [b, heads, d, d]."""
        # The scale comes before the sum over thousands of tokens, which half precision might not hold.
        scores = self._split(key * self.scale).transpose(-2, -1) @ self._split(value)
        return scores.softmax(dim=-2)

    def _split(self, tokens: Tensor) -> Tensor:
        """[b, n, C] to [b, heads, n, C / heads]."""
        # Not `unflatten`, which an exported graph computes with a dozen operators.
        return tokens.reshape(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class FeatureFusion(nn.Module):
    """FFM: streams exchange what they hold (`CrossPath`), then are mixed pixel by pixel and with neighbours.

        X = [X'_1, X'_2],   F = BN(W_r X + BN(W_3 ReLU(DW(W_1 X + b_1)) + b_3))

    DW is a depth-wise 3×3 convolution with a bias; W_1 and W_r go from 2C to C, W_3 from C to C.

    Args:
        channels: C. heads: of the attention.

    Raises:
        ValueError: heads do not divide channels.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.cross = CrossPath(channels, heads)
        self.residual = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.embed = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 1),
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
        )
        self.norm = nn.BatchNorm2d(channels)
        _initialise(self)

    def forward(self, rgb: Tensor, thermal: Tensor, present: Tensor) -> Tensor:
        """F of the rectified X̂_1 and X̂_2, float [b, C, h, w]; present float [b, 2], 1 or 0."""
        tokens = [stream.flatten(2).transpose(1, 2) for stream in (rgb, thermal)]
        mixed = torch.cat(self.cross(tokens, present), dim=-1).transpose(1, 2)
        # Plain integers, so that a traced graph has them as constants.
        joined = mixed.reshape(len(rgb), -1, *(int(side) for side in rgb.shape[2:]))
        return self.norm(self.residual(joined) + self.embed(joined))


class Fusion(nn.Module):
    """FRM and FFM at every level, each with weights of its own.

    Args:
        channels: of the levels, finest first. heads: of FFM's attention at each.

    Raises:
        ValueError: another number of heads than of levels, or heads that do not divide their channels.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS, heads: Sequence[int] = HEADS) -> None:
        super().__init__()
        if len(channels) != len(heads):
            raise ValueError(
                f"There are {len(channels)} levels of features and heads for {len(heads)}: "
                "give a number of heads for each level."
            )
        self.rectify = nn.ModuleList(FeatureRectify(width) for width in channels)
        self.fuse = nn.ModuleList(FeatureFusion(*level) for level in zip(channels, heads, strict=True))

    def forward(
        self, rgb: Sequence[Tensor], thermal: Sequence[Tensor], present: Tensor
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Rectified RGB, rectified thermal and fused features, each as the levels that come in.

        Args:
            rgb, thermal: features of each stream, float [b, C_i, h_i, w_i], finest first; whatever stands
                where the stream is missing.
            present: float [b, 2], 1 or 0 for RGB and thermal.
        """
        pairs = [
            rectify(*level, present)
            for rectify, level in zip(self.rectify, zip(rgb, thermal, strict=True), strict=True)
        ]
        fused = [fuse(*pair, present) for fuse, pair in zip(self.fuse, pairs, strict=True)]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs], fused


def _initialise(module: nn.Module) -> None:
    """Random weights as the authors of CMX draw them; normalisations start as the identity."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=0.02)
        elif isinstance(part, nn.Conv2d):
            fan_out = part.kernel_size[0] * part.kernel_size[1] * part.out_channels // part.groups
            nn.init.normal_(part.weight, 0.0, math.sqrt(2.0 / fan_out))
        if isinstance(part, (nn.Linear, nn.Conv2d)) and part.bias is not None:
            nn.init.zeros_(part.bias)
