# SPDX-License-Identifier: Apache-2.0
"""What a rig of real processes over DDS brings back, and what is made of it; not how fast it is."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")
pytest.importorskip("psutil", reason="needs psutil (the extra bench)")

from benchmarks import end_to_end, node, overload, scaling
from benchmarks.rig import Rig, Take, take
from samseg_ros.errors import UserError

RIG = Rig(("/camera/image",), ("/camera/mask",), (64, 128), hz=20.0, frames=4, warm_up=1)


def taken(ages: list[float], inference: float = 100.0) -> Take:
    measured = {name: {"p50": inference, "p95": inference} for name in ("transport_ms", "inference_ms")}
    return Take(
        rig=RIG,
        hz=20.0,
        ages_ms=[ages],
        wrong=0,
        cores=1.5,
        rss_mb=[(second, 400.0 + 0.5 * second) for second in np.arange(0.0, 60.0, 0.5)],
        reports={"camera: segmentation": [{}, {"overhead p50 [ms]": "3.0"}]},
        results=[measured],
    )


def test_the_node_without_an_engine_answers_with_the_right_masks() -> None:
    row = node.run_case("samseg_ros", 20, 30.0)
    assert row["sent"] == 20 and 0 <= row["lost"] < 20
    assert row["wrong_masks"] == 0  # of those that were compared byte for byte, number 0 among them
    assert row["lost_before_the_node"] <= row["lost"] + node.WARM_UP
    assert row["age_ms"]["p50"] > row["transport_ms"]["p50"] > 0 and row["node_cpu_ms"] > 0


def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(UserError, match="no such camera"):
        take(RIG, [["-c", "raise SystemExit('no such camera')"]])


def test_a_frame_without_a_mask_is_unanswered() -> None:
    figures = taken([100.0, 300.0, 200.0]).figures()
    assert (figures["sent"], figures["unanswered"]) == (4, 1)
    assert figures["age_ms"] == {"p50": 200.0, "p95": 290.0, "max": 300.0}
    assert taken([]).figures()["age_ms"] == {}


def test_memory_that_grows_is_seen() -> None:
    found = overload.memory(taken([100.0]))
    assert found["growth_mb_per_minute"] == pytest.approx(30.0)
    assert found["last_mb"] == pytest.approx(429.8, abs=0.1) and found["first_mb"] < found["last_mb"]
    assert found["rss_mb"][0] == [0.0, 400.0]


def test_a_ratio_is_one_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    # The baseline of the first round takes ten times as long, that of the second four times.
    ages = iter([[1000.0], [100.0], [800.0], [200.0]])
    monkeypatch.setattr(end_to_end, "take", lambda *_, **__: taken(next(ages)))
    row = end_to_end.measure("street_b0_panorama", 2, 1.0, rates=(10.0,))["rates"]["10 Hz"]
    assert row["times lower p50"] == {"median": 7.0, "min": 4.0, "max": 10.0}
    assert row["samseg_ros"]["age_ms"]["p50"]["median"] == 150.0
    assert row["samseg_ros"]["sent"]["median"] == 4


def test_the_limit_is_an_inference_and_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []

    def at(rig: Rig, *_: object) -> Take:
        rates.append(rig.hz)
        return taken([120.0], inference=100.0)

    monkeypatch.setattr(overload, "take", at)
    result = overload.measure("street_b0_panorama", 0.5)
    assert rates == [overload.CALM_HZ, 100.0]  # ten times as many as 100 ms allow
    assert result["limit_ms"] == pytest.approx(110.0)
    assert result["p95 age / limit"] == pytest.approx(120 / 110, abs=1e-3)


def test_cameras_together_are_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def count(rig: Rig, nodes: list[list[str]]) -> Take:
        seen[len(rig.images), len(nodes)] = set(rig.masks)
        return taken([50.0, 60.0])

    monkeypatch.setattr(scaling, "take", count)
    result = scaling.measure("street_b0_camera", "street_b0_panorama", 1, 1.0)
    assert set(seen) == {(1, 1), (2, 1), (2, 2), (4, 1), (4, 4)}
    assert seen[2, 1] == {"/camera0/mask", "/camera1/mask"}
    assert list(result["sizes"]["cases"]) == ["512x256", "1024x512", "2048x1024", "4096x2048"]
    assert result["cameras"]["cases"]["4, one process"]["masks_per_second"]["median"] == 10.0
