# SPDX-License-Identifier: Apache-2.0
"""Light falling on surfaces: sun with shadow rays, sky, lamps, headlights, reflections, fog."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .columns import dot, pick, put, zeros
from .light import Light
from .power import power
from .sky import sky_radiance
from .surface import Surface
from .texture import Reals
from .trace import Hits, Tracer


def sun_share(tracer: Tracer, hits: Hits, light: Light, soft: Reals) -> Reals:
    """Cosine-weighted direct sun (N,) on each hit, 0 in shadow; leaves take it from all sides."""
    sun = np.array(light.sun, np.float32)
    if max(light.sun_rgb) <= 0 and light.sun_heat < 3:
        return np.zeros(len(hits.ray), np.float32)
    share = np.maximum(dot(hits.normal, sun), 0)
    leaf = np.flatnonzero(soft > 0)
    through = 0.3 * soft[leaf]
    sideways = through + share[leaf] * (1 - through)
    share *= dot(hits.flat, sun) > 0
    share[leaf] = sideways
    lit = np.flatnonzero(share > 0.01)
    start = pick(hits.flat, lit)
    start *= (0.004 + 0.0008 * hits.distance[lit])[:, None]
    start += pick(hits.point, lit)
    start += sun * (0.002 + 0.198 * (soft[lit] > 0)).astype(np.float32)[:, None]
    share[lit[tracer.blocked(start, sun[None], 200.0)]] = 0
    return share


def ambient_occlusion(
    tracer: Tracer, point: Reals, normal: Reals, distance: Reals, rng: np.random.Generator, reach: float = 3.0
) -> npt.NDArray[np.bool_]:
    """One random ray per point (N, 3) over the hemisphere of its normal (N, 3): True where something lies
    within reach metres.  distance: (N,) metres from the camera.
    """
    n = len(point)
    up = np.sqrt(rng.random(n, np.float32))
    turn = rng.random(n, np.float32) * np.float32(2 * np.pi)
    aside = np.sqrt(1 - up * up)
    p, q = aside * np.cos(turn), aside * np.sin(turn)
    # An orthonormal frame around the normal without a branch (Duff et al. 2017).
    x, y, z = normal.T
    sign = np.copysign(np.float32(1), z)
    a = -1 / (sign + z)
    b = x * y * a
    direction = zeros(n)
    direction[:, 0] = p * (1 + sign * x * x * a) + q * b + up * x
    direction[:, 1] = p * sign * b + q * (sign + y * y * a) + up * y
    direction[:, 2] = -p * sign * x - q * y + up * z
    start = point + normal * (0.004 + 0.0008 * distance)[:, None]
    return tracer.blocked(start, direction, reach)


def _lamp_light(hits: Hits, lamps: Reals, color: Reals) -> Reals:
    """Light of street lamps that shine downwards, unshadowed."""
    out = np.zeros(len(hits.point), np.float32)
    for x, y, z in lamps.astype(np.float32):
        near = np.flatnonzero((np.abs(x - hits.point[:, 0]) < 26) & (np.abs(y - hits.point[:, 1]) < 26))
        t = np.array([x, y, z]) - pick(hits.point, near)
        square = dot(t, t) + np.float32(0.3)
        inverse = 1 / np.sqrt(square)
        cosine = np.maximum(dot(t, pick(hits.normal, near)) * inverse, 0)
        down = np.clip(t[:, 2] * inverse * 1.3 + 0.15, 0, 1)
        out[near] += (0.85 * cosine + 0.15) * down / square
    return (out * color[:, None]).T


def radiance(
    light: Light,
    hits: Hits,
    look: Surface,
    sun: Reals,
    open_sky: Reals,
    lamps: Reals,
    lamp_rgb: Reals,
    beam: tuple[Reals, Reals, float],
) -> Reals:
    """Linear RGB radiance (N, 3) that reaches the camera.

    sun, open_sky: shares (N,).  lamps: (L, 3) positions.  lamp_rgb: (3,).  beam: origin, direction and
    strength     of the camera vehicle's own headlights.
    """
    zenith, horizon = np.array(light.zenith, np.float32), np.array(light.horizon, np.float32)
    strength = np.array(light.sun_rgb, np.float32)
    dome: Reals = 0.55 * zenith + 0.45 * horizon
    if 0.02 < light.cloud < 1:
        dome = dome + (horizon.mean() - dome) * 0.6 * np.float32(light.cloud)
    up = hits.normal[:, 2]
    bounce = (0.13 * (dome + strength * max(light.sun[2], 0.1))).astype(np.float32)
    sky_part = (0.5 + 0.5 * up)[:, None]
    irradiance = (bounce + (dome - bounce) * sky_part) * open_sky[:, None]
    irradiance += strength * sun[:, None]
    if light.lamps and len(lamps):
        irradiance = irradiance + _lamp_light(hits, lamps, lamp_rgb) * (0.3 + 0.7 * open_sky[:, None])
    if beam[2] > 0:
        toward = hits.point - beam[0].astype(np.float32)
        square = dot(toward, toward) + np.float32(4.0)
        cosine = dot(toward, beam[1].astype(np.float32)) / np.sqrt(square)
        cone = np.clip((cosine - 0.78) / 0.2, 0, 1) ** 2
        lambert = np.clip(-dot(toward, hits.normal) / np.sqrt(square), 0, 1)
        irradiance = irradiance + (np.float32(beam[2]) * cone * (0.2 + lambert) / square)[:, None] * np.array(
            [1, 0.93, 0.8], np.float32
        )
    wet = np.zeros(len(up), np.float32)
    if light.wet > 0:
        wet = light.wet * np.clip((up - 0.9) * 10, 0, 1)
        irradiance *= (1 - 0.45 * wet)[:, None]
    out = look.albedo * irradiance
    out += look.emitted
    gloss = look.gloss + 0.02 * wet
    shiny = np.flatnonzero(gloss > 0.004)
    if len(shiny):
        mirror, n = pick(hits.view, shiny), pick(hits.normal, shiny)
        facing = dot(mirror, n)
        mirror -= n * (2 * facing)[:, None]
        base = gloss[shiny]
        fresnel = base + (1 - base) * power(1 - np.clip(-facing, 0, 1), 5) * np.where(
            base > 0.05, 0.85, 0.12 + 0.5 * wet[shiny]
        )
        seen = sky_radiance(light, mirror)
        skyline = np.clip((mirror[:, 2] - 0.22) * 8, 0, 1)[:, None]
        ahead = (0.22 * (dome + 0.4 * strength))[None]
        np.minimum(seen, 30.0, out=seen)
        seen *= skyline
        seen += ahead * ((1 - skyline) * np.where(mirror[:, 2:3] < 0, np.float32(0.6), np.float32(0.8)))
        seen *= open_sky[shiny][:, None]
        hot = np.flatnonzero((sun[shiny] > 0) & (base > 0.05))
        if len(hot):
            toward = np.clip(dot(pick(mirror, hot), np.array(light.sun, np.float32)), 0, 1)
            put(seen, hot, pick(seen, hot) + (6 * power(toward, 300))[:, None] * strength)
        put(out, shiny, pick(out, shiny) * (1 - fresnel)[:, None] + seen * fresnel[:, None])
    return out


def veiled(light: Light, color: Reals, distance: Reals) -> Reals:
    """Radiance seen through distance metres of air: fog and haze."""
    if light.fog <= 0:
        return color
    through = np.exp(-light.fog * distance)[:, None]
    veil = np.array(light.horizon, np.float32) * (0.95 if light.name == "fog" else 0.8)
    return veil + (color - veil) * through
