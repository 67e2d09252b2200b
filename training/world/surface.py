# SPDX-License-Identifier: Apache-2.0
"""What a surface looks like where a ray hit it, before any light falls on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .columns import dot, pick, put, scale, zeros
from .facade import shade_facade
from .part import Material, Part
from .sign import TILE, faces
from .texture import Reals, fbm, hashed, inside, noise, slabs
from .trace import Hits


@dataclass(frozen=True)
class PartTable:
    """The parts' values as arrays, so that N hits are looked up at once."""

    label: npt.NDArray[np.uint8]
    instance: npt.NDArray[np.uint16]
    material: npt.NDArray[np.uint8]
    color: Reals
    extra: Reals
    heat: Reals


def part_table(parts: list[Part]) -> PartTable:
    """Arrays of the parts' fields, first axis the part number."""
    return PartTable(
        np.array([p.label for p in parts], np.uint8),
        np.array([p.instance for p in parts], np.uint16),
        np.array([p.material for p in parts], np.uint8),
        np.array([p.color for p in parts], np.float32),
        np.array([p.extra for p in parts], np.float32),
        np.array([p.heat for p in parts], np.float32),
    )


@dataclass(frozen=True)
class Surface:
    """albedo: (N, 3) linear.  emitted: (N, 3) radiance.  gloss: (N,) mirror share at right angles.

    soft: (N,) 1 for leaves, which light shines through.  glass: (N,) share of window.  material: (N,).
    """

    albedo: Reals
    emitted: Reals
    gloss: Reals
    soft: Reals
    glass: Reals
    material: npt.NDArray[np.uint8]


def _asphalt(seed: Reals, x: Reals, y: Reals, foot: Reals) -> Reals:
    """What the tarmac's colour is multiplied with (N,): grain, patches, cracks and oil."""
    grain = noise(x, y, 0.02, foot, 1) * 0.13 + noise(x, y, 0.05, foot, 2) * 0.06
    broad = fbm(x + seed * 50, y, 3.5, foot, 3) * 0.07 + noise(x * 0.12, y + seed * 31, 0.9, foot, 3) * 0.05
    crack = np.abs(noise(x + seed * 17, y + 40, 1.1, foot * 6, 0) + 0.25 * noise(x, y, 0.2, foot * 3, 2))
    line = (
        np.clip(1 - crack / 0.025, 0, 1) * (noise(x, y, 4.0, foot, 1) > 0.5) * np.clip(1 - foot / 0.06, 0, 1)
    )
    spot = np.clip(noise(x + 91, y + 13 * seed, 0.8, foot, 2) - 2.0, 0, 1)
    return np.clip((1 + grain + broad) * (1 - 0.45 * line) * (1 - 0.5 * spot), 0.3, 1.6)


def _greenhouse(color: Reals, extra: Reals, uv: Reals) -> tuple[Reals, Reals]:
    """Albedo and glass share of a car's upper body."""
    angle = np.mod(uv[:, 0] / extra[:, 0], 2 * np.pi)
    rise = uv[:, 1] / np.maximum(extra[:, 1], 0.1)
    side = np.abs(np.cos(angle)) > np.cos(np.pi / 4)
    corner = np.abs(np.mod(angle - np.pi / 4 + np.pi / 4, np.pi / 2) - np.pi / 4)
    pane = (corner > 0.09) & (rise > 0.1) & (rise < 0.82)
    along = np.where(np.cos(angle) > 0, angle, np.pi - angle)
    along = np.mod(along + np.pi, 2 * np.pi) - np.pi
    for at, wide in ((0.01, 0.009), (-0.5, 0.03)):
        pane &= ~(side & (np.abs(along - at) < wide))
    kind = extra[:, 2]
    pane &= ~((kind == 1) & ((side & (along < 0.15)) | (np.sin(angle) < -0.7)))
    many = np.abs(np.mod(along * 9, 1.0) - 0.5) > 0.44
    pane &= ~((kind == 2) & side & many)
    glass = pane.astype(np.float32)
    dark = np.array([0.012, 0.015, 0.016], np.float32)
    return np.where(pane[:, None], dark, color), glass


