# SPDX-License-Identifier: Apache-2.0
"""That each runtime, precision and task has its row or its reason, on tiny bundles; not how fast they are."""

import dataclasses
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from engine.small_network import write_small_network

from benchmarks import inference, report
from samseg_ros import engine
from samseg_ros.engine import EngineError, Prediction
from samseg_ros.errors import UserError

pytest.importorskip("onnx", reason="onnx is not installed; pip install 'samseg_ros[tensorrt]'")
REFERENCE = "onnxruntime fp32"

if "onnxruntime" not in engine.available():
    pytest.skip("no onnxruntime here", allow_module_level=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three RGB pictures, and thermal ones of two of them."""
    random = np.random.default_rng(0)
    for kind in ("rgb", "thermal"):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
    for number in range(3):
        image = report.cloud(random, (48, 96))
        cv2.imwrite(str(tmp_path / "pictures" / "rgb" / f"{number}.png"), image)
        if number:
            warm = image[..., 0].astype(np.uint16) * 10 + 28000
            cv2.imwrite(str(tmp_path / "pictures" / "thermal" / f"{number}.png"), warm)
    return tmp_path / "pictures"


def check_rows(result: dict) -> None:
    """Every runtime was asked for every precision, and each has its row or its reason."""
    asked = {
        f"{row['runtime']} {precision}"
        for row in result["runtimes"].values()
        for precision in row.get("asked", ())
    }
    refused = set(result["refused"]) - {inference.BASELINE}
    assert not asked & refused
    assert asked | refused == {f"{name} {how}" for name in engine.available() for how in engine.PRECISIONS}
    assert all("\n" not in reason for reason in result["refused"].values())


def test_a_panorama_that_is_no_segformer(tmp_path, red_bundle, folder) -> None:
    result = inference.measure(red_bundle(tmp_path / "red"), 1, 1, folder)
    check_rows(result)
    assert result["baseline"] is None and inference.BASELINE not in result["runtimes"]
    assert "names no SegFormer" in result["refused"][inference.BASELINE]
    assert result["pictures"] == {"kind": "folder", "judged": 2, "calibration": 1}
    reference = result["runtimes"][REFERENCE]
    assert result["reference"] == REFERENCE and reference["times_faster"]["median"] == 1.0
    for row in result["runtimes"].values():
        ratio = reference["ms"]["median"] / row["ms"]["median"]
        # Both are rounded, and such a bundle takes microseconds.
        assert row["times_faster"]["median"] == pytest.approx(ratio, rel=0.05)
        assert (row["agreement"], row["agreement_confident"]) == (1.0, 1.0)


def test_rgb_and_thermal(tmp_path, hot_bundle, folder) -> None:
    hot = hot_bundle(tmp_path / "hot")
    result = inference.measure(hot, 1, 1, folder)
    check_rows(result)
    assert result["task"] == "rgbt" and result["pictures"]["kind"] == "folder"
    for one in inference.read(hot, folder):
        assert one["thermal"].dtype == np.uint8 and np.ptp(one["thermal"]) > 200  # scaled, not cut off
        assert one["image"].shape == (32, 64, 3) and one["present"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("task", ["panorama", "camera", "rgbt"])
def test_the_baseline_serves_each_task(tmp_path, red_bundle, hot_bundle, task) -> None:
    pytest.importorskip("transformers", reason="transformers is missing; pip install 'samseg_ros[train]'")
    made = hot_bundle(tmp_path / "b") if task == "rgbt" else red_bundle(tmp_path / "b", task=task)
    said = {"network": "b0", "config": {"wrap": 16, "network": {"decoder": 32}}}
    run = inference.pytorch_eager(dataclasses.replace(made, training=said))
    one = inference.given(made, np.zeros((64, 128, 3), np.uint8), np.zeros((64, 128), np.uint8))
    for part in run(one):
        assert part.shape == (32, 64) and part.dtype == np.uint8


def test_with_a_baseline_ratios_are_to_it(tmp_path, red_bundle, folder) -> None:
    pytest.importorskip("transformers", reason="transformers is missing; pip install 'samseg_ros[train]'")
    red = dataclasses.replace(red_bundle(tmp_path / "red"), training={"network": "b0"})
    result = inference.measure(red, 1, 1, folder)
    check_rows(result)
    assert result["baseline"] == inference.BASELINE == next(iter(result["runtimes"]))
    assert result["runtimes"][inference.BASELINE]["times_faster"]["median"] == 1.0
    assert result["runtimes"][REFERENCE]["times_faster"]["median"] != 1.0


def test_what_a_runtime_refuses_is_told_and_int8_is_calibrated(tmp_path, folder) -> None:
    result = inference.measure(write_small_network(tmp_path / "small"), 1, 1, folder)
    check_rows(result)
    for runtime in {"onnxruntime", "openvino"}.intersection(engine.available()):
        assert result["runtimes"][f"{runtime} int8"]["precision"] == "int8"
    reason = result["refused"].get("onnxruntime bf16")  # newer ones may know it
    assert reason is None or reason.startswith("ONNX Runtime cannot load bundle 'small'")
    table = inference.table({"baseline": inference.BASELINE, "bundles": {"small": result}}).splitlines()
    assert len(table) == 1 + len(result["runtimes"]) + len(result["refused"])


def test_what_is_hopeless_is_not_measured(tmp_path, red_bundle, folder, monkeypatch) -> None:
    monkeypatch.setattr(inference, "HOPELESS_S", -1.0)
    result = inference.measure(red_bundle(tmp_path / "red"), 1, 1, folder)
    assert list(result["runtimes"]) == [REFERENCE]
    assert "not worth a comparison" in result["refused"]["onnxruntime fp16"]


def test_agreement_is_of_all_pixels_and_of_the_confident_ones() -> None:
    labels, confidence = np.zeros((2, 4), np.uint8), np.full((2, 4), 200, np.uint8)
    confidence[1] = 100
    other = labels.copy()
    other[0, 0] = other[1, 0] = other[1, 1] = 3
    found = inference.agreement([Prediction(labels, confidence)], [Prediction(other, confidence)])
    assert found == {"agreement": 5 / 8, "agreement_confident": 3 / 4}


def test_pictures_are_drawn_or_noise(tmp_path, red_bundle, hot_bundle, monkeypatch) -> None:
    hot, red = hot_bundle(tmp_path / "hot"), red_bundle(tmp_path / "red", size=(32, 96))
    monkeypatch.setattr(inference, "DRAWN", 1)
    only_rgb = tmp_path / "pictures"
    only_rgb.mkdir()
    kind, shown = inference.inputs_of(hot, only_rgb)
    assert kind == "drawn street" and set(shown[0]) == set(hot.inputs)
    assert np.ptp(shown[0]["thermal"]) > 100
    _, shown = inference.inputs_of(red, None)
    assert shown[0]["image"].shape == (32, 96, 3)
    monkeypatch.setattr(inference, "draw", lambda *_: False)
    for made in (hot, red):
        kind, shown = inference.inputs_of(made, None)
        assert kind == "smooth noise" and set(shown[0]) == set(made.inputs)


def test_what_a_user_can_put_right_is_one_sentence(tmp_path, red_bundle, monkeypatch) -> None:
    red = red_bundle(tmp_path / "red")
    with pytest.raises(UserError, match="is no folder"):
        inference.measure(red, 1, 1, tmp_path / "nowhere")
    monkeypatch.setattr(sys, "argv", ["inference", "--bundle", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match="there is no model bundle"):
        inference.main()
    monkeypatch.setattr(engine, "available", lambda: [])
    monkeypatch.setattr(
        engine, "load", lambda *_, **__: (_ for _ in ()).throw(EngineError("no runtime is installed."))
    )
    with pytest.raises(EngineError, match="no runtime"):
        inference.candidates(red, [])
