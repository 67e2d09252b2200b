# SPDX-License-Identifier: Apache-2.0
"""Drives that are rendered, with a street generator that stands in for the real one."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import PERIOD

from samseg_ros.demo import render as rendering
from samseg_ros.demo.render import Part, Rendering, cuts, render
from samseg_ros.errors import UserError


class Generator:
    """Writes flat pictures whose values tell kind and seed; keeps what was asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, str]] = {}

    def __call__(self, programs, tick) -> None:
        for name, words in programs.items():
            settings = dict(word.removeprefix("--").split("=") for word in words[3:])
            self.asked[name] = settings
            for kind, value in (("rgb", 100), ("label", 3), ("thermal", 29000)):
                folder = Path(settings["out"]) / kind
                folder.mkdir(parents=True)
                height, width = map(int, settings["size"].split("x"))
                dtype = np.uint16 if kind == "thermal" else np.uint8
                picture = np.full((height, width, 3) if kind == "rgb" else (height, width), value, dtype)
                for i in range(int(settings["frames"])):
                    cv2.imwrite(str(folder / f"{i:06d}.png"), picture + int(settings["seed"]))
            tick()


def test_a_drive_has_its_parts_in_order_and_its_truth_beside_it(tmp_path):
    generator = Generator()
    (drive,) = render([Rendering(tmp_path, "panorama", (8, 16), 10, 0)], generator)
    assert [settings["frames"] for settings in generator.asked.values()] == ["2", "3", "2", "3"]
    assert {settings["size"] for settings in generator.asked.values()} == {"8x16"}
    assert {settings["camera"] for settings in generator.asked.values()} == {"erp"}
    frames = list(drive.play())
    parts = [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [100 + part for part in parts]
    assert [int(frame.truth[0, 0]) for frame in frames] == [3 + part for part in parts]
    assert [frame.light for frame in frames] == ["day"] * 5 + ["dusk"] * 2 + ["night"] * 3
    times = [frame.sent[0][1] for frame in frames]
    assert [time - times[0] for time in times] == [i * PERIOD for i in range(10)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drive", "truth"]


def test_both_cameras_are_rendered_at_once_and_thermal_has_16_bits(tmp_path):
    generator = Generator()
    asked = [
        Rendering(tmp_path, "panorama", (8, 16), 4, 0),
        Rendering(tmp_path / "rgbt", "rgbt", (6, 8), 18, 0),
    ]
    one, two = render(asked, generator)
    assert len(generator.asked) == 4 + 3
    assert (one.has_two, two.has_two) == (False, True)
    frames = list(two.play())
    assert len(frames) == two.frames == 18
    assert {frame.thermal.dtype for frame in frames if frame.thermal is not None} == {np.dtype(np.uint16)}
    assert frames[0].image.shape == (6, 8, 3) and frames[0].thermal.shape == (6, 8)
    day, dusk, night = ([f.given for f in frames if f.light == light] for light in ("day", "dusk", "night"))
    assert day == ["both"] * 3 + ["rgb"] * 2 + ["both"]
    assert dusk == ["both"] * 6
    assert night == ["both"] * 3 + ["thermal"] * 2 + ["both"]
    assert sorted(path.name for path in (tmp_path / "rgbt").iterdir()) == ["drive", "truth"]


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_a_short_drive_is_one_too(tmp_path, frames):
    (drive,) = render([Rendering(tmp_path, "rgbt", (6, 8), frames, 0)], Generator())
    assert len(list(drive.play())) == drive.frames == frames


def test_what_is_cut_off_comes_back_before_the_part_ends():
    cut = cuts([Part("a", "day", 0, 27), Part("a", "dusk", 0, 5), Part("b", "night", 0, 27)])
    assert set(cut[:13]) == set(cut[22:27]) == set(cut[27:32]) == {""}
    assert set(cut[13:22]) == {"thermal"}
    assert cut[-1] == "" and cut.count("rgb") == 9


def test_without_a_checkout_a_bag_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "CHECKOUT", tmp_path)
    with pytest.raises(UserError, match="source checkout only; give a bag with --bag"):
        render([Rendering(tmp_path, "panorama", (8, 16), 10, 0)], Generator())
