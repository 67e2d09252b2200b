# SPDX-License-Identifier: Apache-2.0
"""A bundle with all that makes a SegFormer hard to lower, in 300 weights: attention, upsampling, argmax."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from samseg_ros import bundle
from samseg_ros.labels import STREET11

SIZE = (32, 64)

GRAPH = """
<ir_version: 8, opset_import: ["": 17]>
small (uint8[32, 64, 3] image) => (uint8[32, 64] labels, uint8[32, 64] confidence) {
    pixels = Cast <to = 1> (image)
    planes = Transpose <perm = [2, 0, 1]> (pixels)
    batch = Unsqueeze (planes, zero)
    centred = Sub (batch, mean)
    normal = Mul (centred, scale)
    stem = Cast <to = 1> (stem_half)
    patches = Conv <strides = [4, 4], kernel_shape = [4, 4]> (normal, stem)
    tokens = Reshape (patches, as_tokens)
    rows = Transpose <perm = [0, 2, 1]> (tokens)
    mean_free = LayerNormalization <axis = -1> (rows, gain, shift)
    queries = MatMul (mean_free, wq)
    keys = MatMul (mean_free, wk)
    columns = Transpose <perm = [0, 2, 1]> (keys)
    products = MatMul (queries, columns)
    scaled = Mul (products, half)
    weights = Softmax <axis = -1> (scaled)
    attended = MatMul (weights, mean_free)
    sum = Add (attended, rows)
    back = Transpose <perm = [0, 2, 1]> (sum)
    map = Reshape (back, as_map)
    scores = Conv (map, head)
    large = Resize <mode = "linear"> (scores, , , as_image)
    best = ArgMax <axis = 1, keepdims = 0> (large)
    probabilities = Softmax <axis = 1> (large)
    most = ReduceMax <axes = [1], keepdims = 0> (probabilities)
    bytes = Mul (most, full)
    best_plane = Squeeze (best, zero)
    sure_plane = Squeeze (bytes, zero)
    labels = Cast <to = 2> (best_plane)
    confidence = Cast <to = 2> (sure_plane)
}
"""


def write_small_network(directory: Path, loud: float = 1.0) -> bundle.Bundle:
    """`loud` is how much larger queries and keys are; from some thousands on, their products and what scales
    these down do not fit into fp16.
    """
    onnx = pytest.importorskip("onnx")
    random = np.random.default_rng(3)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0, 0.5, shape).astype(np.float32)

    values = {
        "zero": np.array([0]),
        "mean": np.full((1, 3, 1, 1), 127, np.float32),
        "scale": np.float32(1 / 60),
        "stem_half": normal(8, 3, 4, 4).astype(np.float16),
        "as_tokens": np.array([1, 8, 128]),
        "gain": np.ones(8, np.float32),
        "shift": np.zeros(8, np.float32),
        "wq": normal(8, 8) * np.float32(loud),
        "wk": normal(8, 8) * np.float32(loud),
        "half": np.float32(0.5 / loud**2),
        "as_map": np.array([1, 8, 8, 16]),
        "head": normal(len(STREET11), 8, 1, 1),
        "as_image": np.array([1, len(STREET11), *SIZE]),
        "full": np.float32(255),
    }
    model = onnx.parser.parse_model(GRAPH)
    model.graph.initializer.extend(onnx.numpy_helper.from_array(a, name) for name, a in values.items())
    onnx.checker.check_model(model, full_check=True)
    return bundle.write(
        directory, graph=model.SerializeToString(), name="small", task="camera", projection="pinhole",
        size=SIZE, labels=STREET11, training={}, scores={}, card="",
    )  # fmt: skip
