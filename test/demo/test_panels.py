# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a frame, and how it is scored."""

import numpy as np
import pytest
from pair_recordings import scene, warmth

from samseg_ros.demo.drive import Frame
from samseg_ros.demo.measure import Shot
from samseg_ros.demo.panels import ONE_CAMERA, RGB_AND_THERMAL, Panels
from samseg_ros.demo.score import Score
from samseg_ros.labels import STREET11, UNLABELED


def frame(image=True, thermal=True, truth=None, light="", is_of_two=True):
    rgb, warm = scene(0) if image else None, warmth(0, 24, 48) if thermal else None
    return Frame((0, 0), (), rgb, warm, truth, light, is_of_two)


@pytest.mark.parametrize(("image", "thermal"), [(True, True), (True, False), (False, True)])
def test_every_panel_of_two_cameras_is_there_whatever_is_cut_off(image, thermal):
    truth = np.full((8, 16), 3, np.uint8)
    panels = Panels(STREET11).draw(frame(image, thermal, truth), np.full((16, 32), 8, np.uint8))
    assert list(panels) == [*(name for row in RGB_AND_THERMAL for name in row), "truth"]
    assert {panel.shape for panel in panels.values()} == {(32, 64, 3) if image else (24, 48, 3)}
    assert (panels["mask"] == STREET11.colors[8][::-1]).all()
    assert (panels["truth"] == STREET11.colors[3][::-1]).all()
    # Warm below: inferno runs from black to yellow.
    assert not thermal or panels["thermal"][-1].mean() > panels["thermal"][1].mean() + 50


def test_void_keeps_the_picture():
    panels = Panels(STREET11).draw(frame(thermal=False, is_of_two=False), None)
    assert set(panels) == {name for row in ONE_CAMERA for name in row}
    np.testing.assert_array_equal(panels["overlay"], scene(0))
    assert UNLABELED not in range(len(STREET11)) and not panels["mask"].any()


def test_masks_are_scored_apart_by_light_and_by_what_was_seen():
    score = Score(STREET11)
    truth = np.zeros((4, 6), np.uint8)
    right, wrong = np.zeros((4, 6), np.uint8), np.ones((8, 12), np.uint8)
    for index, (light, thermal, mask) in enumerate(
        (("day", True, right), ("day", False, wrong), ("night", True, right), ("night", True, None))
    ):
        shot = Shot(index, frame(thermal=thermal, truth=truth, light=light), mask, None)
        score.add(shot)
    report = score.report()
    assert report["by_light"] == {
        "day": {"frames_in": 2, "frames_out": 2, "miou": 0.25},
        "night": {"frames_in": 2, "frames_out": 1, "miou": 1.0},
    }
    assert report["by_modality"] == {
        "both": {"frames_in": 3, "frames_out": 2, "miou": 1.0},
        "rgb": {"frames_in": 1, "frames_out": 1, "miou": 0.0},
    }
    assert report["pixel_accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert score.shares()[:2] == pytest.approx([48 / 144, 96 / 144])