def surface(hits: Hits, table: PartTable, facades: Reals, pixel_angle: float, night: float) -> Surface:
    """Looks of all hits.  pixel_angle: radians per pixel.  night: 1 when rooms are lit, else 0."""
    part = hits.part
    material, albedo = table.material[part], pick(table.color, part)
    n = len(part)
    emitted, gloss = zeros(n), np.zeros(n, np.float32)
    soft, glass = np.zeros(n, np.float32), np.zeros(n, np.float32)
    across = hits.distance * np.float32(pixel_angle)
    slant = np.clip(-dot(hits.flat, hits.view), 0.06, 1)
    foot = across / slant
    u, v = hits.uv.T
    east, north, high = hits.point.T
    extra = pick(table.extra, part)
    e0, e1, e2, _ = extra.T
    where = {m: np.flatnonzero(material == m) for m in Material}

    i = where[Material.FACADE]
    if len(i):
        rows = pick(facades, e0[i].astype(np.int32))
        upright = np.abs(hits.view[:, 2][i])
        look = shade_facade(
            rows,
            u[i],
            v[i],
            foot[i] * (1 - 0.5 * upright),
            across[i] / np.sqrt(np.maximum(1 - upright**2, 0.05)),
            night,
        )
        put(albedo, i, look.albedo)
        put(emitted, i, look.glow)
        glass[i] = look.glass
        gloss[i] = look.glass * 0.09
    i = where[Material.ASPHALT]
    scale(albedo, i, _asphalt(e0[i], east[i], north[i], foot[i]))
    gloss[i] = 0.015
    i = where[Material.ROAD_PAINT]
    worn = noise(east[i], north[i], 0.09, foot[i], 0) * 0.8 + noise(east[i], north[i], 0.6, foot[i], 1) * 0.6
    keep = np.clip((worn + 2.4 - 3.6 * e0[i]) * 1.2, 0.12, 1)[:, None]
    tar = np.float32(0.09) * (1 + 0.2 * noise(east[i], north[i], 0.04, foot[i], 2))[:, None]
    put(albedo, i, pick(albedo, i) * keep * 0.92 + tar * (1 - keep))
    i = where[Material.PAVING]
    gap, number = slabs(
        u[i],
        v[i],
        np.maximum(e0[i], 0.05),
        np.maximum(e1[i], 0.05),
        e2[i],
        0.014,
        foot[i],
    )
    grain = (
        fbm(east[i] + high[i], north[i], 1.6, foot[i], 3) * 0.07 + noise(u[i], v[i], 0.03, foot[i], 1) * 0.07
    )
    scale(albedo, i, np.clip((0.84 + 0.32 * number + grain) * (1 - 0.5 * gap), 0.2, 1.5))
    i = where[Material.ROOF]
    gap, number = slabs(u[i], v[i], e0[i], e0[i] * 1.2, 1.0, 0.035, foot[i])
    scale(
        albedo,
        i,
        np.clip((0.75 + 0.5 * number + 0.1 * fbm(u[i], v[i], 2.0, foot[i], 3)) * (1 - 0.5 * gap), 0.2, 1.7),
    )
    i = where[Material.LEAF]
    tone = hashed(hits.face[i].astype(np.float32), 3.0)
    deep = 0.55 + 0.45 * np.clip(u[i], 0, 1)
    shift = np.stack([0.7 + 0.75 * tone, 0.75 + 0.5 * tone, 0.8 + 0.3 * tone]).T
    put(albedo, i, pick(albedo, i) * shift * deep[:, None])
    soft[i] = e0[i]
    i = where[Material.GRASS]
    x, y = east[i], north[i]
    blade = (
        noise(x, y, 0.035, foot[i], 0) * 0.25
        + noise(x, y, 0.15, foot[i], 1) * 0.15
        + fbm(x, y, 2.5, foot[i], 3) * 0.14
    )
    dry = np.clip(fbm(x + 33, y + 7, 5.0, foot[i], 3) * 0.35, -0.1, 0.7)[:, None]
    straw = np.array([0.17, 0.14, 0.075], np.float32)
    put(albedo, i, pick(albedo, i) * np.clip(1 + blade, 0.3, 1.8)[:, None] * (1 - dry) + straw * dry)
    i = where[Material.BARK]
    ridge = noise(u[i] * 1.0, v[i] * 0.25, 0.06, foot[i], 0) * 0.25 + fbm(u[i], v[i], 0.7, foot[i], 3) * 0.12
    scale(albedo, i, np.clip(1 + ridge, 0.3, 1.7))
    i = where[Material.PLANK]
    board = np.floor(u[i] / np.where(e0[i] > 0, e0[i], 10.0))
    fade = np.clip(1.5 - foot[i] / 0.14, 0, 1)
    edge = inside(np.mod(u[i], np.maximum(e0[i], 0.01)), 0.0, 0.012, foot[i]) * (e0[i] > 0)
    scale(
        albedo,
        i,
        np.clip(
            (1 + (hashed(board, 5.0) - 0.5) * 0.4 * fade + noise(u[i], v[i] * 0.15, 0.03, foot[i], 2) * 0.15)
            * (1 - 0.6 * edge),
            0.2,
            1.6,
        ),
    )
    i = where[Material.CAR_PAINT]
    along = v[i] / np.maximum(e0[i], 0.1)
    seam = np.zeros(len(i), np.float32)
    for at in (0.36, 0.56, 0.73):
        seam += inside(along, at - 0.0016, at + 0.0016, foot[i] / np.maximum(e0[i], 1))
    seam *= (np.abs(hits.normal[:, 2][i]) < 0.75) & (e0[i] > 0)
    grime = np.clip(0.45 - (high[i] - 0.2), 0, 0.3)
    albedo[i] = (
        albedo[i] * (1 - 0.6 * np.clip(seam, 0, 1))[:, None] * (1 - grime)[:, None] + 0.05 * grime[:, None]
    )
    gloss[i] = 0.06
    i = where[Material.GREENHOUSE]
    albedo[i], glass[i] = _greenhouse(pick(albedo, i), pick(extra, i), pick(hits.uv, i))
    gloss[i] = 0.06 + 0.06 * glass[i]
    i = where[Material.WHEEL]
    r = np.hypot(u[i], v[i])
    spoke = np.cos(np.arctan2(v[i], u[i]) * e0[i])
    alloy = ((r < 0.66) & ((spoke > -0.1) | (r < 0.2) | (r > 0.58)))[:, None]
    albedo[i] = np.where(alloy, albedo[i], np.float32(0.018))
    gloss[i] = np.where(alloy[:, 0], 0.1, 0.0)
    i = where[Material.GLASS]
    gloss[i], glass[i] = 0.1, 1.0
    i = where[Material.METAL]
    scale(albedo, i, np.clip(1 + 0.1 * fbm(u[i], v[i], 0.5, foot[i], 3), 0.5, 1.5))
    gloss[i] = 0.05
    i = where[Material.SIGN]
    if len(i):
        atlas, _ = faces()
        tile = e0[i].astype(np.int32)
        px = np.clip(u[i] * TILE, 0, TILE - 1).astype(np.int32)
        py = np.clip(v[i] * TILE, 0, TILE - 1).astype(np.int32)
        albedo[i] = atlas[tile, py, px] * 0.8 + 0.01
        gloss[i] = 0.03
    i = where[Material.CLOTH]
    fold = noise(u[i] * 1.0, v[i] * 0.4, 0.09, foot[i], 0) * 0.16 + noise(u[i], v[i], 0.3, foot[i], 1) * 0.1
    scale(albedo, i, np.clip(1 + fold, 0.4, 1.6))
    i = where[Material.PLAIN]
    scale(albedo, i, np.clip(1 + 0.07 * fbm(u[i], v[i], 1.0, foot[i], 3), 0.5, 1.5))
    i = where[Material.LAMP]
    emitted[i] = albedo[i]
    albedo[i] = 0.5

    np.clip(albedo, 0, 0.95, out=albedo)
    return Surface(albedo, emitted, gloss, soft, glass, material)
