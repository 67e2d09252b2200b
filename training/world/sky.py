# SPDX-License-Identifier: Apache-2.0
"""The sky: radiance and temperature of a direction."""

from __future__ import annotations

import numpy as np

from .columns import dot
from .light import Light
from .power import power
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
    sun, strength = np.array(light.sun, np.float32), np.array(light.sun_rgb, np.float32)
    facing = dot(directions, sun)
    toward = np.clip(facing, 0, 1)
    # The layout of one number per vector times three colours decides that of all that follows.
    base: Reals = (zenith - horizon)[:, None] * (1 - (1 - up) ** np.float32(3.2))
    base = base.T
    base += horizon
    sixth = power(toward, 6)
    base += strength * (0.05 * sixth + 0.2 * power(sixth, 10))[:, None]
    body: Reals | float = 1.0
    if cover is None:
        cover = np.full(len(directions), light.cloud, np.float32)
    else:
        high = np.maximum(directions[:, 2], 0.0) + 0.1
        u, v = directions[:, 0] / high * 1.4 + light.cloud_seed + 3, directions[:, 1] / high * 1.4
        lump = fbm(u, v, 1.7, 0.0, 3)
        body = np.clip(1 + (0.13 if light.cloud < 1 else 0.1) * lump, 0.55, 1.4)[:, None]
    if light.cloud > 0.02:
        grey = np.float32(horizon.mean() * 0.75 + zenith.mean() * 0.25)
        white = strength * (0.07 + 0.1 * power(toward, 4))[:, None]
        white += grey * np.array([0.97, 1.0, 1.03], np.float32)
        white *= body
        base += (white - base) * (cover * (0.9 if light.cloud < 1 else 0.8))[:, None]
    disc = np.clip((facing - 0.99985) / 0.0001, 0, 1) * (1 - cover)
    base += (strength * 25) * disc[:, None]
    return base


def sky_kelvin(light: Light, directions: Reals, cover: Reals) -> Reals:
    """Apparent temperature (N,) of the sky in kelvin: coldest overhead, near the air's at the horizon."""
    up = np.clip(directions[:, 2], 0, 1)
    clear = light.sky + (light.air - 6.0 - light.sky) * power(1 - up, 5)
    if light.name == "fog":
        cover = np.ones_like(up)
    return (clear + cover * 0.45 * np.maximum(light.air - 5.0 - clear, 0)).astype(np.float32)
