# SPDX-License-Identifier: Apache-2.0
"""Which Segment Anything sees the pictures, and how it is adapted, as YAML holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from training.config import Strict
from training.foundation.settings import Variant

Hiera = Literal["tiny", "small", "base_plus", "large", "custom"]


class Adapted(Strict):
    """What every backbone has.

    Attributes:
        rank: of LoRA on q and v of every block; 0 leaves the image encoder as it is.
        scale: of LoRA; the paper has none.
        checkpointing: forget what is inside the blocks and compute it once more for the gradient: less
            memory, more time, the same result.
    """

    rank: int = Field(default=16, ge=0)
    scale: float = Field(default=1.0, gt=0)
    checkpointing: bool = False


class SamBackbone(Adapted):
    """Segment Anything.

    Attributes:
        variant: image encoder of the checkpoint; "custom" is any other one, read off its tensors.
        checkpoint: .pth file as Meta publishes it (sam_vit_b_01ec64.pth).
    """

    kind: Literal["sam"] = "sam"
    variant: Variant = "vit_b"
    checkpoint: Path


class Sam2Backbone(Adapted):
    """Segment Anything 2, as transformers has it; that of the authors' code is base_plus.

    Attributes:
        variant: image encoder in the folder; "custom" is any.
        folder: as `save_pretrained` writes it, or a clone of facebook/sam2-hiera-base-plus or another size.
    """

    kind: Literal["sam2"] = "sam2"
    variant: Hiera = "base_plus"
    folder: Path


BackboneSettings = Annotated[SamBackbone | Sam2Backbone, Field(discriminator="kind")]
