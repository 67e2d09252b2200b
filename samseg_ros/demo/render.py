# SPDX-License-Identifier: Apache-2.0
"""Drives through a street that is rendered for them, with their truth."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from samseg_ros import share
from samseg_ros.bags.image_messages import image_header, image_message
from samseg_ros.bags.pictures import pictures_in, read_picture, read_thermal_picture
from samseg_ros.bags.read import IMAGE
from samseg_ros.bags.write import channel, new_bag, offered_qos
from samseg_ros.demo import folder as places
from samseg_ros.demo.drive import Drive, Stream
from samseg_ros.errors import UserError

CHECKOUT = share.SOURCE
NATIVE_HZ = 10.0
SKEW_NS = 3_000_000  # by which the thermal camera's stamps are later
_EPOCH_NS = 1_700_000_000 * 10**9
_CAMERAS = {"panorama": "erp", "camera": "pinhole", "rgbt": "pinhole"}

# Style and light of the parts of a drive, and what is added to its seed: each has its own street.
_ONE_CAMERA = (("a", "day", 0), ("b", "day", 1), ("a", "dusk", 2), ("b", "night", 3))
_RGB_AND_THERMAL = (("a", "day", 0), ("b", "dusk", 0), ("b", "night", 1))
# The camera that is cut off for a while in that light.
_CUT = {"day": "thermal", "night": "rgb"}

# Runs programs (name: arguments) to their ends, side by side, calling something now and then.
RunPrograms = Callable[[Mapping[str, list[str]], Callable[[], object]], None]


@dataclass(frozen=True)
class Part:
    """A stretch of a rendered drive, in one light; it may have no frames."""

    style: str
    light: str
    seed: int
    frames: int


@dataclass(frozen=True)
class Rendering:
    """A drive to be: `frames` pictures of `size` (height, width) for a bundle of this task, in `folder`."""

    folder: Path
    task: str
    size: tuple[int, int]
    frames: int
    seed: int

    @property
    def parts(self) -> list[Part]:
        """Together they have `frames` frames."""
        kinds = _RGB_AND_THERMAL if self.task == "rgbt" else _ONE_CAMERA
        ends = [self.frames * part // len(kinds) for part in range(len(kinds) + 1)]
        return [
            Part(style, light, self.seed + seed, ends[part + 1] - ends[part])
            for part, (style, light, seed) in enumerate(kinds)
        ]

    @property
    def scratch(self) -> Path:
        return self.folder / "rendered"

    def programs(self, workers: int) -> dict[str, list[str]]:
        """The street generator's runs, one for each part: name and arguments."""
        programs = {}
        for number, part in enumerate(self.parts):
            settings: dict[str, object] = {
                "out": self.scratch / str(number),
                "camera": _CAMERAS[self.task],
                "frames": part.frames,
                "frames-per-scene": part.frames,
            }
            settings |= {"size": f"{self.size[0]}x{self.size[1]}", "style": part.style, "light": part.light}
            settings |= {"seed": part.seed, "workers": workers, "hz": NATIVE_HZ}
            words = [f"--{name}={value}" for name, value in settings.items()]
            if part.frames:
                programs[f"render_{self.task}_{part.style}_{part.light}"] = [
                    "-m",
                    "training",
                    "world",
                    *words,
                ]
        return programs


def can_render() -> bool:
    """Whether the street generator is here: it belongs to a source checkout."""
    return (CHECKOUT / "training" / "world").is_dir()


def render(asked: Sequence[Rendering], run: RunPrograms) -> list[Drive]:
    """Render all of these at once, each to a bag in its folder with its truth beside."""
    if not can_render():
        raise UserError("the street generator comes with a source checkout only; give a bag with --bag.")
    # Each part is too short to keep more than a core or two busy.
    parts = sum(len(rendering.parts) for rendering in asked)
    workers = max(1, (os.cpu_count() or 1) // parts)
    programs: dict[str, list[str]] = {}
    for rendering in asked:
        rendering.folder.mkdir(exist_ok=True)
        programs |= rendering.programs(workers)

    def done() -> int:
        return sum(1 for rendering in asked for _ in rendering.scratch.glob("*/rgb/*.png"))

    with tqdm(total=sum(rendering.frames for rendering in asked), unit="frame", disable=None) as bar:
        run(programs, lambda: bar.update(done() - bar.n))
    return [_drive(rendering) for rendering in asked]


def _drive(rendering: Rendering) -> Drive:
    """The bag of what was rendered."""
    found = {
        kind: [path for part in _folders(rendering) for path in pictures_in(part / kind)]
        for kind in ("rgb", "label", "thermal")[: 3 if rendering.task == "rgbt" else 2]
    }
    truth = rendering.folder / places.TRUTH
    truth.mkdir()
    for index, path in enumerate(found["label"]):
        shutil.move(path, truth / f"{index:06d}.png")
    lights = tuple(part.light for part in rendering.parts for _ in range(part.frames))
    if rendering.task == "rgbt":
        streams: tuple[Stream, ...] = (Stream("rgb", "/rgbt/rgb"), Stream("thermal", "/rgbt/thermal"))
        _write_pairs(rendering, streams, found["rgb"], found["thermal"])
    else:
        streams = (Stream("image", f"/{rendering.task}/image"),)
        _write(rendering, streams[0], found["rgb"])
    shutil.rmtree(rendering.scratch)
    return Drive(
        rendering.folder / places.DRIVE,
        streams,
        len(lights),
        NATIVE_HZ,
        "rendered",
        truth,
        lights,
        silence=1.5 / NATIVE_HZ,
    )


def _folders(rendering: Rendering) -> list[Path]:
    return [rendering.scratch / str(number) for number, part in enumerate(rendering.parts) if part.frames]


def _write(rendering: Rendering, stream: Stream, pictures: list[Path]) -> None:
    topic = channel(stream.topic, IMAGE, (offered_qos(5),))
    with new_bag(rendering.folder / places.DRIVE) as bag:
        for index, path in enumerate(pictures):
            time = _time(index)
            message = image_message(image_header(time, rendering.task), "bgr8", read_picture(path))
            bag.write_message(topic, time, message)


def _write_pairs(
    rendering: Rendering, streams: tuple[Stream, ...], rgb: list[Path], thermal: list[Path]
) -> None:
    topics = [channel(stream.topic, IMAGE, (offered_qos(5),)) for stream in streams]
    cut = cuts(rendering.parts)
    with new_bag(rendering.folder / places.DRIVE) as bag:
        for topic in topics:
            bag.add(topic)
        for index, (color, warm) in enumerate(zip(rgb, thermal, strict=True)):
            time = _time(index)
            if cut[index] != "rgb":
                message = image_message(image_header(time, "rgb"), "bgr8", read_picture(color))
                bag.write_message(topics[0], time, message)
            time += SKEW_NS
            if cut[index] != "thermal":
                values = read_thermal_picture(warm)
                message = image_message(image_header(time, "thermal"), "16UC1", values)
                bag.write_message(topics[1], time, message)


def cuts(parts: list[Part]) -> list[str]:
    """Of each frame the camera ("rgb", "thermal") that is cut off, or empty: halfway through some parts."""
    cut = []
    for part in parts:
        start = part.frames // 2
        for frame in range(part.frames):
            within = start <= frame < start + part.frames // 3
            cut.append(_CUT.get(part.light, "") if within else "")
    return cut


def _time(index: int) -> int:
    return _EPOCH_NS + round(index * 1e9 / NATIVE_HZ)
