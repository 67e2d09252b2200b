# SPDX-License-Identifier: Apache-2.0
"""SAM's mask decoder with one mask token a class: what was a mask of a prompt is the logits of a class.

From SAM (Kirillov et al., "Segment Anything", ICCV 2023) come the two-way transformer, the upscaling and the
hypernetworks, from SAM 2 (Ravi et al., "SAM 2", 2024) the finer features that are added while upscaling.
Left out of SAM's decoder, because nothing here reads what they give:

* the IoU token and its head, which rank several masks of one prompt; the logits rank classes pixel by pixel;
* SAM 2's object score token and its head, which say whether the prompted object is there at all. The
  released code of SARTM keeps that head frozen and overwrites the logits of the whole picture by it;
* prompts. There are none, so there are no tokens of them, and none of the constants that SAM and SAM 2 add
  to the picture for want of a mask prompt and of a memory: the last bias of the fusion is such a constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# How transformers names in Sam2Model what segment-anything names otherwise, in the order of replacement.
_RENAMED = (
    ("upscale_conv1", "output_upscaling.0"),
    ("upscale_layer_norm", "output_upscaling.1"),
    ("upscale_conv2", "output_upscaling.3"),
    ("layer_norm", "norm"),
    ("o_proj", "out_proj"),
    ("mlp.proj_in", "mlp.lin1"),
    ("mlp.proj_out", "mlp.lin2"),
)
_FRESH = ("mask_tokens.", "output_hypernetworks_mlps.")  # they are of classes: no SAM has any


class MaskTokens(nn.Module):
    """Logits of K classes from K tokens. With T the tokens [K, C] and S = SFM as tokens [n, C]:

        T', S' = TwoWay(T, S, position)                       tokens and picture attend to each other
        U = GELU(up_2(GELU(LN(up_1(S') + IFP))) + FFP)        up: transposed convolutions 2×2, stride 2
        logits_k(p) = MLP_k(T'_k) · U(p)                      MLP_k: C → C → C → C/8, with ReLU between

    Where the backbone's sizes are not halves of each other, what was upscaled is resized bilinearly to IFP
    and to FFP before they are added. `position` is SAM's: sin and cos of 2π G (x, y), with (x, y) in −1..1
    over the picture, and G a matrix of normally distributed numbers, a buffer that is saved.

    Parameters have the names of segment-anything, so that a SAM's fit: see `start_from`.

    Args:
        num_classes: K, at least 1.
        channels: C of SFM; IFP has C/4, FFP C/8.
        depth, heads, mlp: layers of the transformer, heads of its attention, width of its MLP.

    Raises:
        ValueError: the package segment-anything is missing.
    """

    frequencies: Tensor

    def __init__(
        self, num_classes: int, channels: int = 256, *, depth: int = 2, heads: int = 8, mlp: int = 2048
    ) -> None:
        super().__init__()
        try:
            from segment_anything.modeling.common import LayerNorm2d
            from segment_anything.modeling.mask_decoder import MLP
            from segment_anything.modeling.transformer import TwoWayTransformer
        except ModuleNotFoundError as missing:
            raise ValueError(
                f"The package {missing.name} is not installed, SARTM's decoder needs it: "
                "install samseg_ros[train]."
            ) from missing
        self.register_buffer("frequencies", torch.randn(2, channels // 2))
        self.mask_tokens = nn.Embedding(num_classes, channels)
        self.transformer = TwoWayTransformer(
            depth=depth, embedding_dim=channels, num_heads=heads, mlp_dim=mlp
        )
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(channels, channels // 4, 2, stride=2),
            LayerNorm2d(channels // 4),
            nn.GELU(),
            nn.ConvTranspose2d(channels // 4, channels // 8, 2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(channels, channels, channels // 8, 3) for _ in range(num_classes)
        )

    def forward(self, sfm: Tensor, high: Sequence[Tensor]) -> Tensor:
        """SFM and [FFP, IFP] to logits.

        Args:
            sfm: float [b, C, h/16, w/16].
            high: float [b, C/8, h/4, w/4] and [b, C/4, h/8, w/8].

        Returns:
            float [b, K, h/4, w/4].
        """
        ffp, ifp = high
        # Plain integers, so that a traced graph has them as constants.
        batch, _, *size = (int(side) for side in sfm.shape)
        position = self._position(size).expand(batch, -1, -1, -1)
        tokens, picture = self.transformer(sfm, position, self.mask_tokens.weight.expand(batch, -1, -1))
        middle, norm, activation, fine, last = self.output_upscaling
        upscaled = middle(picture.transpose(1, 2).reshape(batch, -1, *size))
        upscaled = activation(norm(_fit(upscaled, ifp) + ifp))
        upscaled = last(_fit(fine(upscaled), ffp) + ffp)
        filters = torch.stack(
            [network(tokens[:, index]) for index, network in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        finest = [int(side) for side in ffp.shape[2:]]
        return (filters @ upscaled.flatten(2)).reshape(batch, -1, *finest)

    def _position(self, size: Sequence[int]) -> Tensor:
        """SAM's dense position encoding, float32 [1, C, *size].

        The library's own is a running sum and a matrix product: the one is an operator that not every runtime
        has, the other autocast would take in bfloat16, which is too coarse for angles of many turns.
        """
        y, x = (
            (2.0 * torch.arange(side, device=self.frequencies.device) + 1.0) / side - 1.0 for side in size
        )
        along_x, along_y = self.frequencies[:, :, None, None]
        angle = 2.0 * math.pi * (along_x * x[None, None] + along_y * y[None, :, None])
        return torch.cat([angle.sin(), angle.cos()])[None]


def start_from(decoder: MaskTokens, sam: nn.Module) -> None:
    """Let `decoder` begin with the weights of a trained SAM, in place; its own classes stay as drawn.

    Transformer, upscaling and position encoding are copied; mask tokens and hypernetworks are of classes, and
    no SAM has any.

    Args:
        decoder: all of it stays trainable.
        sam: a `Sam` of segment-anything, or a `Sam2Model` of transformers.

    Raises:
        ValueError: the mask decoder of `sam` has other dimensions.
    """
    weights = {}
    for name, tensor in sam.state_dict().items():
        if name.startswith("mask_decoder."):
            own = name.removeprefix("mask_decoder.")
            for theirs, ours in _RENAMED:
                own = own.replace(theirs, ours)
            weights[own] = tensor
        elif name.endswith(
            ("pe_layer.positional_encoding_gaussian_matrix", "shared_image_embedding.positional_embedding")
        ):
            weights["frequencies"] = tensor
    expected = {name: value for name, value in decoder.state_dict().items() if not name.startswith(_FRESH)}
    for name, value in expected.items():
        if name not in weights or weights[name].shape != value.shape:
            found = f"it is {list(weights[name].shape)}" if name in weights else "there is none"
            raise ValueError(
                f"The mask decoder of this SAM does not fit: {name} has to be {list(value.shape)}, {found}; "
                "give a SAM whose features have as many channels, or start from random weights."
            )
    decoder.load_state_dict({name: weights[name] for name in expected}, strict=False)


def _fit(upscaled: Tensor, feature: Tensor) -> Tensor:
    """`upscaled` at the size of `feature`."""
    size = [int(side) for side in feature.shape[2:]]
    if list(upscaled.shape[2:]) == size:
        return upscaled
    return functional.interpolate(upscaled, size=size, mode="bilinear", align_corners=False)
