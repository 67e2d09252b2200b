# SPDX-License-Identifier: Apache-2.0
"""From folders of pictures to a calibration file."""

import json

import cv2
import numpy as np
import pytest
from rigs import SIZE, corners_apart, shoot

from samseg_ros import cli, registration
from samseg_ros.errors import UserError
from samseg_ros.register import register, summary

HOMOGRAPHY = np.array([[1.1, 0.02, -20.0], [-0.02, 1.1, 10.0], [0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """Folders of 4 pairs (thermal in centikelvin), and an RGB picture without a partner."""
    folder = tmp_path_factory.mktemp("rig")
    write(folder, shoot(4, HOMOGRAPHY))
    cv2.imwrite(str(folder / "rgb" / "alone.jpg"), np.zeros((*SIZE, 3), np.uint8))
    return folder


def write(folder, pairs):
    for name in ("rgb", "thermal"):
        (folder / name).mkdir()
    for i, (rgb, thermal) in enumerate(pairs):
        cv2.imwrite(str(folder / "rgb" / f"{i}.jpg"), rgb)
        cv2.imwrite(str(folder / "thermal" / f"{i}.png"), thermal.astype(np.uint16) * 10 + 28000)


def test_a_calibration_and_a_picture_of_it_are_written(rig, tmp_path, capsys):
    out = tmp_path / "front.yaml"
    words = [
        "register",
        "--rgb",
        str(rig / "rgb"),
        "--thermal",
        str(rig / "thermal"),
        "--out",
        str(out),
        "--json",
    ]
    assert cli.main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["pairs"], report["agreed"], report["unpaired"]) == (4, 4, 1)
    assert report["error_px"] < 1
    geometry = registration.load(out).geometry
    assert geometry.matrix == tuple(report["homography"])
    assert corners_apart(geometry.matrix, HOMOGRAPHY) < 1.5
    assert (geometry.thermal, geometry.rgb) == (SIZE, SIZE)
    # 3 of the pairs one below the other, before and after side by side.
    assert cv2.imread(report["picture"]).shape == (3 * 480, 2 * 640, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["front.jpg", "front.yaml"]


def test_the_summary_is_one_line():
    report = {"out": "c.yaml", "picture": "c.jpg", "pairs": 9, "agreed": 7, "error_px": 1.26, "coverage": 0.5}
    assert summary(report) == (
        "c.yaml: 7 of 9 pairs agree, 1.3 px off in the median; "
        "thermal covers 50 % of RGB (before and after: c.jpg)"
    )


def test_where_nothing_is_found_nothing_is_written(tmp_path, capsys):
    pairs = [(a, b) for (a, _), (_, b) in zip(shoot(3, np.eye(3)), shoot(3, np.eye(3), seed=1), strict=True)]
    write(tmp_path, pairs)
    out = tmp_path / "new" / "calibration.yaml"
    words = [
        "register",
        "--rgb",
        str(tmp_path / "rgb"),
        "--thermal",
        str(tmp_path / "thermal"),
        "--out",
        str(out),
    ]
    assert cli.main(words) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("samseg: no registration was found: ")
    assert not out.parent.exists()


def refused(rig, tmp_path, **changes):
    arguments = {"rgb": rig / "rgb", "thermal": rig / "thermal", "out": tmp_path / "c.yaml", **changes}
    with pytest.raises(UserError) as caught:
        register(**arguments)
    return str(caught.value)


def test_what_the_user_can_put_right_is_named(rig, tmp_path):
    assert "c.jpg is no YAML name" in refused(rig, tmp_path, out=tmp_path / "c.jpg")
    assert "nowhere is no folder" in refused(rig, tmp_path, rgb=tmp_path / "nowhere")
    (tmp_path / "others").mkdir()
    assert "holds no pictures" in refused(rig, tmp_path, thermal=tmp_path / "others")
    cv2.imwrite(str(tmp_path / "others" / "x.png"), np.zeros(SIZE, np.uint8))
    assert "has the stem of one of" in refused(rig, tmp_path, thermal=tmp_path / "others")
    cv2.imwrite(str(tmp_path / "others" / "0.png"), np.ones(SIZE, np.uint8))
    cv2.imwrite(str(tmp_path / "others" / "1.png"), np.ones((48, 64), np.uint8))
    assert "1.png is 64x48, but others are 640x480" in refused(rig, tmp_path, thermal=tmp_path / "others")


@pytest.mark.parametrize("name", ["c.yaml", "c.jpg"])
def test_files_that_are_there_are_left_alone(rig, tmp_path, name):
    (tmp_path / name).write_text("mine")
    assert f"{name} exists already" in refused(rig, tmp_path)
    assert (tmp_path / name).read_text() == "mine"
