# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from samseg_ros import bundle, engine
from samseg_ros.engine.engine import check_inputs
from samseg_ros.engine.probes import probes


def test_they_are_the_bundles_inputs_and_the_same_every_time(
    tmp_path: Path, red_bundle: Callable[..., bundle.Bundle], hot_bundle: Callable[..., bundle.Bundle]
) -> None:
    for made in (red_bundle(tmp_path / "red", size=(64, 96)), hot_bundle(tmp_path / "hot", size=(64, 96))):
        first, second = probes(made), probes(made)
        assert len(first) == 3
        for one, again in zip(first, second, strict=True):
            check_inputs(made, one)
            assert all((one[name] == again[name]).all() for name in one)
        assert not (first[0]["image"] == first[1]["image"]).all()


def test_a_stream_that_is_not_present_is_black(
    tmp_path: Path, hot_bundle: Callable[..., bundle.Bundle]
) -> None:
    both, rgb, warm = probes(hot_bundle(tmp_path / "hot"))
    assert both["image"].any() and both["thermal"].any()
    assert rgb["image"].any() and not rgb["thermal"].any()
    assert warm["thermal"].any() and not warm["image"].any()


@pytest.mark.skipif("onnxruntime" not in engine.available(), reason="onnxruntime is not installed")
@pytest.mark.parametrize("name", sorted(bundle.installed()))
def test_a_shipped_model_is_sure_of_most_of_them_and_sees_many_classes(name: str) -> None:
    loaded = bundle.load(name)
    shown, made = probes(loaded), engine.load(loaded, "CPU", "onnxruntime")
    answers = [made.infer(**one) for one in shown]
    assert np.mean([(answer.confidence >= 128).mean() for answer in answers]) > 0.5
    assert len(np.unique(np.concatenate([answer.labels.ravel() for answer in answers]))) >= 5
    if "openvino" in engine.available():
        other = engine.load(loaded, "CPU", "openvino", precision="fp32")
        same = [other.infer(**one).labels == its.labels for one, its in zip(shown, answers, strict=True)]
        assert np.mean(same) > 0.999
