# SPDX-License-Identifier: Apache-2.0
"""SARTM's auxiliary head: three levels added up from coarse to fine, and one convolution to logits."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from training.sartm.fusion import CHANNELS


class AuxiliaryHead(nn.Module):
    """Logits of the fused features at all scales.

        Y_1 = up(SFM) + W_1 IFP + b_1,   Y_0 = up(Y_1) + W_0 FFP + b_0,   logits = conv_{3×3}(Y_0)

    W_i are 1×1 convolutions to the channels C of SFM. up is bilinear to the size of what is added, corners
    not aligned; how the paper upsamples is not known, that is chosen here. There is neither a normalisation
    nor an activation between: all is linear in the features. Weights are drawn as PyTorch draws those of
    convolutions; for 3×3 of many channels they are small, so logits start close together.

    Args:
        num_classes: channels of the logits.
        channels: of FFP, IFP and SFM.
    """

    def __init__(self, num_classes: int, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        *finer, width = channels
        self.project = nn.ModuleList(nn.Conv2d(inputs, width, 1) for inputs in finer)
        self.classifier = nn.Conv2d(width, num_classes, 3, padding=1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """[FFP, IFP, SFM], float [b, C_i, h_i, w_i], to logits float [b, classes, h_0, w_0]."""
        *finer, mixed = features
        for project, feature in reversed(list(zip(self.project, finer, strict=True))):
            # Plain integers, so that a traced graph has them as constants.
            size = [int(side) for side in feature.shape[2:]]
            mixed = functional.interpolate(mixed, size=size, mode="bilinear", align_corners=False)
            mixed = mixed + project(feature)
        return self.classifier(mixed)
