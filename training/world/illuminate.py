# SPDX-License-Identifier: Apache-2.0
"""Light falling on surfaces: sun with shadow rays, sky, lamps, headlights, reflections, fog."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .light import Light
from .sky import sky_radiance
from .surface import Surface
from .texture import Reals
from .trace import Hits, Tracer


def sun_share(tracer: Tracer, hits: Hits, light: Light, soft: Reals) -> Reals:
    """Cosine-weighted direct sun (N,) on each hit, 0 in shadow; leaves take it from all sides."""
    sun = np.array(light.sun, np.float32)
    facing = hits.normal @ sun
    face = hits.flat @ sun
    share = np.where(
        soft > 0, 0.3 * soft + np.maximum(facing, 0) * (1 - 0.3 * soft), np.maximum(facing, 0) * (face > 0)
    ).astype(np.float32)
    if max(light.sun_rgb) <= 0 and light.sun_heat < 3:
        return np.zeros_like(share)
    lit = np.flatnonzero(share > 0.01)
    start = (
        hits.point[lit]
        + hits.flat[lit] * (0.004 + 0.0008 * hits.distance[lit])[:, None]
        + sun * np.where(soft[lit] > 0, 0.2, 0.002)[:, None]
    )
    share[lit[tracer.blocked(start, np.broadcast_to(sun, start.shape), 200.0)]] = 0
    return share


def ambient_occlusion(
    tracer: Tracer, hits: Hits, rng: np.random.Generator, reach: float = 3.0
) -> npt.NDArray[np.bool_]:
    """One random ray per hit over its hemisphere: True where something lies within reach metres."""
    n = len(hits.ray)
    z = np.sqrt(rng.random(n, np.float32))
    a = rng.random(n, np.float32) * np.float32(2 * np.pi)
    r = np.sqrt(1 - z * z)
    normal = hits.flat
    helper = np.where(
        np.abs(normal[:, 2:3]) < 0.7, np.array([[0, 0, 1]], np.float32), np.array([[1, 0, 0]], np.float32)
    )
    tangent = np.cross(helper, normal)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    other = np.cross(normal, tangent)
    direction = tangent * (r * np.cos(a))[:, None] + other * (r * np.sin(a))[:, None] + normal * z[:, None]
    start = hits.point + normal * (0.004 + 0.0008 * hits.distance)[:, None]
    return tracer.blocked(start, direction, reach)


def _lamp_light(hits: Hits, lamps: npt.NDArray[np.float64], color: Reals) -> Reals:
    """Light of street lamps that shine downwards, unshadowed."""
    out = np.zeros((len(hits.point), 1), np.float32)
    for lamp in lamps.astype(np.float32):
        toward = lamp - hits.point
        near = np.flatnonzero((np.abs(toward[:, 0]) < 26) & (np.abs(toward[:, 1]) < 26))
        t = toward[near]
        square = np.einsum("ij,ij->i", t, t) + 0.3
        inverse = 1 / np.sqrt(square)
        cosine = np.maximum(np.einsum("ij,ij->i", t, hits.normal[near]) * inverse, 0)
        down = np.clip(t[:, 2] * inverse * 1.3 + 0.15, 0, 1)
        out[near, 0] += (0.85 * cosine + 0.15) * down / square
    return out * color


def radiance(
    light: Light,
    hits: Hits,
    look: Surface,
    sun: Reals,
    open_sky: Reals,
    lamps: npt.NDArray[np.float64],
    lamp_rgb: Reals,
    beam: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float],
) -> Reals:
    """Linear RGB radiance (N, 3) that reaches the camera.

    sun, open_sky: shares (N,).  lamps: (L, 3) positions.  lamp_rgb: (3,).  beam: origin, direction and
    strength     of the camera vehicle's own headlights.
    """
    zenith, horizon = np.array(light.zenith, np.float32), np.array(light.horizon, np.float32)
    strength = np.array(light.sun_rgb, np.float32)
    dome = 0.55 * zenith + 0.45 * horizon
    if 0.02 < light.cloud < 1:
        dome = dome + (horizon.mean() - dome) * 0.6 * np.float32(light.cloud)
    up = hits.normal[:, 2]
    bounce = (0.13 * (dome + strength * max(light.sun[2], 0.1))).astype(np.float32)
    sky_part = (0.5 + 0.5 * up)[:, None]
    irradiance = (dome * sky_part + bounce * (1 - sky_part)) * open_sky[:, None] + strength * sun[:, None]
    if light.lamps and len(lamps):
        irradiance = irradiance + _lamp_light(hits, lamps, lamp_rgb) * (0.3 + 0.7 * open_sky[:, None])
    if beam[2] > 0:
        toward = hits.point - beam[0].astype(np.float32)
        square = np.einsum("ij,ij->i", toward, toward) + 4.0
        cosine = toward @ beam[1].astype(np.float32) / np.sqrt(square)
        cone = np.clip((cosine - 0.78) / 0.2, 0, 1) ** 2
        lambert = np.clip(-np.einsum("ij,ij->i", toward, hits.normal) / np.sqrt(square), 0, 1)
        irradiance = irradiance + (np.float32(beam[2]) * cone * (0.2 + lambert) / square)[:, None] * np.array(
            [1, 0.93, 0.8], np.float32
        )
    wet = np.zeros(len(up), np.float32)
    if light.wet > 0:
        wet = (light.wet * np.clip((up - 0.9) * 10, 0, 1)).astype(np.float32)
    out = look.albedo * (1 - 0.45 * wet)[:, None] * irradiance + look.emitted
    gloss = look.gloss + 0.02 * wet
    shiny = np.flatnonzero(gloss > 0.004)
    if len(shiny):
        v, n = hits.view[shiny], hits.normal[shiny]
        dot = np.einsum("ij,ij->i", v, n)
        mirror = v - 2 * dot[:, None] * n
        base = gloss[shiny]
        fresnel = base + (1 - base) * (1 - np.clip(-dot, 0, 1)) ** 5 * np.where(
            base > 0.05, 0.85, 0.12 + 0.5 * wet[shiny]
        )
        seen = sky_radiance(light, mirror)
        skyline = np.clip((mirror[:, 2] - 0.22) * 8, 0, 1)[:, None]
        ahead = (0.22 * (dome + 0.4 * strength))[None]
        seen = np.minimum(seen, 30.0) * skyline + ahead * (1 - skyline) * np.where(
            mirror[:, 2:3] < 0, 0.6, 0.8
        )
        hot = sun[shiny] > 0
        spark = (
            np.where(hot, np.clip(mirror @ np.array(light.sun, np.float32), 0, 1) ** 300 * 6, 0)[:, None]
            * strength
        )
        spark = spark * (base > 0.05)[:, None]
        out[shiny] = (
            out[shiny] * (1 - fresnel)[:, None] + (seen * open_sky[shiny][:, None] + spark) * fresnel[:, None]
        )
    return out.astype(np.float32)


def veiled(light: Light, color: Reals, distance: Reals, directions: Reals) -> Reals:
    """Radiance seen through distance metres of air: fog and haze."""
    if light.fog <= 0:
        return color
    through = np.exp(-light.fog * distance)[:, None]
    veil = np.array(light.horizon, np.float32) * (0.95 if light.name == "fog" else 0.8)
    return color * through + veil * (1 - through)
