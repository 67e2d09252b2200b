# SPDX-License-Identifier: Apache-2.0
"""Renders one frame: colour, thermal, label, instance and depth from the same rays."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .camera import Camera, image_rays, pixel_rays
from .classes import Street11
from .columns import pick, put, zeros
from .film import Lens, detect, develop
from .illuminate import ambient_occlusion, radiance, sun_share, veiled
from .light import Light
from .part import Material
from .sky import clouds, sky_kelvin, sky_radiance
from .surface import part_table, surface
from .texture import Reals
from .thermal import kelvin
from .trace import I32, I64, Found, Hits, Tracer

SKY = 12.0  # stands for the logarithm of the distance where a ray meets nothing


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
    """What is to be seen, in world coordinates: solids, facade rows, lamp positions (L, 3) and their RGB,
    own headlights.
    """

    tracer: Tracer
    facades: Reals
    lamps: Reals
    lamp_rgb: Reals
    beam: float
    light: Light
    lens: Lens


def _open_sky(tracer: Tracer, hits: Hits, height: int, width: int, rng: np.random.Generator) -> Reals:
    """Ambient openness (height * width,) 0..1, from rays at every other pixel, smoothed where depth and
    normal agree.
    """
    ys, xs = np.divmod(hits.ray, width)
    some = np.flatnonzero((ys % 2 == 0) & (xs % 2 == 0))
    h2, w2 = (height + 1) // 2, (width + 1) // 2
    at = (ys[some] // 2, xs[some] // 2)
    value, depth = np.ones((h2, w2), np.float32), np.full((h2, w2), 12.0, np.float32)
    normal = np.zeros((3, h2, w2), np.float32)
    distance, flat = hits.distance[some], pick(hits.flat, some)
    value[at] = 1 - ambient_occlusion(tracer, pick(hits.point, some), flat, distance, rng)
    depth[at] = np.log(distance)
    for axis in range(3):
        normal[axis][at] = flat[:, axis]
    for stride in (1, 3):
        total, weight = value.copy(), np.ones_like(value)
        # Each pair of neighbours is compared once and serves both.
        for dy, dx in ((0, stride), (stride, -stride), (stride, 0), (stride, stride)):
            a = (slice(0, h2 - dy), slice(max(0, -dx), w2 - max(0, dx)))
            b = (slice(dy, h2), slice(max(0, dx), w2 - max(0, -dx)))
            alike = normal[0][a] * normal[0][b]
            alike += normal[1][a] * normal[1][b]
            alike += normal[2][a] * normal[2][b]
            same = ((alike > 0.8) & (np.abs(depth[a] - depth[b]) < 0.09)).astype(np.float32)
            total[a] += same * value[b]
            total[b] += same * value[a]
            weight[a] += same
            weight[b] += same
        value = total / weight
    full = np.asarray(cv2.resize(value, (w2 * 2, h2 * 2), interpolation=cv2.INTER_LINEAR), np.float32)
    return np.ascontiguousarray(full[:height, :width]).reshape(-1)


JUMP = 0.12  # two depths this far apart in logarithm belong to different things


def _edges(part: I32, depth: Reals) -> npt.NDArray[np.bool_]:
    """Pixels (H, W) where the part or the logarithm of depth jumps to the right or below."""
    edge = np.zeros(part.shape, bool)
    across = (part[:, 1:] != part[:, :-1]) | (np.abs(depth[:, 1:] - depth[:, :-1]) > JUMP)
    edge[:, :-1] |= across
    edge[:, 1:] |= across
    down = (part[1:] != part[:-1]) | (np.abs(depth[1:] - depth[:-1]) > JUMP)
    edge[:-1] |= down
    edge[1:] |= down
    return edge


def _known(part: I32, depth: Reals, wrap: bool, columns: Reals, rows: Reals, what: I32, far: Reals) -> I64:
    """For points (K,) in an image of parts (H, W) and log depths (H, W), the number of a pixel beside each
    that shows the same: `what` part, `far` log depth.  -1 where none of the four nearest does.
    """
    h, w = part.shape
    parts, depths = part.reshape(-1), depth.reshape(-1)
    # A random 0.99999999 may have rounded up to the next pixel.
    x, y = np.minimum(columns, w - 1).astype(np.int32), np.minimum(rows, h - 1).astype(np.int32)
    aside = np.where(columns - x < 0.5, x - 1, x + 1)
    aside = aside % w if wrap else np.clip(aside, 0, w - 1)
    above = np.clip(np.where(rows - y < 0.5, y - 1, y + 1), 0, h - 1)
    out = np.full(len(x), -1, np.int64)
    left = np.arange(len(x))
    for v, u in ((y, x), (y, aside), (above, x), (above, aside)):
        pixel = v[left] * w + u[left]
        same = (parts[pixel] == what[left]) & (np.abs(depths[pixel] - far[left]) < JUMP)
        out[left[same]] = pixel[same]
        left = left[~same]
    return out


def render(view: View, camera: Camera, rng: np.random.Generator, samples: int = 2) -> Images:
    """Casts one ray per pixel for all images, and `samples` more through the pixels at edges for smooth
    colour.
    """
    h, w, light = camera.height, camera.width, view.light
    tracer, table = view.tracer, part_table(view.tracer.parts)
    origin = camera.pose[:3, 3]
    night = 1.0 if light.lamps else 0.0
    forward = camera.pose[:3, 0] * (1, 1, 0)
    beam = (
        origin - (0, 0, 0.8),
        (forward - (0, 0, 0.04)) / max(float(np.linalg.norm(forward)), 1e-6),
        view.beam,
    )

    def shade(hits: Hits, directions: Reals, open_sky: Reals) -> tuple[Reals, Reals]:
        look = surface(hits, table, view.facades, camera.pixel_angle, night)
        sun = sun_share(tracer, hits, light, look.soft)
        color = zeros(len(directions))
        heat = np.empty(len(directions), np.float32)
        missing = np.ones(len(directions), bool)
        missing[hits.ray] = False
        missed = np.flatnonzero(missing)
        empty = pick(directions, missed)
        cover = clouds(light, empty)
        put(color, missed, sky_radiance(light, empty, cover))
        heat[missed] = sky_kelvin(light, empty, cover)
        seen = radiance(light, hits, look, sun, open_sky, view.lamps, view.lamp_rgb, beam)
        put(color, hits.ray, veiled(light, seen, hits.distance))
        warmth = kelvin(light, hits, look, table, sun, open_sky)
        through = np.exp(-(0.35 * light.fog + 0.0004) * hits.distance)
        heat[hits.ray] = warmth * through + light.air * (1 - through)
        return color, heat

    directions = image_rays(camera).reshape(-1, 3).astype(np.float32)
    hits = tracer.hits(origin, directions)
    open_all = _open_sky(tracer, hits, h, w, rng)
    color, heat = shade(hits, directions, open_all[hits.ray])

    part = np.full(h * w, -1, np.int32)
    part[hits.ray] = hits.part
    depth = np.full(h * w, SKY, np.float32)
    depth[hits.ray] = np.log(np.maximum(hits.distance, 0.01))
    image = part.reshape(h, w), depth.reshape(h, w)
    edge = np.flatnonzero(_edges(*image))
    leafy = np.zeros(h * w, bool)
    leafy[hits.ray] = table.material[hits.part] == Material.LEAF
    # Foliage is ragged anyway: one more ray serves it, other edges get all samples.
    again = np.concatenate([edge] + [edge[~leafy[edge]]] * (samples - 1)) if samples else edge[:0]
    rows, columns = np.divmod(again, w)
    x = columns.astype(np.float32) + rng.random(len(again), np.float32)
    y = rows.astype(np.float32) + rng.random(len(again), np.float32)
    extra = pixel_rays(camera, x, y)
    found = tracer.find(origin, extra)
    hit = found.face >= 0
    what = np.where(hit, tracer.face_part[found.face], -1)
    far = np.where(hit, np.log(np.maximum(found.distance, 0.01)), SKY)
    # What a pixel beside it shows already need not be shaded once more; only what hides between pixels is.
    known = _known(*image, camera.model == "erp", x, y, what, far)
    new = np.flatnonzero(known < 0)
    more_color, more_heat = pick(color, known), heat[known]
    more = tracer.hits(
        origin, extra[new], Found(*(getattr(found, f)[new] for f in Found.__dataclass_fields__))
    )
    fresh, more_heat[new] = shade(more, extra[new], open_all[again[new]][more.ray])
    put(more_color, new, fresh)
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
    rgb = develop(color.T.reshape(3, h, w), light, view.lens, camera.model == "erp", rng)
    return Images(
        rgb,
        detect(heat.astype(np.float32).reshape(h, w), rng),
        label.reshape(h, w),
        instance.reshape(h, w),
        centimetres.reshape(h, w),
    )
