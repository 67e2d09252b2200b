# SPDX-License-Identifier: Apache-2.0
"""The sky: radiance and temperature of a direction."""

from __future__ import annotations

import numpy as np

from .light import Light
from .texture import Reals, fbm


def clouds(light: Light, directions: Reals) -> Reals:
    """Share of cloud (N,) in each direction, 0..1."""
    if light.cloud <= 0.02:
        return np.zeros(len(directions), np.float32)
    up = np.maximum(directions[:, 2], 0.0) + 0.1
    u, v = directions[:, 0] / up + light.cloud_seed, directions[:, 1] / up + light.cloud_seed * 0.7
    field = fbm(u, v, 2.2, 0.0, 4)
    return np.clip((field - (1.25 - 2.6 * light.cloud)) / 0.9, 0, 1).astype(np.float32)


def sky_radiance(light: Light, directions: Reals, cover: Reals | None = None) -> Reals:
    """Linear RGB radiance (N, 3) of unit directions (N, 3); below the horizon the horizon's colour.

    cover: share of cloud (N,) from clouds(); without it only their mean counts, as in mirrors.
    """
    up = np.clip(directions[:, 2], 0, 1)
    zenith, horizon = np.array(light.zenith, np.float32), np.array(light.horizon, np.float32)
    rise = (1 - (1 - up) ** 3.2)[:, None]
    base: Reals = horizon + (zenith - horizon) * rise
    sun = np.array(light.sun, np.float32)
    strength = np.array(light.sun_rgb, np.float32)
    toward = np.clip(directions @ sun, 0, 1)
    base = base + strength * (0.05 * toward**6 + 0.2 * toward**60)[:, None]
    if cover is None:
        cover = np.full(len(directions), light.cloud, np.float32)
        body = np.ones((1, 1), np.float32)
    else:
        up2 = np.maximum(directions[:, 2], 0.0) + 0.1
        lump = fbm(
            directions[:, 0] / up2 * 1.4 + light.cloud_seed + 3, directions[:, 1] / up2 * 1.4, 1.7, 0.0, 3
        )
        body = np.clip(1 + (0.13 if light.cloud < 1 else 0.1) * lump, 0.55, 1.4)[:, None]
    if light.cloud > 0.02:
        grey = np.float32(horizon.mean() * 0.75 + zenith.mean() * 0.25)
        white = grey * np.array([0.97, 1.0, 1.03], np.float32) + strength * (0.07 + 0.1 * toward**4)[:, None]
        base = base + (white * body - base) * (cover * (0.9 if light.cloud < 1 else 0.8))[:, None]
    disc = np.clip((directions @ sun - 0.99985) / 0.0001, 0, 1) * (1 - cover)
    return (base + (strength * 25) * disc[:, None]).astype(np.float32)


def sky_kelvin(light: Light, directions: Reals, cover: Reals) -> Reals:
    """Apparent temperature (N,) of the sky in kelvin: coldest overhead, near the air's at the horizon."""
    up = np.clip(directions[:, 2], 0, 1)
    clear = light.sky + (light.air - 6.0 - light.sky) * (1 - up) ** 5
    if light.name == "fog":
        cover = np.ones_like(up)
    return (clear + cover * 0.45 * np.maximum(light.air - 5.0 - clear, 0)).astype(np.float32)
