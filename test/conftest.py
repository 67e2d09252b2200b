# SPDX-License-Identifier: Apache-2.0
"""Tiny bundles whose answer is known pixel by pixel, for tests of everything but the network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samseg_ros import bundle
from samseg_ros.labels import STREET11

# Nodes of these tests, in whatever process, hear no other machine's.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


@pytest.fixture
def red_bundle() -> Callable[..., bundle.Bundle]:
    """Writes a `street11` bundle: id 8 (person) where red is above 128, else 0 (road); confidence is blue."""
    return write_red_bundle


def write_red_bundle(
    directory: Path, size: tuple[int, int] = (32, 64), task: str = "panorama"
) -> bundle.Bundle:
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            # TensorRT takes uint8 into casts, and out of them, and nowhere else.
            helper.make_node("Cast", ["image"], ["levels"], to=TensorProto.INT32),
            helper.make_node("Split", ["levels"], ["blue3", "green3", "red3"], axis=2, num_outputs=3),
            helper.make_node("Squeeze", ["red3", "last"], ["red"]),
            helper.make_node("Squeeze", ["blue3", "last"], ["blue"]),
            helper.make_node("Greater", ["red", "half"], ["is_person"]),
            helper.make_node("Where", ["is_person", "person", "road"], ["ids"]),
            helper.make_node("Cast", ["ids"], ["labels"], to=TensorProto.UINT8),
            helper.make_node("Cast", ["blue"], ["confidence"], to=TensorProto.UINT8),
        ],
        "red",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [*size, 3])],
        [helper.make_tensor_value_info(n, TensorProto.UINT8, list(size)) for n in ("labels", "confidence")],
        [
            numpy_helper.from_array(np.array([2], np.int64), "last"),
            numpy_helper.from_array(np.array(128, np.int32), "half"),
            numpy_helper.from_array(np.array(8, np.int32), "person"),
            numpy_helper.from_array(np.array(0, np.int32), "road"),
        ],
    )
    return _written(directory, graph, "red", task, size)


@pytest.fixture
def hot_bundle() -> Callable[..., bundle.Bundle]:
    """Writes a `street11` RGB-T bundle: id 8 (person) where thermal is above 128, else 9 (car) where red is,
    else 0 (road); confidence is 100 if the image is present plus 50 if the thermal is.
    """
    return write_hot_bundle


def write_hot_bundle(directory: Path, size: tuple[int, int] = (32, 64)) -> bundle.Bundle:
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["levels"], to=TensorProto.INT32),
            helper.make_node("Split", ["levels"], ["blue3", "green3", "red3"], axis=2, num_outputs=3),
            helper.make_node("Squeeze", ["red3", "last"], ["redness"]),
            helper.make_node("Cast", ["thermal"], ["warmth"], to=TensorProto.INT32),
            helper.make_node("Greater", ["redness", "half"], ["is_red"]),
            helper.make_node("Greater", ["warmth", "half"], ["is_hot"]),
            helper.make_node("Where", ["is_red", "car", "road"], ["seen"]),
            helper.make_node("Where", ["is_hot", "person", "seen"], ["ids"]),
            helper.make_node("Cast", ["ids"], ["labels"], to=TensorProto.UINT8),
            helper.make_node("Mul", ["present", "worth"], ["worths"]),
            helper.make_node("ReduceSum", ["worths"], ["trust"], keepdims=0),
            helper.make_node("Expand", ["trust", "size"], ["trusted"]),
            helper.make_node("Cast", ["trusted"], ["confidence"], to=TensorProto.UINT8),
        ],
        "hot",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, [*size, 3]),
            helper.make_tensor_value_info("thermal", TensorProto.UINT8, list(size)),
            helper.make_tensor_value_info("present", TensorProto.FLOAT, [2]),
        ],
        [helper.make_tensor_value_info(n, TensorProto.UINT8, list(size)) for n in ("labels", "confidence")],
        [
            numpy_helper.from_array(np.array([2], np.int64), "last"),
            numpy_helper.from_array(np.array(128, np.int32), "half"),
            numpy_helper.from_array(np.array(8, np.int32), "person"),
            numpy_helper.from_array(np.array(9, np.int32), "car"),
            numpy_helper.from_array(np.array(0, np.int32), "road"),
            numpy_helper.from_array(np.array([100, 50], np.float32), "worth"),
            numpy_helper.from_array(np.array(size, np.int64), "size"),
        ],
    )
    return _written(directory, graph, "hot", "rgbt", size)


def _written(directory: Path, graph: Any, name: str, task: str, size: tuple[int, int]) -> bundle.Bundle:
    onnx = pytest.importorskip("onnx")
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bundle.write(
        directory,
        graph=model.SerializeToString(),
        name=name,
        task=task,
        projection="equirectangular" if task == "panorama" else "pinhole",
        size=size,
        labels=STREET11,
        training={},
        scores={},
        card=f"# {name}\n",
    )
