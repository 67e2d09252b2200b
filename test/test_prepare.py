# SPDX-License-Identifier: Apache-2.0
"""`samseg engine`: an engine ahead of time."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from engine.small_network import write_small_network

from samseg_ros import cli, engine
from samseg_ros.engine import EngineError
from samseg_ros.engine.acceptance import Reference
from samseg_ros.engine.probes import street
from samseg_ros.errors import UserError
from samseg_ros.prepare import MOST_PICTURES, _frames, prepare, summary

with_onnxruntime = pytest.mark.skipif("onnxruntime" not in engine.available(), reason="no onnxruntime here")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        cv2.imwrite(str(folder / f"{i}.png"), street((48, 96), i))
    return folder


@with_onnxruntime
def test_it_reports_what_was_made_and_how_far_it_agrees(tmp_path, capsys):
    small = write_small_network(tmp_path / "small")
    words = ["engine", str(small.path), "--runtime", "onnxruntime", "--device", "CPU"]
    assert cli.main([*words, "--precision", "fp16", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert list(report) == [
        "bundle", "runtime", "version", "device", "precision", "fallback", "agreement", "seconds",
    ]  # fmt: skip
    assert (report["bundle"], report["runtime"], report["precision"]) == ("small", "onnxruntime", "fp16")
    assert report["agreement"] > 0.99
    assert "checking the engine, fp16" in err.splitlines()
    assert "agrees with the reference on " in summary(report)


@with_onnxruntime
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_int8_is_measured_once_and_then_known(tmp_path, pictures, runtime):
    if runtime not in engine.available():
        pytest.skip(f"no {runtime} here")
    small = write_small_network(tmp_path / "small")
    options = {"runtime": runtime, "device": "CPU", "precision": "int8", "min_agreement": 0.5}
    before = prepare(str(small.path), **options)
    # OpenVINO computes in fp16 only where the CPU does, and in fp32 elsewhere.
    assert before["precision"] in ({"fp16"} if runtime == "onnxruntime" else {"fp16", "fp32"})
    assert "--precision int8 --calibration DIR" in before["fallback"]
    assert prepare(str(small.path), calibration=pictures, **options)["precision"] == "int8"
    assert prepare(str(small.path), **options)["precision"] == "int8"


@with_onnxruntime
def test_int8_that_disagrees_does_not_serve(tmp_path, pictures, monkeypatch):
    if "openvino" not in engine.available():
        pytest.skip("no openvino here")
    small = write_small_network(tmp_path / "small")
    monkeypatch.setattr(Reference, "agreement", lambda self, made: float(made.precision != "int8"))
    found = prepare(str(small.path), "CPU", "openvino", "int8", 0.5, pictures)
    assert found["precision"] != "int8"
    assert found["fallback"].startswith("int8 agrees with the reference on ")


@with_onnxruntime
def test_what_disagrees_is_refused(tmp_path, monkeypatch):
    small = write_small_network(tmp_path / "small")
    monkeypatch.setattr("samseg_ros.prepare.Reference.agreement", lambda self, made: 0.5)
    with pytest.raises(EngineError, match=r"onnxruntime in fp32 agrees with the reference on 50\.00% of"):
        prepare(str(small.path), runtime="onnxruntime", device="CPU")


def test_frames_are_what_the_network_would_see(tmp_path, pictures, red_bundle, hot_bundle):
    red = red_bundle(tmp_path / "red", task="camera")
    frames = _frames(red, pictures, None)
    assert [list(frame) for frame in frames] == [["image"]] * 3
    expected = cv2.resize(cv2.imread(str(pictures / "1.png")), (64, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(frames[1]["image"], expected)

    thermal = tmp_path / "thermal"
    thermal.mkdir()
    for i in (1, 2, 7):
        cv2.imwrite(str(thermal / f"{i}.png"), np.full((24, 48), 3000 + i, np.uint16))
    pairs = _frames(hot_bundle(tmp_path / "hot"), pictures, thermal)
    assert len(pairs) == 2
    assert (pairs[0]["present"] == 1).all()
    np.testing.assert_array_equal(pairs[0]["image"], expected)


def test_of_many_pictures_some_are_taken_evenly(tmp_path, red_bundle):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(2 * MOST_PICTURES):
        cv2.imwrite(str(folder / f"{i:03}.png"), np.full((32, 64, 3), i, np.uint8))
    frames = _frames(red_bundle(tmp_path / "red", task="camera"), folder, None)
    assert [int(frame["image"][0, 0, 0]) for frame in frames] == list(range(0, 2 * MOST_PICTURES, 2))


@pytest.mark.parametrize(
    ("task", "thermal", "sentence"),
    [
        ("rgbt", False, "is for task rgbt; give the thermal pictures with --thermal"),
        ("camera", True, "is for task camera; leave out --thermal"),
    ],
)
def test_pictures_that_do_not_suit_the_bundle_are_refused(
    tmp_path, pictures, red_bundle, hot_bundle, task, thermal, sentence
):
    made = hot_bundle(tmp_path / "b") if task == "rgbt" else red_bundle(tmp_path / "b", task=task)
    with pytest.raises(UserError, match=sentence):
        prepare(str(made.path), calibration=pictures, thermal=pictures if thermal else None)


def test_a_folder_that_is_missing_is_named(tmp_path, red_bundle):
    made = red_bundle(tmp_path / "red", task="camera")
    with pytest.raises(UserError, match="nowhere is no folder; give a folder of pictures"):
        prepare(str(made.path), calibration=tmp_path / "nowhere")


def test_wrong_words_are_refused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["engine", "street_b0_camera", "--min-agreement", "99"])
    assert "'99' must be a number from 0 to 1" in capsys.readouterr().err
    assert cli.main(["engine", "street_b0_camera", "--precision", "fp8"]) == 2
    assert "precision 'fp8' is unknown" in capsys.readouterr().err
