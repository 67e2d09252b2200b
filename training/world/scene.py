# SPDX-License-Identifier: Apache-2.0
"""Scenes from seeds, and frames from scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .camera import MODELS, Camera, pose_matrix
from .film import Lens, random_lens
from .layout import Layout, random_layout
from .light import LIGHTS, Light, random_light
from .palette import STYLES
from .part import Geometry
from .render import Images, View, render
from .shape import Reals
from .street import build_street
from .trace import Solid, Tracer
from .traffic import Actor, Drive, moved, random_actors, random_drive

MIX = ("day", "day", "day", "day", "dusk", "night", "fog", "overexposed")


@dataclass(frozen=True)
class Settings:
    """What to render.

    camera: "erp" or "pinhole".  height, width: pixels.  style: "a" or "b".  light: one of LIGHTS or "mixed".
    frames_per_scene: consecutive frames that share a scene.  speed: the camera's, m/s.  hz: frames
    per second.
    hfov: degrees for pinhole, None draws 50 to 90 per scene.  samples: extra rays at edge pixels.
    Raises ValueError for values outside these.
    """

    camera: str = "erp"
    height: int = 512
    width: int = 1024
    style: str = "a"
    light: str = "mixed"
    seed: int = 0
    frames_per_scene: int = 1
    speed: float = 8.0
    hz: float = 10.0
    hfov: float | None = None
    samples: int = 2

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("camera", self.camera, MODELS),
            ("style", self.style, STYLES),
            ("light", self.light, (*LIGHTS, "mixed")),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}, expected one of {', '.join(allowed)}.")
        if not (16 <= self.height <= 8192 and 16 <= self.width <= 16384):
            raise ValueError(
                f"size is {self.height}x{self.width}, expected 16x16 to 8192x16384 pixels (height x width)."
            )
        if self.camera == "erp" and self.width != 2 * self.height:
            raise ValueError(
                f"size is {self.height}x{self.width}, an equirectangular image is twice as wide as high; "
                f"try {self.height}x{2 * self.height}."
            )
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, expected zero or a positive whole number.")
        if self.frames_per_scene < 1:
            raise ValueError(f"frames per scene is {self.frames_per_scene}, expected 1 or more.")
        if not (0 <= self.speed <= 60 and 0 < self.hz <= 1000):
            raise ValueError(
                f"speed is {self.speed} m/s at {self.hz} Hz, expected 0 to 60 m/s and more than 0 to 1000 Hz."
            )
        if self.travel > 600:
            raise ValueError(
                f"the camera would drive {self.travel:.0f} m in one scene, expected at most 600 m; "
                "lower the speed or the frames per scene."
            )
        if self.hfov is not None and not 20 <= self.hfov <= 140:
            raise ValueError(f"hfov is {self.hfov} degrees, expected 20 to 140.")
        if not 0 <= self.samples <= 64:
            raise ValueError(f"samples is {self.samples}, expected 0 to 64.")

    @property
    def travel(self) -> float:
        """How far the camera drives in one scene, metres."""
        return self.speed * (self.frames_per_scene - 1) / self.hz


@dataclass(frozen=True)
class Frame:
    """One rendered frame.

    index: frame number.  scene: scene number.  seconds: time since the scene's first frame.  camera: model,
    size, hfov and pose.  light: its name.  images: see Images.
    """

    index: int
    scene: int
    seconds: float
    camera: Camera
    light: str
    images: Images


@dataclass(frozen=True)
class Scene:
    """A street with what moves on it; still geometry is in world coordinates already."""

    number: int
    plan: Layout
    light: Light
    lens: Lens
    drive: Drive
    hfov: float
    still: Geometry
    facades: npt.NDArray[np.float32]
    lamps: Reals
    lamp_rgb: npt.NDArray[np.float32]
    actors: list[Actor]


def scene_seed(settings: Settings, number: int) -> np.random.SeedSequence:
    """The seed of a scene: the same for whichever worker builds it."""
    return np.random.SeedSequence([settings.seed, number])


def build_scene(settings: Settings, number: int) -> Scene:
    """Draws scene `number` (0, 1, ...) of a run."""
    rng = np.random.default_rng(scene_seed(settings, number))
    name = str(rng.choice(MIX)) if settings.light == "mixed" else settings.light
    light, lens = random_light(rng, name, settings.style), random_lens(rng)
    plan = random_layout(rng, settings.travel)
    hfov = (
        360.0
        if settings.camera == "erp"
        else settings.hfov
        if settings.hfov is not None
        else float(rng.uniform(50, 90))
    )
    drive = random_drive(rng, plan, settings.camera, settings.speed)
    lamp_rgb = np.array(
        [1.0, 0.62, 0.28] if rng.uniform() < 0.5 else [1.0, 0.9, 0.75], np.float32
    ) * np.float32(rng.uniform(14, 40))
    street = build_street(
        rng, plan, settings.style, light, (drive.x - 24.0, drive.x + settings.travel + 32.0)
    )
    actors = random_actors(rng, plan, drive, light, street.next_instance)
    lamps = plan.bend.point(street.lamps) if len(street.lamps) else street.lamps
    return Scene(
        number,
        plan,
        light,
        lens,
        drive,
        hfov,
        plan.bend.apply(street.geometry),
        street.facades,
        lamps,
        lamp_rgb,
        actors,
    )


def scene_camera(settings: Settings, scene: Scene, seconds: float) -> Camera:
    """The camera of a scene at a time."""
    drive, bend = scene.drive, scene.plan.bend
    x = drive.x + drive.speed * seconds
    place = bend.point(np.array([x, drive.y, drive.height]))
    pose = pose_matrix(
        (float(place[0]), float(place[1]), float(place[2])),
        drive.yaw + bend.heading(x),
        drive.pitch - bend.slope,
        drive.roll,
    )
    return Camera(settings.camera, settings.height, settings.width, scene.hfov, pose)


def _ahead(geometry: Geometry, cameras: Sequence[Camera], behind: float = 30.0) -> Geometry:
    """Leaves out what lies far behind all of some pinhole cameras; what is nearer may throw a shadow into
    view.
    """
    keep = np.zeros(len(geometry.tri), bool)
    for camera in cameras:
        place, forward = camera.pose[:3, 3].astype(np.float32), camera.pose[:3, 0].astype(np.float32)
        keep |= (geometry.tri @ forward).max(axis=1) > place @ forward - behind
    return replace(
        geometry,
        tri=geometry.tri[keep],
        normal=geometry.normal[keep],
        uv=geometry.uv[keep],
        face_part=geometry.face_part[keep],
    )


def render_scene(settings: Settings, scene: Scene, first: int, steps: range) -> Iterator[Frame]:
    """Frames `steps` of a scene; `first` is the run's frame number of the scene's step 0."""
    still = scene.still
    if settings.camera == "pinhole":
        way = np.linspace(0, (settings.frames_per_scene - 1) / settings.hz, min(settings.frames_per_scene, 8))
        still = _ahead(still, [scene_camera(settings, scene, float(seconds)) for seconds in way])
    kept = Solid(still) if settings.frames_per_scene > 1 else None
    for step in steps:
        seconds = step / settings.hz
        camera = scene_camera(settings, scene, seconds)
        rng = np.random.default_rng(np.random.SeedSequence([settings.seed, scene.number, step, 1]))
        moving = scene.plan.bend.apply(moved(scene.actors, seconds))
        if settings.camera == "pinhole":
            moving = _ahead(moving, [camera])
        # One Embree scene is quicker to cast at, a kept one need not be built again.
        tracer = Tracer([kept, Solid(moving)] if kept else [Solid(still.appended(moving))])
        near = np.argsort(np.linalg.norm(scene.lamps - camera.pose[:3, 3], axis=1))[:12]
        beam = 60.0 if scene.light.name == "night" and abs(scene.drive.y) < scene.plan.half else 0.0
        view = View(tracer, scene.facades, scene.lamps[near], scene.lamp_rgb, beam, scene.light, scene.lens)
        images = render(view, camera, rng, settings.samples)
        yield Frame(first + step, scene.number, seconds, camera, scene.light.name, images)


def render_frames(settings: Settings, frames: int, first: int = 0) -> Iterator[Frame]:
    """Renders frames `first` to `first + frames - 1` of a run in this process, in order."""
    k = settings.frames_per_scene
    index = first
    while index < first + frames:
        number, start = divmod(index, k)
        stop = min(k, start + first + frames - index)
        scene = build_scene(settings, number)
        yield from render_scene(settings, scene, number * k, range(start, stop))
        index += stop - start
