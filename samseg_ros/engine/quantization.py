# SPDX-License-Identifier: Apache-2.0
"""int8 by calibration: the ranges of values on a user's pictures, written into the graph as Q/DQ pairs.

TensorRT's own calibrators (implicit quantisation) are gone in 11 and in RTX; explicit pairs are understood by
all versions from 8.0, by ONNX Runtime and by OpenVINO.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from samseg_ros.bundle import Bundle
from samseg_ros.engine.engine import EngineError

PRODUCTS = ["Conv", "Gemm", "MatMul"]


def quantised(bundle: Bundle, frames: Iterable[dict[str, np.ndarray]]) -> bytes:
    """The bundle's graph with its convolutions and products of weights in int8, all else in fp32.

    The convolutions that see the picture stay in fp32 too: they are little work, and OpenVINO 2026.4 loses
    2 to 6 % of the labels with them in int8.

    `frames` are inputs as :meth:`samseg_ros.engine.Engine.infer` takes them, the more like those of the robot
    the better; some tens are enough. Scales are symmetric, those of weights per channel, as TensorRT demands.
    EngineError where the graph cannot be quantised.
    """
    with tempfile.TemporaryDirectory() as folder:
        folded, done = Path(folder, "folded.onnx"), Path(folder, "done.onnx")
        try:
            # Weights must be constants for the quantiser: bundles keep them as fp16 behind a cast.
            quant_pre_process(bundle.graph, folded, skip_symbolic_shape=True)
            model = onnx.load(folded)
            for i, node in enumerate(model.graph.node):
                node.name = f"{i} {node.name}"  # to be told apart: a graph need not name its nodes
            onnx.save(model, folded)
            quantize_static(
                folded,
                done,
                _Frames(frames),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=PRODUCTS,
                nodes_to_exclude=_first_products(model),
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                extra_options={
                    "ActivationSymmetric": True,
                    "WeightSymmetric": True,
                    "AddQDQPairToWeight": True,  # weights as 8.6 wants them: fp32, then Q and DQ
                    "QuantizeBias": False,  # TensorRT knows no int32 biases
                    "MatMulConstBOnly": True,  # not those of attention
                },
            )
        except Exception as error:  # these libraries raise whatever they come upon
            raise EngineError(
                f"bundle '{bundle.name}' cannot be quantised: {str(error).strip().splitlines()[-1]}"
            ) from error
        return done.read_bytes()


def _first_products(model: onnx.ModelProto) -> list[str]:
    """The names of the products that no other product lies before."""
    seen = {value.name for value in model.graph.input}
    multiplied: set[str] = set()
    found = []
    # ONNX lists nodes in an order in which they can be computed.
    for node in model.graph.node:
        if multiplied.intersection(node.input):
            multiplied.update(node.output)
        elif seen.intersection(node.input):
            if node.op_type in PRODUCTS:
                found.append(node.name)
                multiplied.update(node.output)
            else:
                seen.update(node.output)
    return found


class _Frames(CalibrationDataReader):
    def __init__(self, frames: Iterable[dict[str, np.ndarray]]) -> None:
        self._frames = iter(frames)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._frames, None)
