# SPDX-License-Identifier: Apache-2.0
"""Masks beside what an RGB and a thermal camera recorded."""

import json

import numpy as np
import pytest
from pair_recordings import RGB, SKEW, THERMAL, scene, warmth, write_pairs
from recordings import PERIOD, START, header, messages

from samseg_ros import cli
from samseg_ros.bags.image_messages import image_message, nanoseconds
from samseg_ros.bags.label import label
from samseg_ros.bags.label_pairs import PairOptions
from samseg_ros.bags.read import IMAGE, deserialize
from samseg_ros.bags.write import channel, new_bag
from samseg_ros.errors import UserError
from samseg_ros.thermal import Scaling

pytest.importorskip("onnxruntime")

SCALING = Scaling("range", 0.0, 40.0, "celsius")  # 20 °C is 128 at most, 40 °C more


@pytest.fixture
def bundle(hot_bundle, tmp_path) -> str:
    return str(hot_bundle(tmp_path / "hot").path)


def run(source, out, bundle, overlay=False, **options):
    pairs = PairOptions(**{"scaling": SCALING, **options})
    return label(source, out, bundle, runtime="onnxruntime", overlay=overlay, pairs=pairs)


def masks(path, topic=RGB):
    return [deserialize(message) for message in messages(path, {f"{topic}/mask"})]


def quarters(mask) -> list[int]:
    """The ids of the four quarters of a mask (upper left, upper right, lower left, lower right)."""
    ids = np.asarray(mask.data).reshape(mask.height, mask.width)
    height, width = mask.height // 4, mask.width // 4
    return [int(ids[y, x]) for y in (height, 3 * height) for x in (width, 3 * width)]


def test_a_pair_becomes_one_mask_under_the_rgb_frames_header(tmp_path, bundle):
    source = write_pairs(tmp_path / "in", 4)
    summary = run(source, tmp_path / "out", bundle)
    assert (summary["frames"], summary["paired"], summary["skipped"]) == (4, 4, 0)
    assert summary["topics"] == {RGB: 4}
    assert summary["modalities"] == {"both": 4, "rgb": 0, "thermal": 0}
    assert summary["skew_ms"] == {"p50": 4.0, "p95": 4.0}
    assert messages(tmp_path / "out", {RGB, THERMAL}) == messages(source)
    found = messages(tmp_path / "out", {f"{RGB}/mask"})
    # It could not be known before the thermal frame was there.
    assert [message.time for message in found] == [START + i * PERIOD + SKEW for i in range(4)]
    for i, mask in enumerate(masks(tmp_path / "out")):
        assert nanoseconds(mask.header) == START + i * PERIOD and mask.header.frame_id == "rgb"
        assert quarters(mask) == [0, 9, 8, 8]
    (told,) = messages(tmp_path / "out", {f"{RGB}/labels"})
    assert json.loads(deserialize(told).data)["bundle"] == "hot"


def test_a_frame_without_partner_is_labelled_from_what_there_is(tmp_path, bundle):
    source = write_pairs(tmp_path / "in", 30, no_thermal=(2, 3), no_rgb=range(10, 25))
    summary = run(source, tmp_path / "out", bundle)
    assert summary["modalities"] == {"both": 13, "rgb": 2, "thermal": 15}
    assert summary["left_out"] == {"rgb": 0, "thermal": 0}
    found = masks(tmp_path / "out")
    assert len(found) == 30
    assert quarters(found[2]) == [0, 9, 0, 9]
    assert quarters(found[12]) == [0, 0, 8, 8]
    assert nanoseconds(found[12].header) == START + 12 * PERIOD + SKEW
    assert found[12].header.frame_id == "rgb"
    told = [deserialize(message).data for message in messages(tmp_path / "out", {f"{RGB}/modalities"})]
    assert told == ["both", "rgb", "both", "thermal", "both"]


@pytest.mark.parametrize(
    ("modality", "topic", "count", "ids", "left_out"),
    [
        ("both", RGB, 2, [0, 9, 8, 8], {"rgb": 1, "thermal": 1}),
        ("rgb", RGB, 3, [0, 9, 0, 9], {"rgb": 0, "thermal": 0}),
        ("thermal", THERMAL, 3, [0, 0, 8, 8], {"rgb": 0, "thermal": 0}),
    ],
)
def test_the_modality_decides(tmp_path, bundle, modality, topic, count, ids, left_out):
    source = write_pairs(tmp_path / "in", 4, no_thermal=(1,), no_rgb=(2,))
    summary = run(source, tmp_path / "out", bundle, modality=modality)
    assert (summary["frames"], summary["left_out"]) == (count, left_out)
    found = masks(tmp_path / "out", topic)
    assert [quarters(mask) for mask in found] == [ids] * count


