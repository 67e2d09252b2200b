# SPDX-License-Identifier: Apache-2.0
"""Shades house walls: windows, frames, doors, shop fronts, shutters, bricks, panels, stains."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .building import Facade
from .texture import Reals, fbm, hashed, inside, noise, slabs, step

_COLUMN = {f.name: i for i, f in enumerate(fields(Facade))}


@dataclass(frozen=True)
class WallLook:
    """albedo: (N, 3).  glass: (N,) share of window pane.  glow: (N, 3) radiance of lit rooms by night."""

    albedo: Reals
    glass: Reals
    glow: Reals


def _mix(a: Reals, b: Reals, share: Reals) -> Reals:
    return a + (b - a) * share[:, None]


def shade_facade(
    rows: Reals, u: Reals, v: Reals, foot_u: Reals, foot_v: Reals, storeys_lit: float
) -> WallLook:
    """Looks of wall points.

    rows: (N, 30) facade table rows.  u, v: metres along and up the wall.  foot_u, foot_v: what a pixel
    covers along them,     metres.  storeys_lit: 0 by day, 1 at night.
    """

    def get(name: str) -> Reals:
        return rows[:, _COLUMN[name]]

    def rgb(name: str) -> Reals:
        i = _COLUMN[name + "_r"]
        return rows[:, i : i + 3]

    wall, bay, floor, ground, seed = get("wall"), get("bay"), get("floor"), get("ground"), get("seed")
    low = v < ground
    storey = np.where(low, 0, 1 + np.floor((v - ground) / floor)).astype(np.float32)
    tall = np.where(low, ground, floor)
    y = np.where(low, v, (v - ground) - (storey - 1) * floor)
    column = np.floor(u / bay)
    x = u - (column + 0.5) * bay
    foot = np.maximum(foot_u, foot_v)

    albedo = np.where((low & (get("shop") + get("band") > 0))[:, None], rgb("base"), rgb("wall")).astype(
        np.float32
    )
    stain = fbm(u + seed * 7, v + seed * 3, 2.6, foot) * 0.06 + noise(u, v, 0.05, foot, 1) * 0.04
    streak = noise(u + seed, v * 0.12, 0.35, foot_u, 2) * 0.05
    dirt = 0.22 * np.exp(-v / 0.7)
    albedo = albedo * np.clip(1 + stain + streak - dirt, 0.3, 1.5)[:, None]
    small = get("brick")
    for kind, su, sv, bond, joint, depth in (
        (1, 0.23, 0.075, 1.0, 0.012, 0.45),
        (2, 0.0, 0.0, 0.0, 0.03, 0.5),
        (3, 0.7, 0.38, 1.0, 0.015, 0.35),
        (5, 5.0, 0.16, 1.0, 0.02, 0.5),
    ):
        pick = np.flatnonzero(wall == kind)
        if not len(pick):
            continue
        wide = bay[pick] if su == 0 else su * small[pick]
        high = floor[pick] if sv == 0 else sv * small[pick]
        gap, number = slabs(u[pick], v[pick], wide, high, bond, joint, foot[pick])
        vary = (0.86 + 0.3 * number) if kind in (1, 3) else 0.97 + 0.06 * number
        mortar = np.full((1, 3), 0.38, np.float32) if kind == 1 else albedo[pick] * 0.55
        albedo[pick] = _mix(albedo[pick] * vary[:, None], mortar, gap * depth)

    half = get("window_w") * bay / 2
    bottom, top = get("sill") * tall, (get("sill") + get("window_h")) * tall
    shop = low & (get("shop") > 0)
    half = np.where(shop, bay * 0.44, half)
    bottom, top = np.where(shop, 0.5, bottom), np.where(shop, ground - 1.0, top)
    door = low & ~shop & (hashed(column, seed) < 0.22) & (get("window_w") > 0.01) & (wall != 4)
    door |= shop & (hashed(column + 3, seed) < 0.3)
    half = np.where(door, np.minimum(0.55, bay * 0.42), half)
    bottom, top = np.where(door, 0.05, bottom), np.where(door, 2.25, top)
    top = top - np.where(
        (get("arch") > 0) & ~shop,
        (1 - np.sqrt(np.clip(1 - (x / np.maximum(half, 0.05)) ** 2, 0, 1))) * half * 0.6,
        0,
    )
    keep = ((storey * 0 + ground + storey * floor) <= get("height") + 0.3 * floor) & (half > 0.02)
    fr = get("frame")
    outer = inside(x, -half, half, foot_u) * inside(y, bottom, top, foot_v) * keep
    pane = inside(x, -half + fr, half - fr, foot_u) * inside(y, bottom + fr, top - fr, foot_v) * keep
    pane_w = np.maximum(2 * half / get("panes"), 0.25)
    across = np.abs(np.mod(x + half + pane_w / 2, pane_w) - pane_w / 2)
    pane = pane * step(fr * 0.4, across, foot_u)
    cross = (hashed(seed, 5.0) < 0.5) & ~shop & ~door
    pane = pane * np.where(cross, step(fr * 0.4, np.abs(y - bottom - (top - bottom) * 0.68), foot_v), 1)

    shut = (get("shutters") > 0) & ~low & keep
    leaf = (
        inside(np.abs(x), half + 0.03, half * 1.9, foot_u)
        * inside(y, bottom - 0.05, top + 0.05, foot_v)
        * shut
    )
    louvre = 0.85 + 0.15 * np.sin(y * 70) * np.clip(1 - foot_v * 30, 0, 1)
    albedo = _mix(albedo, rgb("shop") * louvre[:, None], leaf)
    lintel = (
        inside(x, -half - 0.12, half + 0.12, foot_u)
        * inside(y, bottom - 0.12, bottom, foot_v)
        * keep
        * (wall != 4)
        * ~door
    )
    albedo = _mix(albedo, np.minimum(rgb("wall") * 1.35, 0.8), lintel * 0.8)
    under = (
        inside(x, -half - 0.05, half + 0.05, foot_u)
        * inside(y, bottom - 0.6, bottom - 0.12, foot_v)
        * keep
        * (wall != 4)
    )
    albedo = albedo * (1 - 0.12 * under * np.clip((y - bottom + 0.6) / 0.5, 0, 1))[:, None]

    albedo = _mix(albedo, np.where(shop[:, None], rgb("shop"), rgb("frame")), outer)
    room = hashed(column, storey, seed)
    curtain = hashed(column + 17, storey, seed)
    fall = np.clip((y - bottom) / np.maximum(top - bottom, 0.1), 0, 1)
    drape = ((curtain < 0.35) & (np.abs(x) > half * 0.45)) | ((curtain > 0.8) & (fall > 0.55))
    inner = np.where(
        (drape & ~shop)[:, None],
        0.32 + 0.12 * curtain[:, None],
        0.025 + 0.02 * room[:, None] * np.ones((1, 3), np.float32),
    )
    goods = np.clip(0.5 + 0.35 * noise(u * 1.0 + seed, v + seed, 0.5, foot, 0), 0, 1)[:, None] * (
        0.02 + 0.5 * rgb("shop")[:, ::-1]
    )
    inner = np.where(shop[:, None], 0.25 * goods + 0.02, inner)
    solid = door & ~shop
    inner = np.where(solid[:, None], rgb("shop") * (0.6 + 0.4 * room[:, None]), inner)
    reveal = 1 - 0.55 * np.exp(-np.maximum(top - fr - y, 0) / 0.12) * (foot_v < 0.5)
    albedo = _mix(albedo, (inner * reveal[:, None]).astype(np.float32), pane)

    band = inside(y, ground - 0.85, ground - 0.15, foot_v) * shop * (u > 0.3) * (u < get("width") - 0.3)
    letters = inside(y, ground - 0.66, ground - 0.34, foot_v) * (
        noise(u * 1.0 + seed * 11, v * 0.5, 0.16, foot_u, 3) > 0.1
    )
    letters = (
        letters * (np.abs(u - get("width") / 2) < get("width") * 0.32) * np.clip(1.3 - foot_u * 6, 0.25, 1)
    )
    albedo = _mix(albedo, rgb("shop"), band)
    ink = np.where(rgb("shop").mean(1) > 0.2, 0.03, 0.75)[:, None] * np.ones((1, 3), np.float32)
    albedo = _mix(albedo, ink, band * letters)

    glass = pane * ~solid
    lit = ((room < get("lit")) | (shop & (room < 0.75))) * storeys_lit
    warm = np.stack([0.9 + 0 * room, 0.5 + 0.3 * curtain, 0.2 + 0.45 * curtain**2], -1)
    strength = (
        lit
        * (0.15 + 0.9 * hashed(column + 31, storey, seed))
        * np.where(drape, 0.5, 1.0)
        * np.where(shop, 1.6, 1.0)
    )
    glow = (
        warm * (glass * strength)[:, None]
        + np.where(shop, 0.5, 0)[:, None] * storeys_lit * albedo * band[:, None]
    )
    return WallLook(
        np.clip(albedo, 0.0, 0.9).astype(np.float32), glass.astype(np.float32), glow.astype(np.float32)
    )
