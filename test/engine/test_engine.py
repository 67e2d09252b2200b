# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from samseg_ros import bundle, engine
from samseg_ros.engine import EngineError
from samseg_ros.engine.runtimes import installed, nvidia_gpu
from samseg_ros.labels import STREET11

MakeBundle = Callable[..., bundle.Bundle]


def missing(runtime: str) -> str:
    """Why a runtime is not available."""
    if runtime not in installed():
        return f"{runtime} is not installed"
    return f"{runtime} needs cuda-python" if nvidia_gpu() else f"no NVIDIA GPU here for {runtime}"


runtimes = pytest.mark.parametrize(
    "runtime",
    [
        pytest.param(name, marks=pytest.mark.skipif(name not in engine.available(), reason=missing(name)))
        for name in engine.RUNTIMES
    ],
)


@runtimes
def test_every_runtime_gives_the_known_answer(tmp_path: Path, red_bundle: MakeBundle, runtime: str) -> None:
    ready = engine.load(red_bundle(tmp_path / "red"), runtime=runtime)
    image = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    for frame in (image, image[:, ::-1].copy()):
        labels, confidence = ready.infer(image=frame)
        np.testing.assert_array_equal(labels, np.where(frame[..., 2] > 128, 8, 0))
        np.testing.assert_array_equal(confidence, frame[..., 0])
        assert labels.dtype == confidence.dtype == np.uint8
    assert ready.runtime == runtime
    assert ready.device if engine.RUNTIMES[runtime].gpu else ready.device == "CPU"
    assert ready.precision
    assert ready.fallback == ""


@runtimes
@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({}, "takes image; it was given nothing"),
        ({"picture": np.zeros((32, 64, 3), np.uint8)}, "takes image; it was given picture"),
        ({"image": np.zeros((64, 32, 3), np.uint8)}, r"uint8 \[64, 32, 3\]; .* takes uint8 \[32, 64, 3\]"),
        ({"image": np.zeros((32, 64, 3), np.float32)}, "'image' is float32"),
    ],
)  # fmt: skip
def test_wrong_inputs_are_named(
    tmp_path: Path, red_bundle: MakeBundle, runtime: str, inputs: dict, sentence: str
) -> None:
    ready = engine.load(red_bundle(tmp_path / "red"), runtime=runtime)
    with pytest.raises(ValueError, match=sentence):
        ready.infer(**inputs)


@runtimes
def test_a_file_that_is_no_graph_is_one_sentence(tmp_path: Path, runtime: str) -> None:
    broken = bundle.write(
        tmp_path / "broken", graph=b"not ONNX", name="broken", task="camera", projection="pinhole",
        size=(32, 64), labels=STREET11, training={}, scores={}, card="",
    )  # fmt: skip
    with pytest.raises(EngineError, match="bundle 'broken'") as caught:
        engine.load(broken, runtime=runtime)
    assert "\n" not in str(caught.value)


def test_unknown_runtimes_are_refused(tmp_path: Path, red_bundle: MakeBundle) -> None:
    with pytest.raises(EngineError, match="runtime 'caffe' is unknown; choose one of: auto, tensorrt, "):
        engine.load(red_bundle(tmp_path / "red"), runtime="caffe")


def test_a_runtime_that_is_missing_is_said(
    tmp_path: Path, red_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = red_bundle(tmp_path / "red")
    monkeypatch.setattr("samseg_ros.engine.runtimes.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"no inference runtime is installed; pip install openvino"):
        engine.load(made)
    with pytest.raises(EngineError, match=r"'onnxruntime' is not installed; pip install onnxruntime"):
        engine.load(made, runtime="onnxruntime")


@runtimes
def test_a_device_that_is_not_there_is_one_sentence(
    tmp_path: Path, red_bundle: MakeBundle, runtime: str
) -> None:
    with pytest.raises(EngineError, match="NPX") as caught:
        engine.load(red_bundle(tmp_path / "red"), device="npx", runtime=runtime)
    assert "\n" not in str(caught.value)
