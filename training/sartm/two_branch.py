# SPDX-License-Identifier: Apache-2.0
"""CMX, where FRM and FFM come from: an encoder for each stream, fused at every stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from training.networks import Segformer, Variant, segformer
from training.sartm.fusion import Fusion


class TwoBranch(nn.Module):
    """RGB-T pictures to logits; either stream may be missing. With stage_i and stage'_i of two MiT encoders:

        F_1, F_2   = stage_i(X_1), stage'_i(X_2)                X: the pictures, then what the last stage left
        X_1, X_2   = FRM_i(F_1, F_2),   F_i = FFM_i(X_1, X_2)   at the strides 4, 8, 16 and 32
        logits     = head(F_1 … F_4)                            SegFormer's

    As in Zhang et al., "CMX", IEEE T-ITS 2023: rectified features go on to the next stage, fused ones to the
    head alone; the attention of FFM has as many heads as that of its stage; thermal is a picture of three
    equal channels. What a missing stream is, CMX does not know: see `training.sartm.fusion`.

    Args:
        rgb: its encoder and its decode head are used.
        thermal: only its encoder is used; of the same variant, with three channels as well.
    """

    def __init__(self, rgb: Segformer, thermal: Segformer) -> None:
        super().__init__()
        shape: Any = rgb.model.config
        self.rgb = rgb
        self.thermal: Any = thermal.model.segformer
        self.fusion = Fusion(shape.hidden_sizes, shape.num_attention_heads)

    def forward(self, image: Tensor, present: Tensor) -> Tensor:
        """Logits float32 [b, classes, h/4, w/4].

        Args:
            image: float32 [b, 4, h, w] of `training.networks.normalise`, thermal last.
            present: float32 [b, 2], 1 or 0 for RGB and thermal.
        """
        rgb, thermal = image[:, :3], image[:, 3:].expand(-1, 3, -1, -1)
        stages: Any = self.rgb.model.segformer.stages
        fused = []
        for of_rgb, of_thermal, rectify, fuse in zip(
            stages, self.thermal.stages, self.fusion.rectify, self.fusion.fuse, strict=True
        ):
            rgb, thermal = rectify(of_rgb(rgb), of_thermal(thermal), present)
            fused.append(fuse(rgb, thermal, present))
        return self.rgb.decode(fused)


def two_branch(
    variant: Variant,
    num_classes: int,
    *,
    drop_path: float = 0.1,
    dropout: float = 0.1,
    decoder: int | None = None,
    weights: Path | None = None,
) -> TwoBranch:
    """Two encoders that start alike where `weights` are given; arguments as of `training.networks.segformer`.

    Raises:
        FileNotFoundError, ValueError: no weights there, or none of them fits.
    """
    rgb, thermal = (
        segformer(
            variant, num_classes, drop_path=drop_path, dropout=dropout, decoder=decoder, weights=weights
        )
        for _ in range(2)
    )
    return TwoBranch(rgb, thermal)
