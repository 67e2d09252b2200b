# SPDX-License-Identifier: Apache-2.0
"""Renders one frame: colour, thermal, label, instance and depth from the same rays."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .camera import Camera, image_rays, pixel_rays
from .classes import Street11
from .film import Lens, detect, develop
from .illuminate import ambient_occlusion, radiance, sun_share, veiled
from .light import Light
from .part import Geometry, Material
from .sky import clouds, sky_kelvin, sky_radiance
from .surface import part_table, surface
from .texture import Reals
from .thermal import kelvin
from .trace import Hits, Tracer


@dataclass(frozen=True)
class Images:
    """One rendered view.

    rgb: (H, W, 3) uint8 in RGB order.  thermal: (H, W) uint16, kelvin x 100.  label: (H, W) uint8, Street11
    ids.  instance: (H, W) uint16, 0 for stuff.  depth: (H, W) uint16, centimetres along the ray, at most
    655.35 m, 0 for sky.
    """

    rgb: npt.NDArray[np.uint8]
    thermal: npt.NDArray[np.uint16]
    label: npt.NDArray[np.uint8]
    instance: npt.NDArray[np.uint16]
    depth: npt.NDArray[np.uint16]


@dataclass(frozen=True)
class View:
    """What is to be seen, in world coordinates: geometry, facade rows, lamp positions (L, 3) and their RGB,
    own headlights.
    """

    geometry: Geometry
    facades: Reals
    lamps: npt.NDArray[np.float64]
    lamp_rgb: Reals
    beam: float
    light: Light
    lens: Lens


def _open_sky(tracer: Tracer, hits: Hits, height: int, width: int, rng: np.random.Generator) -> Reals:
    """Ambient openness (height * width,) 0..1, from rays at every other pixel, smoothed where depth and
    normal agree.
    """
    ys, xs = np.divmod(hits.ray, width)
    pick = np.flatnonzero((ys % 2 == 0) & (xs % 2 == 0))
    sub = Hits(*(getattr(hits, f)[pick] for f in Hits.__dataclass_fields__))
    h2, w2 = (height + 1) // 2, (width + 1) // 2
    at = (ys[pick] // 2, xs[pick] // 2)
    value, depth = np.ones((h2, w2), np.float32), np.full((h2, w2), 12.0, np.float32)
    normal = np.zeros((h2, w2, 3), np.float32)
    value[at] = 1 - ambient_occlusion(tracer, sub, rng)
    depth[at] = np.log(sub.distance)
    normal[at] = sub.flat
    for stride in (1, 3):
        total, weight = value.copy(), np.ones_like(value)
        for dy in (-stride, 0, stride):
            for dx in (-stride, 0, stride):
                if dx == 0 and dy == 0:
                    continue
                a = (slice(max(0, -dy), h2 - max(0, dy)), slice(max(0, -dx), w2 - max(0, dx)))
                b = (slice(max(0, dy), h2 - max(0, -dy)), slice(max(0, dx), w2 - max(0, -dx)))
                alike = np.einsum("ijk,ijk->ij", normal[a], normal[b]) > 0.8
                same = (alike & (np.abs(depth[a] - depth[b]) < 0.09)).astype(np.float32)
                total[a] += same * value[b]
                weight[a] += same
        value = total / weight
    full = np.asarray(cv2.resize(value, (w2 * 2, h2 * 2), interpolation=cv2.INTER_LINEAR), np.float32)
    return np.ascontiguousarray(full[:height, :width]).reshape(-1)


def _edges(part: npt.NDArray[np.int64], depth: Reals) -> npt.NDArray[np.bool_]:
    """Pixels (H, W) where the part or the depth jumps to the right or below."""
    edge = np.zeros(part.shape, bool)
    ratio = np.log(np.maximum(depth, 0.01))
    for axis in (0, 1):
        jump = (np.diff(part, axis=axis) != 0) | (np.abs(np.diff(ratio, axis=axis)) > 0.12)
        if axis == 0:
            edge[:-1] |= jump
            edge[1:] |= jump
        else:
            edge[:, :-1] |= jump
            edge[:, 1:] |= jump
    return edge


def render(view: View, camera: Camera, rng: np.random.Generator, samples: int = 2) -> Images:
    """Casts one ray per pixel for all images, and `samples` more through the pixels at edges for smooth
    colour.
    """
    h, w, light = camera.height, camera.width, view.light
    tracer, table = Tracer(view.geometry), part_table(view.geometry.parts)
    origin = camera.pose[:3, 3]
    night = 1.0 if light.lamps else 0.0
    forward = camera.pose[:3, 0] * (1, 1, 0)
    beam = (
        origin - (0, 0, origin[2] * 0.0 + 0.8),
        (forward - (0, 0, 0.04)) / max(float(np.linalg.norm(forward)), 1e-6),
        view.beam,
    )

    def shade(hits: Hits, directions: Reals, open_sky: Reals) -> tuple[Reals, Reals]:
        look = surface(hits, table, view.facades, camera.pixel_angle, night)
        sun = sun_share(tracer, hits, light, look.soft)
        color = np.empty((len(directions), 3), np.float32)
        heat = np.empty(len(directions), np.float32)
        missed = np.ones(len(directions), bool)
        missed[hits.ray] = False
        empty = directions[missed]
        cover = clouds(light, empty)
        color[missed], heat[missed] = sky_radiance(light, empty, cover), sky_kelvin(light, empty, cover)
        seen = radiance(light, hits, look, sun, open_sky, view.lamps, view.lamp_rgb, beam)
        color[hits.ray] = veiled(light, seen, hits.distance, hits.view)
        warmth = kelvin(light, hits, look, table, sun, open_sky)
        through = np.exp(-(0.35 * light.fog + 0.0004) * hits.distance)
        heat[hits.ray] = warmth * through + light.air * (1 - through)
        return color, heat

    directions = image_rays(camera).reshape(-1, 3).astype(np.float32)
    hits = tracer.hits(origin, directions)
    open_all = _open_sky(tracer, hits, h, w, rng)
    color, heat = shade(hits, directions, open_all[hits.ray])

    part = np.full(h * w, -1, np.int64)
    part[hits.ray] = hits.part
    depth = np.full(h * w, 1e5, np.float32)
    depth[hits.ray] = hits.distance
    edge = np.flatnonzero(_edges(part.reshape(h, w), depth.reshape(h, w)))
    leafy = np.zeros(h * w, bool)
    leafy[hits.ray] = table.material[hits.part] == Material.LEAF
    # Foliage is ragged anyway: one more ray serves it, other edges get all samples.
    again = np.concatenate([edge] + [edge[~leafy[edge]]] * (samples - 1)) if samples else edge[:0]
    rows, columns = np.divmod(again, w)
    extra = pixel_rays(camera, columns + rng.random(len(again)), rows + rng.random(len(again))).astype(
        np.float32
    )
    more = tracer.hits(origin, extra)
    more_color, more_heat = shade(more, extra, open_all[again][more.ray])
    count = 1 + np.bincount(again, minlength=h * w).astype(np.float32)
    for channel in range(3):
        color[:, channel] += np.bincount(again, np.minimum(more_color[:, channel], 8.0), h * w)
    heat = (heat + np.bincount(again, more_heat, h * w)) / count
    color /= count[:, None]

    label = np.full(h * w, Street11.SKY, np.uint8)
    label[hits.ray] = table.label[hits.part]
    instance = np.zeros(h * w, np.uint16)
    instance[hits.ray] = table.instance[hits.part]
    centimetres = np.zeros(h * w, np.uint16)
    centimetres[hits.ray] = np.clip(np.rint(hits.distance * 100), 1, 65535).astype(np.uint16)
    rgb = develop(color.reshape(h, w, 3), light, view.lens, camera.model == "erp", rng)
    return Images(
        rgb,
        detect(heat.astype(np.float32).reshape(h, w), rng),
        label.reshape(h, w),
        instance.reshape(h, w),
        centimetres.reshape(h, w),
    )
