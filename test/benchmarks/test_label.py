# SPDX-License-Identifier: Apache-2.0
"""That both label the same bag, and that a mask which is missing is seen; not how fast they are."""

import sys
from pathlib import Path

import numpy as np
import pytest
from recordings import START, half_red, image_message, messages, write_recording

from benchmarks import inference, label
from samseg_ros.bags.read import IMAGE
from samseg_ros.bags.write import channel, new_bag
from samseg_ros.errors import UserError

for package in ("torch", "transformers"):
    pytest.importorskip(package, reason=f"{package} is missing; pip install 'samseg_ros[train]'")


@pytest.fixture
def bundle(tmp_path: Path, red_bundle) -> str:
    """One that says it is a SegFormer: the plain loop has a network of its own."""
    path = red_bundle(tmp_path / "red").path
    told = (path / "bundle.yaml").read_text()
    (path / "bundle.yaml").write_text(told.replace("training: {}", "training: {network: b0}"))
    return str(path)


def fake(monkeypatch, masks: dict[str, list[np.ndarray]], seconds: dict[str, float]) -> None:
    """Both processes become functions that write these masks and say that they took so long."""

    def run(way, bag, out, bundle):
        topic = channel(f"{label.TOPIC}/mask", IMAGE)
        with new_bag(out) as new:
            for number, mask in enumerate(masks[way]):
                time = label.START + number * label.PERIOD
                message = image_message(mask, time, "mono8", step=mask.shape[1])
                new.write_message(topic, time, message)
        return {"seconds": seconds[way], "whole_s": seconds[way] + 1, "runtime": way, "device": "CPU"}

    monkeypatch.setattr(label, "run", run)


def test_both_label_the_same_bag(tmp_path, bundle) -> None:
    source = write_recording(tmp_path / "in", frames=2)
    result = label.measure(1, 2, bundle, source)
    assert (result["bag"], result["frames"], result["sizes"]) == ("given", 4, [(32, 64)])
    assert list(result["ways"]) == [label.OURS, label.PLAIN]
    for way in result["ways"].values():
        assert way["every_mask"]
        assert way["running"]["seconds"]["median"] < way["whole"]["seconds"]["median"]
    plain = result["ways"][label.PLAIN]
    assert plain["runtime"] == "pytorch eager" and plain["whole"]["times_faster"]["median"] == 1.0
    assert len(label.table(result).splitlines()) == 3


def test_rates_ratios_and_masks_that_are_missing(tmp_path, bundle, monkeypatch) -> None:
    monkeypatch.setattr(inference, "draw", lambda *_: False)
    good = [np.zeros((32, 64), np.uint8)] * 3
    took = {label.OURS: 1.0, label.PLAIN: 3.0}
    fake(monkeypatch, {label.OURS: good, label.PLAIN: good}, took)
    result = label.measure(2, 3, bundle, size=(32, 64))
    ours = result["ways"][label.OURS]
    assert result["bag"] == "smooth noise" and ours["every_mask"]
    assert ours["running"]["frames_per_second"]["median"] == 3.0
    assert ours["running"]["times_faster"]["median"] == 3.0
    assert ours["whole"]["times_faster"]["median"] == 2.0
    small = [*good[1:], np.zeros((16, 32), np.uint8)]
    fake(monkeypatch, {label.OURS: good[1:], label.PLAIN: small}, took)
    result = label.measure(1, 3, bundle, size=(32, 64))
    assert [way["every_mask"] for way in result["ways"].values()] == [False, False]


def test_the_bag_is_drawn(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(label, "DRAWN", 1)
    assert label.write_bag(tmp_path / "bag", 3, (32, 64)) == "drawn street"
    times = [label.START + i * label.PERIOD for i in range(3)]
    assert label.frames_of(tmp_path / "bag") == {label.TOPIC: [(time, (32, 64)) for time in times]}
    assert len(messages(tmp_path / "bag")) == 3


def test_what_a_user_can_put_right_is_one_sentence(tmp_path, bundle, hot_bundle, monkeypatch) -> None:
    with pytest.raises(UserError, match="takes a SegFormer for camera or panorama"):
        label.measure(1, 1, str(hot_bundle(tmp_path / "hot").path))
    for words, sentence in (
        (["--bundle", "nowhere"], "there is no model bundle 'nowhere'"),
        (["--bundle", bundle, "--bag", str(tmp_path / "nowhere")], "does not exist"),
    ):
        monkeypatch.setattr(sys, "argv", ["label", *words])
        with pytest.raises(SystemExit, match=sentence):
            label.main()


def test_a_process_that_fails_says_why(tmp_path, bundle) -> None:
    with new_bag(tmp_path / "in") as bag:
        for topic in ("/front", "/front/mask"):
            bag.write_message(channel(topic, IMAGE), START, image_message(half_red(), START))
    with pytest.raises(UserError, match=r"^samseg label failed: .* holds '/front/mask' already"):
        label.measure(1, 1, bundle, tmp_path / "in")
