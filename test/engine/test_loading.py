# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading

import pytest

from samseg_ros.engine import EngineError, runtimes
from samseg_ros.engine.loading import load_while_reporting


def test_reports_go_out_while_it_loads_and_the_log_hears_all() -> None:
    reported, logged, done = [], [], threading.Event()

    def load(tell):
        tell("building the engine, fp16")
        assert done.wait(60)
        return "the engine"

    def report(progress: str) -> None:
        reported.append(progress)
        if len(reported) == 3:
            done.set()

    assert load_while_reporting(load, report, 0.01, logged.append) == "the engine"
    assert logged == ["building the engine, fp16"]
    assert "building the engine, fp16, 0 s" in reported


def test_its_error_is_raised_here() -> None:
    def load(tell):
        raise EngineError("there is no GPU.")

    with pytest.raises(EngineError, match="there is no GPU"):
        load_while_reporting(load, print, 1.0, print)


def test_who_cannot_be_reported_to_need_not_wait() -> None:
    ended = threading.Event()

    def report(progress: str) -> None:
        raise RuntimeError("the process is ending")

    with pytest.raises(RuntimeError, match="ending"):
        load_while_reporting(lambda tell: ended.wait(60), report, 0.01, print)
    ended.set()


@pytest.mark.parametrize("device", ["AUTO", "GPU", "GPU:1", "TENSORRT"])
def test_a_gpu_that_only_onnx_runtime_knows_is_taken(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setattr(runtimes, "available", lambda: ["openvino", "onnxruntime"])
    for there, expected in ((True, "onnxruntime"), (False, "openvino")):
        monkeypatch.setattr(runtimes, "_onnxruntime_on_gpu", lambda there=there: there)
        assert runtimes._best(device) == expected
        assert runtimes._best("CPU") == "openvino"


def test_whether_to_go_on_is_asked_more_often_than_is_reported():
    def check():
        raise EngineError("the process was told to end.")

    go_on = threading.Event()
    try:
        with pytest.raises(EngineError, match="told to end"):
            load_while_reporting(lambda tell: go_on.wait(60), print, 60.0, print, check)
    finally:
        go_on.set()
