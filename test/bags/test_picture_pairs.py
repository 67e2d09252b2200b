# SPDX-License-Identifier: Apache-2.0
"""Masks of RGB and thermal pictures that are paired by their names."""

import cv2
import numpy as np
import pytest
from pair_recordings import scene, warmth

from samseg_ros.bags.label import label
from samseg_ros.bags.label_pairs import PairOptions
from samseg_ros.bags.pictures import read_thermal_picture
from samseg_ros.errors import UserError
from samseg_ros.thermal import Scaling

pytest.importorskip("onnxruntime")


@pytest.fixture
def run(tmp_path, hot_bundle):
    """Labels rgb/ and thermal/: a is a pair (a JPEG and a PNG), b has RGB alone, c thermal alone."""
    bundle = str(hot_bundle(tmp_path / "hot").path)
    for folder in ("rgb", "thermal"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "rgb" / "a.bmp"), scene(0))
    cv2.imwrite(str(tmp_path / "rgb" / "b.png"), scene(1, 64, 128))
    cv2.imwrite(str(tmp_path / "thermal" / "a.png"), warmth(0))
    cv2.imwrite(str(tmp_path / "thermal" / "c.png"), warmth(2, 48, 96))

    def run(source="rgb", thermal="thermal", overlay=False, **options):
        options = {"scaling": Scaling("range", 0.0, 40.0, "celsius"), **options}
        folder = tmp_path / thermal if thermal else None
        pairs = PairOptions(thermal=folder, **options)
        out = tmp_path / "out"
        return label(tmp_path / source, out, bundle, runtime="onnxruntime", overlay=overlay, pairs=pairs)

    return run


def ids(tmp_path, name):
    mask = cv2.imread(str(tmp_path / "out" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    height, width = mask.shape
    return mask.shape, [
        int(mask[y, x]) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)
    ]


def test_pairs_and_what_is_left_of_them(tmp_path, run):
    summary = run(overlay=True)
    assert (summary["frames"], summary["paired"]) == (3, 1)
    assert summary["modalities"] == {"both": 1, "rgb": 1, "thermal": 1}
    assert ids(tmp_path, "a") == ((32, 64), [0, 9, 8, 8])
    assert ids(tmp_path, "b") == ((64, 128), [0, 9, 0, 9])
    assert ids(tmp_path, "c") == ((48, 96), [0, 0, 8, 8])
    assert sorted(path.name for path in (tmp_path / "out" / "overlay").iterdir()) == [
        "a.jpg",
        "b.jpg",
        "c.jpg",
    ]


def test_pairs_alone_on_request(tmp_path, run):
    summary = run(modality="both")
    assert (summary["frames"], summary["left_out"]) == (1, {"rgb": 1, "thermal": 1})


@pytest.mark.parametrize(
    ("source", "modality", "names"), [("rgb", "rgb", "ab"), ("thermal", "thermal", "ac")]
)
def test_one_folder_is_enough_for_one_camera(tmp_path, run, source, modality, names):
    assert run(source, None, modality=modality)["modalities"][modality] == 2
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.png")) == list(names)


def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path, run):
    with pytest.raises(UserError, match="no thermal pictures with it; give their folder with --thermal"):
        run(thermal=None)
    with pytest.raises(UserError, match="is no folder"):
        run(thermal="nowhere")
    for of_bags in ({"rgb_topic": "/rgb"}, {"tolerance": 0.1}):
        with pytest.raises(UserError, match="its pictures pair by their names; leave --rgb-topic"):
            run(**of_bags)
    (tmp_path / "thermal" / "a.png").unlink()
    with pytest.raises(UserError, match="has the stem of one of"):
        run()
    assert not (tmp_path / "out").exists()


def test_thermal_pictures_keep_their_depth_and_grey_ones_may_have_three_channels(tmp_path):
    path = tmp_path / "t.png"
    cv2.imwrite(str(path), warmth(0))
    assert read_thermal_picture(path).dtype == np.uint16
    cv2.imwrite(str(path), cv2.merge([np.full((4, 6), 7, np.uint8)] * 3))
    np.testing.assert_array_equal(read_thermal_picture(path), np.full((4, 6), 7, np.uint8))
    cv2.imwrite(str(path), scene(0))
    with pytest.raises(UserError, match="false colours"):
        read_thermal_picture(path)


def test_a_thermal_picture_that_cannot_be_read_does_not_cost_the_other(tmp_path, run):
    cv2.imwrite(str(tmp_path / "thermal" / "b.png"), np.zeros((32, 64), np.uint16))  # all one value
    (tmp_path / "thermal" / "a.png").write_bytes(b"no picture")
    summary = run()
    assert (summary["frames"], summary["skipped"]) == (3, 1)
    assert summary["modalities"] == {"both": 0, "rgb": 2, "thermal": 1}
    assert summary["left_out"] == {"rgb": 0, "thermal": 1}
    assert list(summary["reasons"]) == ["a"] and "cannot be read as a picture" in summary["reasons"]["a"]


def test_a_pair_of_which_nothing_can_be_labelled_is_counted_once(tmp_path, run):
    cv2.imwrite(str(tmp_path / "rgb" / "a.bmp"), np.zeros((32, 64, 3), np.uint8))  # all one value
    (tmp_path / "thermal" / "a.png").write_bytes(b"no picture")
    summary = run()
    assert (summary["frames"], summary["skipped"]) == (2, 1)
    assert "cannot be read as a picture" in summary["reasons"]["a"]
    assert "all one value" in summary["reasons"]["a"]
