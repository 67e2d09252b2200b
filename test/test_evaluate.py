# SPDX-License-Identifier: Apache-2.0
"""Scores of a bundle whose answers are known."""

import cv2
import numpy as np
import pytest
from recordings import grey_png, half_red

from samseg_ros.bundle import BundleError
from samseg_ros.errors import UserError
from samseg_ros.evaluate import evaluate, pair, read_labels, table

pytest.importorskip("onnxruntime")


@pytest.fixture
def scored(red_bundle, tmp_path):
    """Evaluates a bundle on pictures and labels given by name."""
    bundle = str(red_bundle(tmp_path / "red").path)

    def run(pictures, labels, *arguments):
        for folder, images in (("images", pictures), ("labels", labels)):
            for name, image in images.items():
                path = tmp_path / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), image)
            (tmp_path / folder).mkdir(exist_ok=True)
        return evaluate(bundle, tmp_path / "images", tmp_path / "labels", *arguments, runtime="onnxruntime")

    return run


def truth(left: int, right: int, shape: tuple[int, int] = (32, 64)) -> np.ndarray:
    label = np.full(shape, left, np.uint8)
    label[:, shape[1] // 2 :] = right
    return label


def test_a_perfect_answer(scored):
    report = scored({"a.png": half_red()}, {"a.png": truth(0, 8)})
    assert list(report) == ["miou", "iou", "pixel_accuracy", "frames"]
    assert (report["miou"], report["pixel_accuracy"], report["frames"]) == (1.0, 1.0, 1)
    assert report["iou"]["road"] == 1.0 and report["iou"]["person"] == 1.0 and report["iou"]["car"] is None


def test_a_known_mistake(scored):
    label = truth(0, 8)
    label[:, :16] = 9  # a quarter of the picture is car, which the bundle takes for road
    report = scored({"a.jpg": half_red()}, {"a.png": label})
    assert report["iou"]["road"] == 0.5 and report["iou"]["car"] == 0.0 and report["iou"]["person"] == 1.0
    assert report["miou"] == 0.5 and report["pixel_accuracy"] == 0.75


def test_void_does_not_count(scored):
    assert scored({"a.png": half_red()}, {"a.png": truth(0, 255)})["pixel_accuracy"] == 1.0


def test_camvid_ids_are_read_as_the_bundles(scored):
    label = truth(3, 9)  # road and pedestrian
    label[0] = 11  # void
    report = scored({"a.png": half_red()}, {"a.png": label}, "camvid")
    assert report["miou"] == 1.0 and report["frames"] == 1


def test_cityscapes_names_pair_across_their_folders(scored):
    pictures = {"aachen/aachen_0_leftImg8bit.png": half_red(), "bonn/bonn_0_leftImg8bit.png": half_red()}
    labels = {
        f"{city}/{city}_0_gtFine_{kind}.png": truth(7, 24)
        for city in ("aachen", "bonn")
        for kind in ("labelIds", "instanceIds", "color")
    }
    report = scored(pictures, labels, "cityscapes")
    assert report["miou"] == 1.0 and report["frames"] == 2


@pytest.mark.parametrize("mapped", ["cityscapes", None])
def test_of_cityscapes_two_kinds_of_ids_one_is_taken(scored, mapped):
    own, train = truth(7, 24), truth(0, 8)
    labels = {"bonn_0_gtFine_labelIds.png": own, "bonn_0_gtFine_labelTrainIds.png": train}
    report = scored({"bonn_0_leftImg8bit.png": half_red()}, labels, mapped)
    assert report["miou"] == 1.0 and report["frames"] == 1


def test_paletted_labels_are_read_by_their_indices(tmp_path, red_bundle):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed; pip install pillow")
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), half_red())
    paletted = image.fromarray(truth(0, 8), "P")
    paletted.putpalette([index * 7 % 256 for index in range(768)])
    paletted.save(tmp_path / "labels" / "a.png")
    bundle = str(red_bundle(tmp_path / "red").path)
    assert evaluate(bundle, tmp_path / "images", tmp_path / "labels")["pixel_accuracy"] == 1.0


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_labels_of_few_grey_bits_are_read_by_their_ids(tmp_path, bits):
    path = tmp_path / "label.png"
    path.write_bytes(grey_png(truth(0, 2**bits - 1), bits))
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[0, -1] == 255
    np.testing.assert_array_equal(read_labels(path), truth(0, 2**bits - 1))


def test_frames_behind_links_and_of_any_name_are_scored(scored, tmp_path):
    for folder, image in (("images", half_red()), ("labels", truth(0, 8))):
        (tmp_path / f"disk_{folder}").mkdir()
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / f"disk_{folder}" / "b.png"), image)
        (tmp_path / folder / "sequence").symlink_to(tmp_path / f"disk_{folder}")
    (tmp_path / "images" / "latest").symlink_to(".")
    assert scored({"a_color.png": half_red()}, {"a_color.png": truth(0, 8)})["frames"] == 2


