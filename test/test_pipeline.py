# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from samseg_ros import engine, registration
from samseg_ros.bundle import Bundle
from samseg_ros.engine import Prediction
from samseg_ros.labels import STREET11
from samseg_ros.pipeline import Pipeline, RgbtPipeline
from samseg_ros.registration import Homography, Registration
from samseg_ros.thermal import Scaling, ThermalScale


class RedEngine:
    """Stands in for a runtime: id 8 where red is above 128, confidence is blue; keeps what it was given."""

    runtime, version, device, precision, fallback = "red", "0", "CPU", "exact", ""

    def infer(self, **inputs: np.ndarray) -> Prediction:
        self.seen = inputs["image"].copy()
        return Prediction(np.where(self.seen[..., 2] > 128, 8, 0).astype(np.uint8), self.seen[..., 0].copy())


def bundle(task: str, size: tuple[int, int] = (64, 128)) -> Bundle:
    return Bundle(Path(), "red", task, "pinhole", size, STREET11, "")


def red_left(height: int, width: int) -> np.ndarray:
    image = np.full((height, width, 3), 30, np.uint8)
    image[:, : width // 2, 2] = 255
    return image


@pytest.mark.parametrize("size", [(64, 128), (480, 640), (30, 50), (128, 60)])
def test_masks_have_the_cameras_size(size: tuple[int, int]) -> None:
    result = Pipeline(bundle("camera"), RedEngine()).run(red_left(*size), confidence=True)
    expected = np.where(red_left(*size)[..., 2] > 128, 8, 0)
    assert result.mask.shape == size
    border = slice(size[1] // 2 - 2, size[1] // 2 + 2)
    np.testing.assert_array_equal(np.delete(result.mask, border, 1), np.delete(expected, border, 1))
    assert result.confidence is not None
    assert (result.confidence == 30).all()


@pytest.mark.parametrize("size", [(50, 90), (90, 230), (480, 640)])
def test_a_mask_lies_where_the_picture_does(size: tuple[int, int]) -> None:
    """A mirrored picture has the mirrored mask: enlarging or shrinking it moves nothing to one side."""
    labels = np.zeros((64, 128), np.uint8)
    labels[20:44, 51:77] = 8  # in the middle

    class Centred(RedEngine):
        def infer(self, **inputs: np.ndarray) -> Prediction:
            return Prediction(labels, labels)

    mask = Pipeline(bundle("camera"), Centred()).run(red_left(*size)).mask
    np.testing.assert_array_equal(mask, mask[::-1, ::-1])


def test_network_size_on_request() -> None:
    result = Pipeline(bundle("camera"), RedEngine(), output_size="network").run(red_left(480, 640))
    assert result.mask.shape == (64, 128)
    assert result.confidence is None


def test_a_strip_is_placed_not_stretched() -> None:
    engine = RedEngine()
    pipeline = Pipeline(bundle("panorama"), engine)
    result = pipeline.run(red_left(100, 512))  # 70.3° of 180°: 25 of 64 rows
    assert result.mask.shape == (100, 512)
    assert not engine.seen[:19].any()
    assert (engine.seen[19:44, :64, 2] == 255).all()
    assert not engine.seen[44:].any()
    assert (result.mask[:, :250] == 8).all()
    assert (result.mask[:, 260:] == 0).all()


def test_a_strip_after_a_full_sphere_starts_from_black() -> None:
    engine = RedEngine()
    pipeline = Pipeline(bundle("panorama"), engine)
    pipeline.run(red_left(256, 512))
    assert engine.seen[:19].any()
    pipeline.run(red_left(100, 512))
    assert not engine.seen[:19].any()


def test_network_sized_strips_have_the_rows_they_cover() -> None:
    result = Pipeline(bundle("panorama"), RedEngine(), output_size="network", vertical_fov=90.0).run(
        red_left(100, 512)
    )
    assert result.mask.shape == (32, 128)


def test_results_outlive_the_next_frame() -> None:
    pipeline = Pipeline(bundle("camera"), RedEngine())
    first = pipeline.run(red_left(64, 128)).mask
    pipeline.run(np.zeros((64, 128, 3), np.uint8))
    assert (first[:, :64] == 8).all()


@pytest.mark.parametrize(
    ("task", "settings", "sentence"),
    [
        ("camera", {"output_size": "large"}, "output_size is 'large'; choose camera or network"),
        ("panorama", {"vertical_fov": 200.0}, "at most 180 degrees"),
        ("rgbt", {}, "bundle 'red' is for task rgbt; camera or panorama is needed"),
    ],
)
def test_wrong_settings_are_refused(task: str, settings: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Pipeline(bundle(task), RedEngine(), **settings)


@pytest.fixture
def rgbt(hot_bundle, tmp_path):
    """A pipeline of 32×64: id 8 where thermal is above 128, else 9 where red is, else 0."""

    def make(registered=registration.NONE, **options):
        it = hot_bundle(tmp_path / "hot")
        return RgbtPipeline(it, engine.load(it), ThermalScale(Scaling("raw8")), registered, **options)

    return make


def pair(height, width):
    random = np.random.default_rng(4)
    return (
        random.integers(0, 256, (height, width, 3), np.uint8),
        random.integers(1, 256, (height, width), np.uint8),
    )


def test_a_pair(rgbt):
    rgb, thermal = pair(32, 64)
    result = rgbt().run(rgb, thermal, confidence=True)
    expected = np.where(thermal > 128, 8, np.where(rgb[..., 2] > 128, 9, 0))
    np.testing.assert_array_equal(result.mask, expected)
    assert (result.confidence == 150).all()


def test_a_missing_stream_leaves_no_trace_of_the_frame_before(rgbt):
    pipeline = rgbt()
    rgb, thermal = pair(32, 64)
    pipeline.run(rgb, thermal)
    alone = pipeline.run(rgb, None, confidence=True)
    np.testing.assert_array_equal(alone.mask, np.where(rgb[..., 2] > 128, 9, 0))
    assert (alone.confidence == 100).all()
    pipeline.run(rgb, thermal)
    alone = pipeline.run(None, thermal, confidence=True)
    np.testing.assert_array_equal(alone.mask, np.where(thermal > 128, 8, 0))
    assert (alone.confidence == 50).all()


def test_thermal_alone_gives_masks_of_the_size_of_the_last_rgb_frame(rgbt):
    pipeline = rgbt()
    rgb, thermal = pair(96, 192)
    assert pipeline.run(None, thermal[:48, :80]).mask.shape == (48, 80)
    pipeline.run(rgb, None)
    assert pipeline.run(None, thermal[:48, :80]).mask.shape == (96, 192)
    assert rgbt(output_size="network").run(None, thermal).mask.shape == (32, 64)


def test_before_the_first_rgb_frame_the_registration_tells_its_size(rgbt):
    shift = Homography((1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0), (48, 80), (96, 192))
    pipeline = rgbt(Registration(shift))
    _, thermal = pair(48, 80)
    assert pipeline.run(None, thermal).mask.shape == (96, 192)


def test_neither_frame(rgbt):
    with pytest.raises(ValueError, match="neither an RGB nor a thermal frame"):
        rgbt().run(None, None)


def test_a_bundle_of_another_task_is_refused(red_bundle, tmp_path):
    it = red_bundle(tmp_path / "red")
    with pytest.raises(ValueError, match="is for task panorama; rgbt is needed"):
        RgbtPipeline(it, engine.load(it), ThermalScale(Scaling("raw8")), registration.NONE)


@pytest.mark.parametrize(
    ("picture", "what"),
    [
        (np.zeros((64, 128), np.uint8), r"uint8 \[64, 128\]"),
        (np.zeros((64, 128, 4), np.uint8), r"uint8 \[64, 128, 4\]"),
        (np.zeros((64, 128, 3), np.float32), r"float32 \[64, 128, 3\]"),
        (None, "None"),
    ],
)
def test_what_is_no_picture_is_refused_and_not_taken_for_the_one_before(picture, what: str) -> None:
    expected = f"the picture is {what}; expected uint8"
    with pytest.raises(ValueError, match=expected):
        Pipeline(bundle("camera"), RedEngine()).run(picture)
    if picture is not None:
        pair = RgbtPipeline(bundle("rgbt"), RedEngine(), ThermalScale(Scaling("raw8")), registration.NONE)
        with pytest.raises(ValueError, match=expected):
            pair.run(picture, None)


def test_ordinary_cameras_have_no_vertical_fov() -> None:
    with pytest.raises(ValueError, match="vertical_fov is for panoramas; bundle 'red' is for task camera"):
        Pipeline(bundle("camera"), RedEngine(), vertical_fov=90.0)
