# SPDX-License-Identifier: Apache-2.0
"""A bundle's SegFormer back as a network to train on: what ships can be fine-tuned on one's own pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from samseg_ros import bundle
from samseg_ros.bundle import Bundle
from samseg_ros.labels import LabelSet
from training import run_folder
from training.export.graph import Deployed, to_onnx
from training.export.segformer import DeployedSegformer
from training.networks import Segformer, segformer


def is_bundle(folder: Path) -> bool:
    """Is `folder` a bundle, rather than a run?"""
    return (folder / "bundle.yaml").is_file()


def learned_from(start: Path) -> list[dict[str, Any]]:
    """The sets that a bundle learned from, or a run as of `training.run_folder.learned_from`."""
    if is_bundle(start):
        told: list[dict[str, Any]] = bundle.load(start).training["data"]
        return told
    return run_folder.learned_from(start)


@torch.no_grad()
def network(folder: Path, labels: LabelSet, pictures: Callable[[], Tensor] | None = None) -> Segformer:
    """A network in evaluation mode that computes what the graph of a bundle computes before its softmax.

    The graph holds the decode head as one convolution for each stage, so the head's own factors are lost: the
    projections take these convolutions, fusion adds them up, and normalisation takes the mean and variance
    that it finds on `pictures`, so that it changes nothing in training mode either.

    Args:
        folder: the bundle, written by `training.export`.
        labels: its label set.
        pictures: gives normalised float32 [b, 3 or 4, h, w], some to train on; None leaves mean 0 and
            variance 1, which is the same function in evaluation mode alone.

    Raises:
        ValueError: a damaged bundle, one of another label set, one that takes more than the pictures show, or
            one that holds no SegFormer.
    """
    start = bundle.load(folder)
    if start.labels.name != labels.name:
        raise ValueError(
            f"init {folder} labels {start.labels.name}, not {labels.name}: choose a bundle of the same label "
            "set."
        )
    made = _untrained(start)
    channels = made.model.config.num_channels
    seen = None if pictures is None else pictures()
    if seen is not None and seen.shape[1] < channels:
        raise ValueError(f"init {folder} is for RGB and thermal: choose a bundle for RGB alone.")
    template = DeployedSegformer(made)
    for parameter in template.parameters():
        # No two alike: each is found again in the template's own graph, and so its place in the bundle's.
        parameter.uniform_(0.1, 1.0)
    graph = to_onnx(Deployed(template, 0), start.size, half_weights=False, channels=channels)
    drawn = _constants(onnx.load_from_string(graph))
    wanted = _constants(onnx.load(start.graph))
    if [one.shape for one in drawn] != [one.shape for one in wanted]:
        raise _no_segformer(start)
    template.load_state_dict(_state(template, drawn, wanted))
    made.model.segformer.stages.load_state_dict(template.stages.state_dict())
    _unfold_head(made, template, None if seen is None else seen[:, :channels])
    return made


def _untrained(start: Bundle) -> Segformer:
    config = start.training.get("config", {})
    shape = config.get("network") or config.get("student") or {}
    try:
        return segformer(
            start.training["network"],
            len(start.labels),
            channels=4 if start.task == "rgbt" else 3,
            decoder=shape.get("decoder"),
            subpixel=shape.get("subpixel", 1),
        ).eval()
    except KeyError as error:
        raise _no_segformer(start) from error


def _no_segformer(start: Bundle) -> ValueError:
    return ValueError(
        f"init {start.path} holds no SegFormer that can be trained on: choose a bundle that "
        "`python -m training export` made of a supervised or a GoodSAM run."
    )


def _constants(model: onnx.ModelProto) -> list[np.ndarray]:
    """The floating constants that a graph's nodes take, in the order of the nodes."""
    found = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    taken = []
    for node in model.graph.node:
        # Weights are kept as float16, and those that happen to be equal are kept once.
        if node.op_type in ("Cast", "Identity") and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
        else:
            taken += [found[name] for name in node.input if name in found]
    return [one.astype(np.float32) for one in taken if one.dtype in (np.float16, np.float32)]


def _state(template: nn.Module, drawn: list[np.ndarray], wanted: list[np.ndarray]) -> dict[str, Tensor]:
    """The state of `template` with the constants `wanted` where the graph of its own values has `drawn`."""
    state = {}
    for name, value in template.state_dict().items():
        own = value.numpy()
        for before, after in zip(drawn, wanted, strict=True):
            if np.array_equal(before, own):
                state[name] = torch.from_numpy(after.copy())
            elif np.array_equal(before, own.T):  # as the exporter keeps the matrix of a linear layer
                state[name] = torch.from_numpy(after.T.copy())
    return state


def _unfold_head(network: Segformer, folded: DeployedSegformer, pictures: Tensor | None) -> None:
    head: Any = network.model.decode_head
    channels = head.linear_fuse.weight.shape[0]
    head.classifier.load_state_dict(folded.classifier.state_dict())
    head.linear_fuse.weight.copy_(torch.eye(channels).repeat(1, len(folded.stages))[..., None, None])
    shift = torch.zeros(channels)
    branches: Any = folded.branches
    for projection, branch in zip(head.linear_projections, branches, strict=True):
        projection.proj.weight.copy_(branch.weight.flatten(1))
        projection.proj.bias.zero_()
        shift += branch.bias
    norm = head.batch_norm
    if pictures is not None:
        mixed = network.mix(network.features(pictures))
        norm.running_mean.copy_(mixed.mean((0, 2, 3)))
        norm.running_var.copy_(mixed.var((0, 2, 3)))
    norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))
    norm.bias.copy_(norm.running_mean + shift)