def test_it_is_compared_at_the_size_of_the_label(scored):
    report = scored({"a.png": half_red(64, 128)}, {"a.png": truth(0, 8, (16, 32))})
    assert report["pixel_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("pictures", "labels", "arguments", "sentence"),
    [
        ({}, {"a.png": truth(0, 8)}, (), "holds no pictures"),
        ({"a.png": half_red()}, {}, (), "picture 'a' in .* has no label of that stem"),
        (
            {"a.png": half_red(), "b.png": half_red(), "c.png": half_red()},
            {"a.png": truth(0, 8)},
            (),
            r"picture 'b' \(and 1 more\)",
        ),
        ({"a.png": half_red()}, {"a.png": truth(0, 8), "b.png": truth(0, 8)}, (), "label 'b' .* no picture"),
        ({"a.png": half_red(), "a.jpg": half_red()}, {"a.png": truth(0, 8)}, (), "have one stem"),
        ({"a.png": half_red()}, {"a.png": truth(0, 8, (32, 48))}, (), "is 48x32 but a.png is 64x32"),
        ({"a.png": half_red()}, {"a.png": truth(0, 11)}, (), "holds id 11, but .* ids go from 0 to 10"),
        ({"a.png": half_red()}, {"a.png": half_red()}, (), "single-channel 8-bit"),
        ({"a.png": half_red()}, {"a.png": truth(0, 8).astype(np.uint16)}, (), "uint16"),
        ({"a.png": half_red()}, {"a.png": truth(0, 8)}, ("mars",), "'mars' is no known label map"),
        ({"a.png": half_red()}, {"a.png": truth(255, 255)}, (), "no pixel of .* has a class"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_sentence(scored, pictures, labels, arguments, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        scored(pictures, labels, *arguments)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.fixture
def pairs(hot_bundle, tmp_path):
    """A bundle for which hot is person, else red is car, and a frame that is red on the right, hot below."""
    thermal = np.full((32, 64), 29000, np.uint16)
    thermal[16:] = 31000
    label = truth(0, 9)
    label[16:] = 8
    for folder, picture in (("images", half_red()), ("thermal", thermal), ("labels", label)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "a.png"), picture)
    return str(hot_bundle(tmp_path / "hot").path), tmp_path


def test_pairs_are_scored_with_either_stream_alone_too(pairs):
    bundle, root = pairs
    images, thermal, labels = root / "images", root / "thermal", root / "labels"
    both = evaluate(bundle, images, labels, thermal=thermal, runtime="onnxruntime")
    assert both["pixel_accuracy"] == 1.0 and both["frames"] == 1
    assert evaluate(bundle, images, labels, runtime="onnxruntime")["pixel_accuracy"] == 0.5
    alone = evaluate(bundle, None, labels, thermal=thermal, runtime="onnxruntime")
    assert alone["pixel_accuracy"] == 0.75 and alone["iou"]["person"] == 1.0 and alone["iou"]["car"] == 0.0


def test_what_a_bundle_cannot_look_at_is_refused(pairs, red_bundle):
    bundle, root = pairs
    other = str(red_bundle(root / "red").path)
    with pytest.raises(UserError, match="'red' takes no thermal pictures; leave out --thermal"):
        evaluate(other, root / "images", root / "labels", thermal=root / "thermal")
    with pytest.raises(UserError, match="nothing for bundle 'hot' to look at; give --images"):
        evaluate(bundle, None, root / "labels")
    (root / "thermal" / "b.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"thermal picture 'b' in .* has no label of that stem"):
        evaluate(bundle, None, root / "labels", thermal=root / "thermal")
    (root / "thermal" / "b.png").rename(root / "thermal" / "a.png")
    with pytest.raises(UserError, match=r"a\.png cannot be read as a picture"):
        evaluate(bundle, None, root / "labels", thermal=root / "thermal", runtime="onnxruntime")


def test_missing_folders_and_bundles(tmp_path):
    with pytest.raises(UserError, match="is no folder"):
        pair(tmp_path / "nowhere", tmp_path)
    with pytest.raises(BundleError, match="no model bundle"):
        evaluate("nowhere", tmp_path, tmp_path)


def test_the_table_shows_every_class(scored):
    report = scored({"a.png": half_red()}, {"a.png": truth(0, 8)})
    lines = table(report).splitlines()
    assert any(line.startswith("road") and "100.0%" in line for line in lines)
    assert any(line.startswith("car") and "–" in line for line in lines)
    assert any(line.startswith("mIoU") and "100.0%" in line for line in lines)
