# SPDX-License-Identifier: Apache-2.0
"""What a demonstration shows: summary, video, contact sheet, and a report that needs nothing else."""

import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from demo_run import record, write_run
from pair_recordings import RGB, THERMAL, write_pairs

from samseg_ros.bundle import Bundle
from samseg_ros.demo.drive import Drive, Stream
from samseg_ros.demo.measure import Pace, Recording
from samseg_ros.demo.pictures import write_sheets
from samseg_ros.demo.present import present, worth_a_look
from samseg_ros.demo.report import page
from samseg_ros.errors import UserError
from samseg_ros.labels import STREET11

SAID = {"published": "5", "received": "6", "runtime": "red 1.0", "device": "CPU", "precision": "exact"}


@pytest.fixture
def bundle(tmp_path) -> Bundle:
    return Bundle(tmp_path, "red <&> blue", "camera", "pinhole", (32, 64), STREET11, 64 * "a")


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_the_summary_accounts_for_every_frame(tmp_path, out, bundle):
    recording = write_run(tmp_path, 8, {0: 10.0, 1: 20.0, 3: 30.0, 4: 40.0, 7: 50.0}, SAID)
    summary = present(out, bundle, recording, Pace(80.0, 10.0, "as asked for")).summary
    assert (summary["frames_in"], summary["frames_out"], summary["dropped"]) == (8, 5, 3)
    assert summary["dropped_where"] == {"before_node": 2, "node": 1, "after_node": 0}
    assert summary["latency_ms"]["p50"] == 30.0
    assert summary["miou"] is None and summary["iou"] is None
    assert (summary["runtime"], summary["model"]) == ("red 1.0", "red <&> blue")
    assert (summary["width"], summary["height"], summary["hz"]) == (64, 32, 10.0)
    assert (summary["inference_ms"], summary["frames_processable"]) == (80.0, 8)


def test_what_could_be_processed_goes_by_the_time_that_the_node_took(tmp_path, out, bundle):
    recording = write_run(tmp_path, 9, {0: 10.0}, {**SAID, "inference p50 [ms]": "200.0"})
    summary = present(out, bundle, recording, Pace(80.0, 10.0, "as asked for")).summary
    assert (summary["inference_ms"], summary["frames_processable"]) == (200.0, 5)


def test_it_is_scored_where_the_truth_is_known(tmp_path, out, bundle):
    recording = write_run(tmp_path, 2, {0: 10.0, 1: 10.0}, SAID)  # masks: all 0, then all 1
    truth = tmp_path / "truth"
    truth.mkdir()
    for i in range(2):
        label = np.zeros((4, 6), np.uint8)
        label[:, 3:] = 1
        cv2.imwrite(str(truth / f"{i:06d}.png"), label)
    camera = (Stream("image", "/camera/image"),)
    drive = Drive(tmp_path / "drive", camera, 2, 10.0, "rendered", truth, ("day", "night"))
    recording = Recording(drive, recording.times, recording.bag, recording.mask_topic)
    summary = present(out, bundle, recording, Pace(80.0, 10.0, "")).summary
    assert summary["pixel_accuracy"] == 0.5
    assert summary["iou"]["road"] == pytest.approx(1 / 3, abs=1e-4)
    assert summary["miou"] == pytest.approx(1 / 3, abs=1e-4)
    assert summary["by_light"]["day"] == {"frames_in": 1, "frames_out": 1, "miou": 0.25}
    assert summary["by_modality"] == {}


def test_video_and_contact_sheet_can_be_looked_at(tmp_path, out, bundle):
    recording = write_run(tmp_path, 8, {i: 10.0 for i in range(1, 8)}, SAID)
    shown = present(out, bundle, recording, Pace(80.0, 10.0, ""))
    write_sheets(out / "contact_sheet.png", [shown.sheet, shown.sheet[:, :1000]])
    video = cv2.VideoCapture(str(out / "masks.webm"))
    frames = 0
    while video.read()[0]:
        frames += 1
    assert frames == 8
    assert (out / "masks.webm").read_bytes()[:4] == b"\x1aE\xdf\xa3"  # EBML, as WebM begins
    sheet = cv2.imread(str(out / "contact_sheet.png"))
    assert sheet.shape[0] > 1000 and sheet.shape[1] > 1000


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []
        self.counts: dict[str, int] = {}

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.sources += [value for name, value in attributes if name in ("src", "href") and value]
        if tag not in ("meta", "img", "input", "line", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("line", "circle"):
            assert self.open.pop() == tag


def test_the_report_needs_nothing_else(tmp_path, out, bundle):
    recording = write_run(tmp_path, 8, {0: 10.0, 1: 20.0, 3: 30.0, 4: 40.0, 7: 50.0}, SAID)
    text = page([present(out, bundle, recording, Pace(80.0, 10.0, "")).report])
    read = _Page()
    read.feed(text)
    assert read.open == []
    assert read.sources and all(source.startswith("data:") for source in read.sources)
    assert not re.search(r"https?://", text) and "@@" not in text
    assert "red &lt;&amp;&gt; blue" in text and "red <&> blue" not in text
    assert read.counts["video"] == 1 and read.counts["circle"] == 5
    assert text.count('class="lost"') == 3
    assert "prefers-color-scheme: dark" in text
    for name in STREET11.names:
        assert name in text


def test_no_mask_at_all_is_an_error(tmp_path, out, bundle):
    with pytest.raises(UserError, match="no mask came back"):
        present(out, bundle, write_run(tmp_path, 3, {}, SAID), Pace(80.0, 10.0, ""))


def test_the_report_of_two_cameras_shows_what_was_cut_off_and_what_the_node_said(tmp_path, out, bundle):
    kinds = ["both", "both", "rgb", "rgb", "both", "thermal", "both", "both"]
    source = write_pairs(
        tmp_path / "drive",
        len(kinds),
        no_rgb=[i for i, kind in enumerate(kinds) if kind == "thermal"],
        no_thermal=[i for i, kind in enumerate(kinds) if kind == "rgb"],
    )
    cameras = (Stream("rgb", RGB), Stream("thermal", THERMAL))
    drive = Drive(source, cameras, len(kinds), 10.0, "rendered", lights=("day",) * 8, silence=0.15)
    recording = record(tmp_path, drive, {i: 20.0 for i in range(8) if i != 2}, ["none", "both", "rgb"])
    assert worth_a_look(drive, 5) == [1, 3, 5]
    shown = present(out, bundle, recording, Pace(10.0, 10.0, ""))
    summary = shown.summary
    assert (summary["frames_in"], summary["frames_out"], summary["dropped"]) == (8, 7, 1)
    # 7 RGB and 6 thermal images were sent; the node has seen one less.
    assert summary["dropped_where"] == {"before_node": 1, "node": 0, "after_node": 0}
    assert summary["latency_ms"]["p50"] == 20.0  # from when both were there
    assert {name: group["frames_out"] for name, group in summary["by_modality"].items()} == {
        "both": 5, "rgb": 1, "thermal": 1,
    }  # fmt: skip
    assert summary["modalities"] == ["both", "rgb"]
    assert (summary["paired"], summary["skew_ms"]) == (5, {"p50": 4.0, "p95": None})
    text = page([shown.report, shown.report])
    assert "Never blind" in text and "both → rgb" in text and "@@" not in text
    assert text.count('class="absent"') == 2 * (1 + 2 + 1)
    assert text.count("<nav>") == 1
