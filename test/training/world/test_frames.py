# SPDX-License-Identifier: Apache-2.0
"""Rendered frames: their images agree with one another, with physics, and with their seed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("embreex")

from training.world import Frame, Settings, Street11, render_frames


@pytest.fixture(scope="module")
def day() -> list[Frame]:
    return list(render_frames(Settings("erp", 128, 256, "a", "day", seed=4), 6))


@pytest.fixture(scope="module")
def night() -> list[Frame]:
    return list(render_frames(Settings("pinhole", 120, 160, "a", "night", seed=5), 4))


def test_shapes_and_types(day: list[Frame]) -> None:
    images = day[0].images
    assert images.rgb.shape == (128, 256, 3) and images.rgb.dtype == np.uint8
    for image, kind in (
        (images.thermal, "uint16"),
        (images.label, "uint8"),
        (images.instance, "uint16"),
        (images.depth, "uint16"),
    ):
        assert image.shape == (128, 256) and image.dtype == kind


def test_sky_is_where_there_is_no_depth(day: list[Frame]) -> None:
    for frame in day:
        np.testing.assert_array_equal(frame.images.label == Street11.SKY, frame.images.depth == 0)


def test_an_instance_has_one_class_and_things_have_instances(day: list[Frame]) -> None:
    things = (Street11.PERSON, Street11.CAR, Street11.BICYCLE)
    for frame in day:
        label, instance = frame.images.label, frame.images.instance
        for number in np.unique(instance[instance > 0]):
            assert len(np.unique(label[instance == number])) == 1
        assert (instance[np.isin(label, things)] > 0).all()
        assert (instance[np.isin(label, (Street11.ROAD, Street11.SKY, Street11.BUILDING))] == 0).all()


def test_road_depth_is_camera_height(day: list[Frame]) -> None:
    """Straight down from the camera lies the ground, 1.2 to 2.7 m away."""
    for frame in day:
        assert 110 < np.median(frame.images.depth[-1]) < 280
        assert frame.images.label[-1, 0] in (Street11.ROAD, Street11.SIDEWALK)


def test_every_class_appears(day: list[Frame]) -> None:
    assert set(np.unique(np.stack([f.images.label for f in day]))) == {int(c) for c in Street11}


def test_thermal_at_night(night: list[Frame]) -> None:
    sky, people, rest = [], [], []
    for frame in night:
        kelvin, label = frame.images.thermal / 100.0, frame.images.label
        solid = ~np.isin(label, (Street11.SKY, Street11.PERSON, Street11.CAR, Street11.BICYCLE))
        sky.append(kelvin[label == Street11.SKY])
        people.append(kelvin[label == Street11.PERSON])
        rest.append(kelvin[solid])
    assert len(np.concatenate(people)) > 20, "the seed of this test shows people"
    assert np.mean(np.concatenate(people)) > np.mean(np.concatenate(rest)) + 2
    assert np.concatenate(people).max() < 312
    assert np.mean(np.concatenate(sky)) < np.mean(np.concatenate(rest)) - 10


def test_sky_is_the_coldest_class_by_day(day: list[Frame]) -> None:
    kelvin = np.concatenate([f.images.thermal.ravel() for f in day]) / 100.0
    label = np.concatenate([f.images.label.ravel() for f in day])
    means = {c: kelvin[label == c].mean() for c in Street11}
    assert min(means, key=lambda c: means[c]) == Street11.SKY


def test_night_is_darker_than_day(day: list[Frame], night: list[Frame]) -> None:
    assert np.mean([f.images.rgb.mean() for f in night]) < 0.6 * np.mean([f.images.rgb.mean() for f in day])


def test_styles_differ() -> None:
    tint = {}
    for style in ("a", "b"):
        frames = list(render_frames(Settings("erp", 48, 96, style, "day", seed=6, samples=0), 3))
        walls = np.concatenate([f.images.rgb[f.images.label == Street11.BUILDING] for f in frames]).astype(
            float
        )
        tint[style] = (walls[:, 0] - walls[:, 2]).mean()
    assert tint["a"] > tint["b"] + 10, "brick and plaster are warmer than concrete and glass"


def test_a_sequence_moves_through_one_street() -> None:
    settings = Settings(
        "pinhole", 48, 64, "a", "day", seed=2, frames_per_scene=3, speed=10.0, hz=5.0, samples=0
    )
    frames = list(render_frames(settings, 4))
    assert [f.scene for f in frames] == [0, 0, 0, 1]
    step = np.linalg.norm(frames[1].camera.pose[:3, 3] - frames[0].camera.pose[:3, 3])
    assert step == pytest.approx(2.0, rel=0.02)
    shared = np.intersect1d(frames[0].images.instance, frames[1].images.instance)
    assert len(shared[shared > 0]) > 0


def test_starting_in_the_middle_gives_the_same_frame(day: list[Frame]) -> None:
    again = next(render_frames(Settings("erp", 128, 256, "a", "day", seed=4), 1, first=2))
    for kind in ("rgb", "thermal", "label", "instance", "depth"):
        np.testing.assert_array_equal(getattr(again.images, kind), getattr(day[2].images, kind))


def test_another_seed_gives_another_street(day: list[Frame]) -> None:
    other = next(render_frames(Settings("erp", 128, 256, "a", "day", seed=5), 1))
    assert (other.images.label != day[0].images.label).mean() > 0.05


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"camera": "fisheye"}, "camera is 'fisheye'"),
        ({"style": "c"}, "expected one of a, b"),
        ({"light": "noon"}, "light is 'noon'"),
        ({"height": 100, "width": 100}, "twice as wide"),
        ({"height": 4, "width": 8}, "expected 16x16"),
        ({"seed": -1}, "seed is -1"),
        ({"frames_per_scene": 0}, "expected 1 or more"),
        ({"speed": 50.0, "frames_per_scene": 1000}, "at most 600 m"),
        ({"camera": "pinhole", "hfov": 170.0}, "expected 20 to 140"),
    ],
)
def test_settings_refuse(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings(**wrong)  # type: ignore[arg-type]
