# SPDX-License-Identifier: Apache-2.0
"""The deployed graph: uint8 pictures in, uint8 labels and confidence out, as an ONNX file."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from samseg_ros.labels import UNLABELED
from training.modalities import BOTH, Present
from training.networks import MEAN, STD, THERMAL_MEAN, THERMAL_STD, wrap

OPSET = 17  # has LayerNormalization, and is read by every runtime of the last years


class Deployed(nn.Module):
    """What the robot runs.

    Args:
        network: float32 image [1, 3, h, w], RGB, or [1, 4, h, w] with thermal last, normalised, to logits
            [1, classes, h/4, w/4].
        pad: columns by which a panorama is continued on each side, a multiple of 4; 0 for pinhole pictures.
        presence: the network also takes which streams are present, float32 [1, 2].
    """

    mean: Tensor
    inverse_deviation: Tensor

    def __init__(self, network: nn.Module, pad: int, presence: bool = False) -> None:
        super().__init__()
        self.network = network
        self.pad = pad
        self.presence = presence
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("inverse_deviation", 1.0 / torch.tensor(STD).view(1, 3, 1, 1))

    def forward(
        self, image: Tensor, thermal: Tensor | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Labels and confidence (probability times 255), uint8 [h, w].

        Args:
            image: uint8 [h, w, 3] BGR.
            thermal: uint8 [h, w], for networks that take it.
            present: with thermal: float32 [2], 1 or 0 for image and thermal.
        """
        # Cast before anything moves: TensorRT takes uint8 at an input only into a Cast.
        picture = image.float().permute(2, 0, 1)[None]
        picture = (picture[:, [2, 1, 0]] - self.mean) * self.inverse_deviation
        if thermal is not None and present is not None:
            warmth = (thermal.float()[None, None] - THERMAL_MEAN) / THERMAL_STD
            picture = torch.cat([picture * present[0], warmth * present[1]], dim=1)
        picture = wrap(picture, self.pad)
        size = [int(side) for side in picture.shape[2:]]
        asked = (picture,) if not self.presence or present is None else (picture, present[None])
        logits = self.network(*asked)
        logits = functional.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        logits = logits[..., self.pad : size[1] - self.pad] if self.pad else logits
        highest = logits.amax(dim=1, keepdim=True)
        # The first class that is highest. An ArgMax is the same, but costs OpenVINO 6 % of a whole panorama.
        ids = torch.arange(logits.shape[1], dtype=logits.dtype, device=logits.device).view(1, -1, 1, 1)
        labels = torch.where(logits == highest, ids, float(UNLABELED)).amin(dim=1)
        confidence = 1.0 / torch.exp(logits - highest).sum(dim=1)
        # By way of int32: TensorRT gives uint8 at an output only from a Cast out of int32 or a float.
        return labels[0].to(torch.int32).to(torch.uint8), torch.round(confidence[0] * 255.0).to(torch.uint8)


def inputs(picture: np.ndarray, present: Present = BOTH) -> dict[str, np.ndarray]:
    """What the graph takes of a picture uint8 [h, w, 3] BGR, or [h, w, 4] with thermal last, by name."""
    if picture.shape[2] == 3:
        return {"image": picture}
    image, thermal = np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3])
    return {"image": image, "thermal": thermal, "present": np.array(present, np.float32)}


def to_onnx(deployed: Deployed, size: tuple[int, int], half_weights: bool = True, channels: int = 3) -> bytes:
    """Serialise as ONNX with static inputs of `size` (height, width); 4 `channels` are image and thermal.

    `half_weights` stores weights as float16, each followed by a Cast to float32: half the file, and the
    precision of the computation remains the runtime's choice.
    """
    example = inputs(np.zeros((*size, channels), np.uint8))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "model.onnx"
        # The tracer warns of every shape that becomes constant, which is what a static input is for.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            deployed.cpu().eval(),
            tuple(torch.from_numpy(array) for array in example.values()),
            path,
            input_names=list(example),
            output_names=["labels", "confidence"],
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(path)
    if half_weights:
        _halve(model.graph)
    model.producer_name = "samseg_ros"
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _halve(graph: onnx.GraphProto) -> None:
    """Store large float32 initializers as float16 with a Cast back to float32, in place."""
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        # Small ones (biases, normalisation) save nothing and deserve their precision.
        if tensor.data_type != TensorProto.FLOAT or values.size < 1024:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
