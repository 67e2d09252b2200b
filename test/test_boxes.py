# SPDX-License-Identifier: Apache-2.0
"""Scores against boxes, of a bundle whose answers are known."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import half_red

from samseg_ros import cli
from samseg_ros.boxes import Box, count, evaluate, read, table
from samseg_ros.errors import UserError
from samseg_ros.light import light

pytest.importorskip("onnxruntime")

# In a picture of 128x64: the lower left quarter, the upper left quarter, 8x8 in the lower right, and the
# right half.
LOWER_LEFT, UPPER_LEFT = "0 0.25 0.75 0.5 0.5", "0 0.25 0.25 0.5 0.5"
SMALL, RIGHT = "0 0.75 0.75 0.0625 0.125", "2 0.75 0.5 0.5 1"


def write_frame(root: Path, stem: str, *lines: str) -> None:
    """A picture that is red on the right and hot below, and boxes."""
    thermal = np.full((64, 128), 29000, np.uint16)
    thermal[32:] = 31000
    for folder, picture in (("rgb", half_red(64, 128)), ("thermal", thermal)):
        (root / folder).mkdir(exist_ok=True)
        cv2.imwrite(str(root / folder / f"{stem}.png"), picture)
    (root / "boxes").mkdir(exist_ok=True)
    (root / "boxes" / f"{stem}.txt").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def scored(hot_bundle, tmp_path):
    """Evaluates a bundle for which hot is person, else red is car, on the frames in tmp_path."""
    bundle = str(hot_bundle(tmp_path / "hot").path)

    def run(**told):
        return evaluate(
            bundle,
            tmp_path / "rgb",
            tmp_path / "boxes",
            **{"thermal": tmp_path / "thermal", "runtime": "onnxruntime", **told},
        )

    return run


def test_found_and_outside_by_hand(scored, tmp_path):
    write_frame(tmp_path, "a", LOWER_LEFT, UPPER_LEFT, SMALL, RIGHT)
    report = scored()
    assert list(report) == ["all", "day", "night", "frames"]
    # Persons are the lower half: half of it is in the first box, 64 of its 4096 pixels in the small one.
    person = {"boxes": 2, "recall": 0.5, "outside": round((2048 - 64) / 4096, 4)}
    car = {"boxes": 1, "recall": 1.0, "outside": 0.0}
    assert report["all"] == {
        "person": person,
        "bicycle": {"boxes": 0, "recall": None, "outside": None},
        "car": car,
    }
    nothing = {"boxes": 0, "recall": None, "outside": None}
    assert set(map(str, report["day"].values())) == set(map(str, report["night"].values())) == {str(nothing)}


def test_day_and_night_are_told_by_the_last_letter(scored, tmp_path):
    write_frame(tmp_path, "00001D", LOWER_LEFT)
    write_frame(tmp_path, "00002N", UPPER_LEFT)
    write_frame(tmp_path, "00003N")  # an empty file is a picture without boxes
    report = scored()
    assert report["frames"] == 3
    people = {when: report[when]["person"] for when in ("all", "day", "night")}
    assert people["day"] == {"boxes": 1, "recall": 1.0, "outside": 0.5}
    assert people["night"] == {"boxes": 1, "recall": 0.0, "outside": 1.0}
    assert people["all"] == {"boxes": 2, "recall": 0.5, "outside": round(5 / 6, 4)}
    assert (light("00001D"), light("00002N"), light("a")) == ("day", "night", None)


def test_either_stream_may_be_hidden(scored, tmp_path):
    write_frame(tmp_path, "a", LOWER_LEFT, RIGHT)
    rgb, thermal = scored(streams="rgb"), scored(streams="thermal")
    assert rgb["all"]["person"] == {"boxes": 1, "recall": 0.0, "outside": None}
    assert rgb["all"]["car"] == {"boxes": 1, "recall": 1.0, "outside": 0.0}
    assert thermal["all"]["person"] == {"boxes": 1, "recall": 1.0, "outside": 0.5}
    assert thermal["all"]["car"] == {"boxes": 1, "recall": 0.0, "outside": None}
    assert scored(streams="both") == scored()
    assert scored(thermal=None) == rgb
    with pytest.raises(UserError, match="--streams thermal needs thermal pictures"):
        scored(thermal=None, streams="thermal")
    with pytest.raises(UserError, match="streams are 'x'; choose one of: both, rgb, thermal"):
        scored(streams="x")


def test_boxes_count_at_the_size_of_the_rgb_picture_that_is_hidden(scored, tmp_path):
    write_frame(tmp_path, "a", "0 0.5 0.75 0.125 0.125")  # 16x8 px of 128x64, but 8x4 of the thermal picture
    warmth = cv2.imread(str(tmp_path / "thermal/a.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(tmp_path / "thermal/a.png"), warmth[::2, ::2])
    assert [scored(streams=one)["all"]["person"]["boxes"] for one in ("both", "rgb", "thermal")] == [1, 1, 1]


def test_a_list_names_the_frames_to_score(scored, tmp_path):
    for stem in ("a", "b", "c"):
        write_frame(tmp_path, stem, LOWER_LEFT)
    (tmp_path / "boxes/c.txt").unlink()
    listed = tmp_path / "val.txt"
    listed.write_text("a\n\nb\n")
    assert scored(listed=listed)["frames"] == 2
    listed.write_text("a\nd\n")
    with pytest.raises(UserError, match=r"line 'd' in .*val\.txt has no picture of that stem in .*rgb"):
        scored(listed=listed)
    listed.write_text("c\n")
    with pytest.raises(UserError, match=r"line 'c' in .*val\.txt has no file of boxes of that stem"):
        scored(listed=listed)
    listed.write_text("\n")
    with pytest.raises(UserError, match="names no frames"):
        scored(listed=listed)


def test_missing_partners_are_one_sentence_and_other_texts_are_left_alone(scored, tmp_path):
    for stem in ("a", "b"):
        write_frame(tmp_path, stem, LOWER_LEFT)
    (tmp_path / "boxes/classes.txt").write_text("person\nbicycle\ncar\n")
    assert scored()["frames"] == 2
    (tmp_path / "thermal/b.png").unlink()
    with pytest.raises(UserError, match=r"file of boxes 'b' in .* has no thermal picture of that stem"):
        scored()
    (tmp_path / "boxes/a.txt").unlink()
    with pytest.raises(UserError, match=r"picture 'a' in .* has no file of boxes of that stem in .*boxes"):
        scored()
    with pytest.raises(UserError, match="no folder; give one folder of pictures and one of text files of"):
        scored(thermal=tmp_path / "nowhere")


def test_a_camera_bundle_is_scored_on_rgb(red_bundle, tmp_path):
    write_frame(tmp_path, "a", "0 0.75 0.5 0.5 1")
    bundle = str(red_bundle(tmp_path / "red", task="camera").path)
    report = evaluate(bundle, tmp_path / "rgb", tmp_path / "boxes", runtime="onnxruntime")
    assert report["all"]["person"] == {"boxes": 1, "recall": 1.0, "outside": 0.0}
    with pytest.raises(UserError, match="'red' takes no thermal pictures"):
        evaluate(bundle, tmp_path / "rgb", tmp_path / "boxes", thermal=tmp_path / "thermal")


def test_a_quarter_of_the_pixels_of_a_hundred_is_enough():
    labelled = np.zeros((20, 20), bool)
    labelled[:5, :5] = True
    box = Box("person", 100, slice(0, 10), slice(0, 10))
    assert (count(labelled, [box]).boxes, count(labelled, [box]).found) == (1, 1)
    labelled[0, 0] = False
    assert count(labelled, [box]).found == 0
    assert count(labelled, [Box("person", 99, slice(0, 10), slice(0, 10))]).boxes == 0


def test_boxes_are_pixels_whose_centres_they_cover(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1 0.5 0.5 0.02 0.05\n2 0.0 0.5 0.4 1.0\n\n0 1 1 0 0\n")
    inner, cut, corner = read(path, (480, 640))
    # 12.8 x 24 px about (320, 240): columns 313.6 to 326.4, rows 228 to 252.
    assert inner == Box("bicycle", 307, slice(228, 252), slice(314, 326))
    assert cut == Box("car", 128 * 480, slice(0, 480), slice(0, 128))
    assert corner == Box("person", 0, slice(479, 480), slice(639, 640))


@pytest.mark.parametrize(
    "line", ["3 0.5 0.5 0.1 0.1", "0 0.5 0.5 0.1", "0 320 240 10 10", "0 a b c d", "0 nan 0 0 0", "person"]
)
def test_what_is_no_box_is_named_with_its_line(tmp_path, line):
    path = tmp_path / "a.txt"
    path.write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(UserError, match=r"a\.txt, line 2 is '.*'; expected `class cx cy w h`") as caught:
        read(path, (480, 640))
    assert "0 person, 1 bicycle, 2 car" in str(caught.value) and "\n" not in str(caught.value)


def test_the_command_prints_json_or_a_table(hot_bundle, tmp_path, capsys):
    bundle = str(hot_bundle(tmp_path / "hot").path)
    write_frame(tmp_path, "1N", LOWER_LEFT)
    words = ["evaluate", bundle, "--boxes", str(tmp_path / "boxes"), "--runtime", "onnxruntime"]
    pairs = ["--rgb", str(tmp_path / "rgb"), "--thermal", str(tmp_path / "thermal")]
    assert cli.main([*words, *pairs, "--streams", "both", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["night"]["person"] == {"boxes": 1, "recall": 1.0, "outside": 0.5}
    assert cli.main([*words, *pairs]) == 0
    shown = capsys.readouterr().out
    assert shown.rstrip() == table(report).rstrip()
    rows = [line.split() for line in shown.splitlines()]
    assert ["night", "person", "1", "100.0%", "50.0%"] in rows and ["day", "car", "0", "–", "–"] in rows
    assert cli.main([*words, *pairs, "--label-map", "camvid"]) == 2
    assert "leave it out with --boxes" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*words, *pairs, "--labels", "x"])
