# SPDX-License-Identifier: Apache-2.0
"""Segmentation networks: float image in, logits at a quarter of its size out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import SegformerConfig, SegformerForSemanticSegmentation

Variant = Literal["b0", "b1", "b2", "b3", "b4", "b5"]

# Xie et al., "SegFormer", NeurIPS 2021, table 6: depths and channels of the stages, channels of the decoder.
_VARIANTS: dict[Variant, tuple[tuple[int, ...], tuple[int, ...], int]] = {
    "b0": ((2, 2, 2, 2), (32, 64, 160, 256), 256),
    "b1": ((2, 2, 2, 2), (64, 128, 320, 512), 256),
    "b2": ((3, 4, 6, 3), (64, 128, 320, 512), 768),
    "b3": ((3, 4, 18, 3), (64, 128, 320, 512), 768),
    "b4": ((3, 8, 27, 3), (64, 128, 320, 512), 768),
    "b5": ((3, 6, 40, 3), (64, 128, 320, 512), 768),
}

# Mean and standard deviation of ImageNet in RGB, 0..255: what published SegFormer weights expect.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
# Of thermal pictures, scaled by percentiles, about.
THERMAL_MEAN, THERMAL_STD = 110.0, 60.0


class Segformer(nn.Module):
    """SegFormer: image float32 [b, 3 or 4, h, w] from `normalise` to logits float32 [b, classes, h/4, w/4].

    The weights are those of `SegformerForSemanticSegmentation` and keep their names. The decode head computes
    the same function in another order: the fusing 1x1 convolution and bilinear upsampling commute, so each
    stage is projected by one composed matrix at its own resolution and the results are upsampled and summed.
    That is half of the multiplications of B0.

    With `subpixel` s the classifier gives the logits of s x s places for each place of the features (Shi et
    al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    Network", CVPR 2016), so that logits are [b, classes, s h/4, s w/4] and thin things can be drawn.
    """

    def __init__(self, config: SegformerConfig, subpixel: int = 1) -> None:
        super().__init__()
        self.model = SegformerForSemanticSegmentation(config)
        self.subpixel = subpixel
        if subpixel > 1:
            head: Any = self.model.decode_head
            plain = head.classifier
            head.classifier = nn.Conv2d(plain.in_channels, plain.out_channels * subpixel**2, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.decode(self.features(image))

    def features(self, image: Tensor) -> list[Tensor]:
        """What the four stages make of a picture, finest first."""
        found = []
        for stage in self.model.segformer.stages:
            image = stage(image)
            found.append(image)
        return found

    def decode(self, features: list[Tensor]) -> Tensor:
        """Logits from the features of the four stages, finest first."""
        head: Any = self.model.decode_head
        logits = head.classifier(head.dropout(functional.relu(head.batch_norm(self.mix(features)))))
        return logits if self.subpixel == 1 else functional.pixel_shuffle(logits, self.subpixel)

    def mix(self, features: list[Tensor]) -> Tensor:
        """The features of the four stages, finest first, projected and summed; not yet normalised."""
        head: Any = self.model.decode_head
        # The head concatenates coarsest first.
        fuse = head.linear_fuse.weight.flatten(1).chunk(len(features), dim=1)[::-1]
        size = features[0].shape[2:]
        mixed: Tensor | None = None
        for feature, projection, part in zip(features, head.linear_projections, fuse, strict=True):
            weight = part @ projection.proj.weight
            bias = part @ projection.proj.bias
            # Channels-last throughout: on a CPU the strided mix of layouts costs a third of a training step.
            plain = feature.contiguous(memory_format=torch.channels_last)
            branch = functional.conv2d(plain, weight[:, :, None, None], bias)
            branch = branch.contiguous(memory_format=torch.channels_last)
            if branch.shape[2:] != size:
                branch = functional.interpolate(branch, size=size, mode="bilinear", align_corners=False)
            mixed = branch if mixed is None else mixed + branch
        assert mixed is not None
        return mixed


def segformer(
    variant: Variant,
    num_classes: int,
    *,
    channels: int = 3,
    drop_path: float = 0.1,
    dropout: float = 0.1,
    decoder: int | None = None,
    subpixel: int = 1,
    weights: Path | None = None,
) -> Segformer:
    """A SegFormer with random weights, or with the encoder, and what fits of the head, of a local checkpoint.

    Args:
        variant: "b0" to "b5".
        num_classes: channels of the logits.
        channels: of the input: 3 for RGB, 4 for RGB and thermal.
        drop_path: stochastic depth rate of the deepest block.
        dropout: before the classifier.
        decoder: channels of the decode head; None is that of the paper.
        subpixel: logits are at 4 / subpixel of the picture's size; see `Segformer`.
        weights: a .safetensors file, or a folder as written by `save_pretrained`; an encoder trained for
            classification (nvidia/mit-b0) fits too.

    Raises:
        FileNotFoundError, ValueError: no weights there, or those of another encoder.
    """
    depths, widths, decoder_channels = _VARIANTS[variant]
    shape: dict[str, Any] = dict(
        num_channels=channels,
        depths=list(depths),
        hidden_sizes=list(widths),
        decoder_hidden_size=decoder or decoder_channels,
        num_labels=num_classes,
        drop_path_rate=drop_path,
        classifier_dropout_prob=dropout,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
    )
    network = Segformer(SegformerConfig(**shape), subpixel)
    initialise(network)
    if weights is not None:
        load_pretrained(network, weights)
    return network


def initialise(network: Segformer) -> None:
    """Random weights as the authors of SegFormer draw them.

    The library draws convolutions with a standard deviation of 0.02, which leaves depth-wise ones almost
    zero: harmless before loading weights, slow when training from scratch.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
            nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    # Fan-out is small here, and logits would start far apart.
    nn.init.normal_(network.model.decode_head.classifier.weight, std=0.01)


def load_pretrained(network: Segformer, weights: Path) -> None:
    """Copy the encoder of a safetensors checkpoint, and what fits of its head.

    Raises:
        FileNotFoundError: neither a .safetensors file nor a folder that holds model.safetensors.
        ValueError: it cannot be read, or its encoder is not that of this network.
    """
    path = weights / "model.safetensors" if weights.is_dir() else weights
    if not path.is_file() or path.suffix != ".safetensors":
        raise FileNotFoundError(
            f"No weights at {weights}: give a .safetensors file or a folder with model.safetensors."
        )
    pretrained: Any = SegformerForSemanticSegmentation
    loaded, report = pretrained.from_pretrained(
        None,
        config=network.model.config,
        state_dict=widen(_tensors(path), network.model.config.num_channels),
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    own = network.model.state_dict()
    absent = set(report["missing_keys"]) | {item[0] for item in report["mismatched_keys"]}
    found = subpixels({f"model.{name}": value for name, value in loaded.state_dict().items()}, network)
    fitting = {
        name: found[f"model.{name}"] for name in own if f"model.{name}" in found and name not in absent
    }
    # Variants differ in depth alone but for B0, so some of the blocks of one always fit another.
    if any(name.startswith("segformer.") for name in absent | set(report["unexpected_keys"])):
        raise ValueError(
            f"The encoder in {path} is not that of this network: give weights of the same SegFormer variant."
        )
    network.model.load_state_dict(fitting, strict=False)


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable .safetensors file: download it again.") from error


def widen(weights: dict[str, Tensor], channels: int) -> dict[str, Tensor]:
    """Weights of an RGB network for one of `channels` inputs, which ignores all beyond RGB at first."""
    wide = dict(weights)
    for name, value in weights.items():
        # Only the first convolution has as many inputs as a picture has colours.
        if value.ndim == 4 and value.shape[1] == 3 < channels:
            wide[name] = functional.pad(value, (0, 0, 0, 0, 0, channels - 3))
    return wide


def subpixels(weights: dict[str, Tensor], network: Segformer) -> dict[str, Tensor]:
    """Weights of a network with finer or coarser logits for `network`: repeated, or averaged, at first."""
    name = "model.decode_head.classifier"
    side = network.subpixel
    classes = len(network.state_dict()[f"{name}.bias"]) // side**2
    places = len(weights.get(f"{name}.bias", ())) / classes
    theirs = round(math.sqrt(places))
    if theirs == side or theirs not in (1, 2, 4) or theirs**2 != places:
        return weights

    def fitted(value: Tensor) -> Tensor:
        """[classes · theirs², …] to [classes · side², …]: a class has its places one after the other."""
        grid = value.flatten(1) if value.ndim > 1 else value[:, None]
        grid = grid.unflatten(0, (classes, theirs, theirs)).permute(0, 3, 1, 2)
        # Repeats where there will be more places, averages where there will be fewer.
        grid = functional.adaptive_avg_pool2d(grid, side).permute(0, 2, 3, 1)
        return grid.reshape(classes * side**2, *value.shape[1:])

    return {key: fitted(value) if key.startswith(f"{name}.") else value for key, value in weights.items()}


def normalise(image: Tensor, present: Tensor | None = None) -> Tensor:
    """What networks take: normalised, channels-last in memory, zero where a stream is missing.

    Args:
        image: uint8 [b, h, w, 3] BGR, or [b, h, w, 4] with thermal last.
        present: float32 [b, 2], 1 or 0 for RGB and thermal; None is all there.

    Returns:
        float32 [b, 3, h, w] RGB, or [b, 4, h, w] with thermal last.
    """
    channels = image.shape[-1]
    mean = torch.tensor([*MEAN, THERMAL_MEAN][:channels], device=image.device)
    std = torch.tensor([*STD, THERMAL_STD][:channels], device=image.device)
    # By planes: on a CPU that takes half the time of an index into the last dimension.
    planes = image.permute(0, 3, 1, 2)
    picture = torch.cat([planes[:, :3].flip(1), planes[:, 3:]], dim=1).float()
    picture = (picture - mean[:, None, None]) / std[:, None, None]
    if present is not None:
        picture = picture * present[:, [0, 0, 0, 1][:channels], None, None]
    return picture.contiguous(memory_format=torch.channels_last)


def wrap(image: Tensor, pad: int) -> Tensor:
    """Continue a panorama [b, c, h, w] by `pad` columns on each side, from its other side."""
    return image if pad == 0 else torch.cat([image[..., -pad:], image, image[..., :pad]], dim=-1)
