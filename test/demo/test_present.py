# SPDX-License-Identifier: Apache-2.0
"""What a demonstration shows: summary, video, contact sheet, and a report that needs nothing else."""

import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from demo_run import write_run

from samseg_ros.bundle import Bundle
from samseg_ros.demo.drive import Drive
from samseg_ros.demo.measure import Pace, Recording
from samseg_ros.demo.present import present
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
    summary = present(out, bundle, recording, Pace(80.0, 10.0, "as asked for"))
    assert (summary["frames_in"], summary["frames_out"], summary["dropped"]) == (8, 5, 3)
    assert summary["dropped_where"] == {"before_node": 2, "node": 1, "after_node": 0}
    assert summary["latency_ms"]["p50"] == 30.0
    assert summary["miou"] is None and summary["iou"] is None
    assert (summary["runtime"], summary["model"]) == ("red 1.0", "red <&> blue")
    assert (summary["width"], summary["height"], summary["hz"]) == (64, 32, 10.0)
    assert (summary["inference_ms"], summary["frames_processable"]) == (80.0, 8)


def test_what_could_be_processed_goes_by_the_time_that_the_node_took(tmp_path, out, bundle):
    recording = write_run(tmp_path, 9, {0: 10.0}, {**SAID, "inference p50 [ms]": "200.0"})
    summary = present(out, bundle, recording, Pace(80.0, 10.0, "as asked for"))
    assert (summary["inference_ms"], summary["frames_processable"]) == (200.0, 5)


def test_it_is_scored_where_the_truth_is_known(tmp_path, out, bundle):
    recording = write_run(tmp_path, 2, {0: 10.0, 1: 10.0}, SAID)  # masks: all 0, then all 1
    truth = tmp_path / "truth"
    truth.mkdir()
    for i in range(2):
        label = np.zeros((4, 6), np.uint8)
        label[:, 3:] = 1
        cv2.imwrite(str(truth / f"{i:06d}.png"), label)
    drive = Drive(tmp_path / "drive", "/camera/image", False, 2, 10.0, "rendered", truth)
    recording = Recording(drive, recording.times, recording.bag, recording.mask_topic)
    summary = present(out, bundle, recording, Pace(80.0, 10.0, ""))
    assert summary["pixel_accuracy"] == 0.5
    assert summary["iou"]["road"] == pytest.approx(1 / 3, abs=1e-4)
    assert summary["miou"] == pytest.approx(1 / 3, abs=1e-4)


def test_video_and_contact_sheet_can_be_looked_at(tmp_path, out, bundle):
    present(out, bundle, write_run(tmp_path, 8, {i: 10.0 for i in range(1, 8)}, SAID), Pace(80.0, 10.0, ""))
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
    present(out, bundle, recording, Pace(80.0, 10.0, ""))
    text = (out / "report.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.sources and all(source.startswith("data:") for source in page.sources)
    assert not re.search(r"https?://", text) and "@@" not in text
    assert "red &lt;&amp;&gt; blue" in text and "red <&> blue" not in text
    assert page.counts["video"] == 1 and page.counts["circle"] == 5
    assert text.count('class="lost"') == 3
    assert "prefers-color-scheme: dark" in text
    for name in STREET11.names:
        assert name in text


def test_no_mask_at_all_is_an_error(tmp_path, out, bundle):
    with pytest.raises(UserError, match="no mask came back"):
        present(out, bundle, write_run(tmp_path, 3, {}, SAID), Pace(80.0, 10.0, ""))