def test_a_camera_that_shows_nothing_is_not_relied_on(tmp_path, bundle):
    with new_bag(tmp_path / "in") as bag:
        for i in range(3):
            stamp = START + i * PERIOD
            dead = np.full((32, 64), 29315, np.uint16)
            values = dead if i == 1 else warmth(i)
            rgb = image_message(header(stamp), "bgr8", scene(i))
            bag.write_message(channel(RGB, IMAGE), stamp, rgb)
            warm = image_message(header(stamp), "16UC1", values)
            bag.write_message(channel(THERMAL, IMAGE), stamp + 1, warm)
    summary = run(tmp_path / "in", tmp_path / "out", bundle)
    assert summary["modalities"] == {"both": 2, "rgb": 1, "thermal": 0}
    assert summary["left_out"] == {"rgb": 0, "thermal": 1}
    assert quarters(masks(tmp_path / "out")[1]) == [0, 9, 0, 9]


def test_a_malformed_frame_costs_its_partner_nothing(tmp_path, bundle):
    with new_bag(tmp_path / "in") as bag:
        for i in range(3):
            stamp = START + i * PERIOD
            rgb = image_message(header(stamp), "bgr8", scene(i))
            warm = image_message(header(stamp), "16UC1", warmth(i))
            if i == 1:
                warm.step = 10
            bag.write_message(channel(RGB, IMAGE), stamp, rgb)
            bag.write_message(channel(THERMAL, IMAGE), stamp + 1, warm)
    summary = run(tmp_path / "in", tmp_path / "out", bundle)
    assert (summary["frames"], summary["skipped"]) == (3, 1)
    assert "step is 10" in summary["reasons"][THERMAL]
    assert summary["modalities"]["rgb"] == 1


def test_overlays_are_drawn_on_what_was_seen(tmp_path, bundle):
    source = write_pairs(tmp_path / "in", 14, no_rgb=range(1, 14))
    run(source, tmp_path / "out", bundle, overlay=True)
    assert len(messages(tmp_path / "out", {f"{RGB}/overlay/compressed"})) == 14


def refusal(source, out, bundle, **options) -> str:
    before = sorted(path.name for path in out.parent.iterdir())
    with pytest.raises(UserError) as caught:
        run(source, out, bundle, **options)
    assert sorted(path.name for path in out.parent.iterdir()) == before
    return str(caught.value)


def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path, bundle, red_bundle):
    source, out = write_pairs(tmp_path / "in", 2), tmp_path / "out"
    red = str(red_bundle(tmp_path / "red", task="camera").path)
    assert "nothing of" in refusal(source, out, bundle, modality="both", tolerance=0.001)
    assert "is for task camera" in refusal(source, out, red)
    with pytest.raises(UserError, match="in place of --topic"):
        label(source, out, bundle, topics=[RGB])
    sentence = refusal(source, out, bundle, thermal=tmp_path)
    assert "--thermal is for folders of pictures" in sentence
    run(source, tmp_path / "labelled", bundle)
    sentence = refusal(tmp_path / "labelled", out, bundle)
    assert f"holds '{RGB}/mask' already" in sentence and "--rgb-topic" in sentence


@pytest.mark.parametrize("words", [("--thermal-range", "10", "40"), ("--thermal-unit", "kelvin")])
def test_a_range_without_the_mode_that_takes_it_is_refused(tmp_path, bundle, words, capsys):
    source = write_pairs(tmp_path / "in", 1)
    assert cli.main(["label", str(source), str(tmp_path / "out"), "--bundle", bundle, *words]) == 2
    assert "need --thermal-mode range" in capsys.readouterr().err


def test_a_thermal_camera_may_count_otherwise(tmp_path, bundle):
    source = tmp_path / "in"
    with new_bag(source) as bag:
        values = (warmth(0).astype(np.float32) * 0.4).astype(np.uint16)  # 40 counts per kelvin
        bag.write_message(channel(RGB, IMAGE), START, image_message(header(START), "bgr8", scene(0)))
        bag.write_message(channel(THERMAL, IMAGE), START, image_message(header(START), "16UC1", values))
    words = ["label", source, tmp_path / "out", "--bundle", bundle, "--counts-per-kelvin", "40"]
    words += ["--thermal-mode", "range", "--thermal-range", "0", "40"]
    assert cli.main([str(word) for word in words]) == 0
    run(write_pairs(tmp_path / "usual", 1), tmp_path / "expected", bundle)
    (mask,), (expected,) = masks(tmp_path / "out"), masks(tmp_path / "expected")
    assert quarters(mask) == quarters(expected)


def test_the_command_sums_it_up(tmp_path, bundle, capsys):
    source = write_pairs(tmp_path / "in", 3, no_thermal=(1,))
    words = ["label", source, tmp_path / "out", "--bundle", bundle, "--rgb-topic", RGB]
    words += ["--thermal-mode", "range", "--thermal-range", "-10", "50", "--tolerance", "0.01"]
    assert cli.main([str(word) for word in words]) == 0
    shown = capsys.readouterr()
    assert "3 masks (2 from both, 1 from rgb), 0 skipped" in shown.out
    assert f"labelling {RGB} and {THERMAL} (prefer_both)" in shown.err
