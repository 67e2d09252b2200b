# SPDX-License-Identifier: Apache-2.0
"""The backbone: a frozen Segment Anything with LoRA, from a picture to features at three strides."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from training.foundation import sam, sam2
from training.foundation.checksum import sha256
from training.sartm.backbone_settings import BackboneSettings, SamBackbone
from training.sartm.lora import adapt, merge
from training.sartm.sam2_encoder import Sam2Encoder
from training.sartm.sam_encoder import SamEncoder


class Backbone(nn.Module):
    """Normalised pictures to FFP, IFP and SFM, of any size that the encoder allows.

    Its state, as a part of any network's, holds what learns (LoRA, pyramid or projections) and `digest`, but
    not the frozen part. Loading is strict in these, and a state that belongs to another frozen part is a
    ValueError. After `fold` the state is whole.

    Args:
        encoder: what is frozen in it now stays so.
        identity: see `identity`.
        checkpointing: of gradients, block by block, in training.

    Attributes:
        strides: of the levels, finest first.
        channels: of the levels: 32, 64, 256.
        multiple: that height and width of pictures must be of.
        digest: uint8 [32], SHA-256 of the file that the frozen part came from.
    """

    strides = (4, 8, 16)
    digest: Tensor

    def __init__(
        self, encoder: SamEncoder | Sam2Encoder, identity: dict[str, Any], checkpointing: bool
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.channels: tuple[int, int, int] = encoder.channels
        self.multiple = encoder.multiple
        self.checkpointing = checkpointing
        self._identity = identity
        self._size: tuple[int, int] | None = None
        # Named once: a copy that is frozen as a whole, an average, has the same state.
        self._frozen = tuple(name for name, one in self.named_parameters() if not one.requires_grad)
        digest = torch.frombuffer(bytearray.fromhex(identity["sha256"]), dtype=torch.uint8)
        self.register_buffer("digest", digest)
        self.register_load_state_dict_post_hook(_loaded)

    def identity(self) -> dict[str, Any]:
        """What the frozen part is: kind, variant, sha256 of its file; plain JSON."""
        return dict(self._identity)

    def check(self, size: tuple[int, int]) -> None:
        """Raises ValueError unless pictures of this (height, width) are allowed."""
        if any(side <= 0 or side % self.multiple for side in size):
            near = [max(round(side / self.multiple), 1) * self.multiple for side in size]
            raise ValueError(
                f"Pictures of {size[0]}×{size[1]} (height×width) do not fit {self._identity['kind']} "
                f"{self._identity['variant']}: both must be multiples of {self.multiple}, such as "
                f"{near[0]}×{near[1]}."
            )
        if self._size not in (None, size):
            raise ValueError(f"The backbone is folded for pictures of {self._size}, not {size}: give those.")

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features, finest first.

        Args:
            image: float32 [b, 3, h, w], normalised as by `training.networks.normalise`.

        Returns:
            FFP [b, 32, h/4, w/4], IFP [b, 64, h/8, w/8], SFM [b, 256, h/16, w/16], float32 or, in mixed
            precision, what that makes of it.

        Raises:
            ValueError: h or w is not allowed.
        """
        self.check((int(image.shape[2]), int(image.shape[3])))
        tokens = self.encoder.tokens(image)
        again = self.checkpointing and self.training and torch.is_grad_enabled()
        kept = {}
        for number, block in enumerate(self.encoder.blocks):
            tokens = checkpoint(block, tokens, use_reentrant=False) if again else block(tokens)
            if number in self.encoder.kept:
                kept[number] = tokens
        return self.encoder.levels([kept[number] for number in self.encoder.kept])

    def fold(self, size: tuple[int, int]) -> None:
        """For export, in place: LoRA goes into its linear layers, positions become those of one size.

        Features stay the same to rounding. From then on the state holds the frozen part too.

        Args:
            size: (height, width) of all pictures to come.

        Raises:
            ValueError: a size that is not allowed.
        """
        self.check(size)
        merge(self.encoder)
        self.encoder.settle(*size)
        self._size = size
        self._frozen = ()

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As of any module, without the frozen part."""
        state = super().state_dict(*args, **kwargs)
        for name in self._frozen:
            del state[kwargs.get("prefix", "") + name]
        return state


def _loaded(backbone: Backbone, keys: Any) -> None:
    """Lets a state lack the frozen part, but not be that of another one."""
    keys.missing_keys[:] = [name for name in keys.missing_keys if not name.endswith(backbone._frozen)]
    identity, theirs = backbone.identity(), bytes(backbone.digest.tolist()).hex()
    if theirs != identity["sha256"]:
        raise ValueError(
            f"The weights were trained on another backbone (sha256 {theirs[:12]}…) than this "
            f"{identity['kind']} {identity['variant']} (sha256 {identity['sha256'][:12]}…): give the file "
            "that they were trained with, or start another run."
        )


def load(settings: BackboneSettings) -> nn.Module:
    """The whole `Sam` or `Sam2Model` that `settings` name, as published: on the CPU, frozen.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: not a checkpoint of that kind and variant, or damaged; a package is missing.
    """
    if isinstance(settings, SamBackbone):
        return sam.load(settings.variant, settings.checkpoint)
    model, _ = sam2.load(settings.folder)
    found = sam2.variant_of(model)
    if settings.variant not in ("custom", found):
        raise ValueError(
            f"{settings.folder} holds no {settings.variant} SAM 2, its image encoder is {found}: give that "
            "variant, or another folder."
        )
    return model


def backbone(settings: BackboneSettings, size: tuple[int, int], whole: nn.Module | None = None) -> Backbone:
    """The frozen encoder that `settings` ask for, with LoRA and what learns above it: on the CPU.

    Args:
        settings: kind, files, LoRA.
        size: (height, width) of the pictures to come, refused here rather than at the first of them; others
            that fit may come too.
        whole: what `load` gave for these settings, to take the encoder out of; None loads it.

    Raises:
        FileNotFoundError, ValueError: as `load`; a size that the encoder does not allow.
    """
    model: Any = load(settings) if whole is None else whole
    encoder: SamEncoder | Sam2Encoder
    if isinstance(settings, SamBackbone):
        file, blocks = settings.checkpoint, model.image_encoder
        encoder = SamEncoder(blocks)
    else:
        file, blocks = settings.folder / sam2.WEIGHTS, model.vision_encoder.backbone
        encoder = Sam2Encoder(model)
    if settings.rank:
        adapt(blocks, settings.rank, settings.scale)
    identity = {"kind": settings.kind, "variant": settings.variant, "sha256": sha256(file)}
    made = Backbone(encoder, identity, settings.checkpointing)
    made.check(size)
    return made
