# SPDX-License-Identifier: Apache-2.0
"""A tiny bundle whose answer is known pixel by pixel, for tests of everything but the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from samseg_ros import bundle
from samseg_ros.labels import STREET11


@pytest.fixture
def red_bundle() -> Callable[..., bundle.Bundle]:
    """Writes a `street11` bundle: id 8 (person) where red is above 128, else 0 (road); confidence is blue."""
    return write_red_bundle


def write_red_bundle(
    directory: Path, size: tuple[int, int] = (32, 64), task: str = "panorama"
) -> bundle.Bundle:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("Split", ["image"], ["blue3", "green3", "red3"], axis=2, num_outputs=3),
            helper.make_node("Squeeze", ["red3", "last"], ["red"]),
            helper.make_node("Squeeze", ["blue3", "last"], ["confidence"]),
            helper.make_node("Cast", ["red"], ["level"], to=TensorProto.INT32),
            helper.make_node("Greater", ["level", "half"], ["is_person"]),
            helper.make_node("Where", ["is_person", "person", "road"], ["labels"]),
        ],
        "red",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [*size, 3])],
        [helper.make_tensor_value_info(n, TensorProto.UINT8, list(size)) for n in ("labels", "confidence")],
        [
            numpy_helper.from_array(np.array([2], np.int64), "last"),
            numpy_helper.from_array(np.array(128, np.int32), "half"),
            numpy_helper.from_array(np.array(8, np.uint8), "person"),
            numpy_helper.from_array(np.array(0, np.uint8), "road"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bundle.write(
        directory,
        graph=model.SerializeToString(),
        name="red",
        task=task,
        projection="equirectangular" if task == "panorama" else "pinhole",
        size=size,
        labels=STREET11,
        training={},
        scores={},
        card="# Red is a person\n",
    )
