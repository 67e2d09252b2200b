# SPDX-License-Identifier: Apache-2.0
"""Apparent temperatures: what a long-wave infrared camera would read, in kelvin."""

from __future__ import annotations

import numpy as np

from .classes import Street11
from .light import Light
from .part import Material
from .power import power
from .surface import PartTable, Surface
from .texture import Reals, noise
from .trace import Hits

# Emissivity, share of the sun's heating, and offset from the air at night (K), for each Material.
_TABLE: dict[Material, tuple[float, float, float]] = {
    Material.PLAIN: (0.93, 0.6, 0.0),
    Material.ASPHALT: (0.95, 1.0, 2.5),
    Material.ROAD_PAINT: (0.93, 0.7, 2.2),
    Material.PAVING: (0.94, 0.75, 1.8),
    Material.FACADE: (0.94, 0.75, 2.0),
    Material.ROOF: (0.93, 1.0, -1.0),
    Material.LEAF: (0.97, 0.1, -0.3),
    Material.BARK: (0.95, 0.35, 0.2),
    Material.GRASS: (0.97, 0.3, -1.2),
    Material.CAR_PAINT: (0.88, 0.9, -1.0),
    Material.GREENHOUSE: (0.88, 0.6, -1.0),
    Material.WHEEL: (0.92, 0.4, 0.5),
    Material.GLASS: (0.86, 0.2, 1.0),
    Material.SIGN: (0.9, 0.5, -0.5),
    Material.CLOTH: (0.96, 0.35, 0.0),
    Material.SKIN: (0.98, 0.1, 0.0),
    Material.LAMP: (0.9, 0.2, 0.0),
    Material.METAL: (0.72, 0.6, -0.5),
    Material.PLANK: (0.93, 0.6, 0.0),
}
_ROWS = np.array([_TABLE[m] for m in Material], np.float32)
BODY = 307.0


def kelvin(light: Light, hits: Hits, look: Surface, table: PartTable, sun: Reals, open_sky: Reals) -> Reals:
    """Apparent temperature (N,) of each hit in kelvin.

    A surface radiates by its emissivity and mirrors sky or surroundings with the rest.  People hold their
    temperature against the air; engines, tyres and lamps add their own heat.
    """
    emissivity, gain, offset = _ROWS[look.material].T
    label, heat, extra = table.label[hits.part], table.heat[hits.part], table.extra[hits.part]
    dark = 1 - 0.55 * look.albedo.mean(1)
    t = light.air + offset + light.sun_heat * gain * dark * (0.15 * open_sky + 0.85 * sun)
    t = t + 0.35 * noise(hits.uv[:, 0], hits.uv[:, 1], 0.9, 0.0, 2)
    live = ((label == Street11.PERSON) | (label == Street11.BICYCLE)) & (heat > 0)
    t = np.where(live, np.maximum(t, light.air + (BODY - light.air) * np.clip(heat / 12, 0, 0.92)), t + heat)
    hood = np.flatnonzero((look.material == Material.CAR_PAINT) & (extra[:, 1] > 0))
    if len(hood):
        along = hits.uv[hood, 1] / np.maximum(extra[hood, 0], 0.1)
        t[hood] += extra[hood, 1] * np.clip((along - 0.66) / 0.15, 0.06, 1)
    wall = look.material == Material.FACADE
    t = np.where(wall, t + 2.0 * look.glass * (light.air < 290), t)
    emissivity = emissivity - 0.08 * look.glass * wall
    up = np.clip(0.5 + 0.5 * hits.normal[:, 2], 0, 1) * open_sky
    around = light.sky * up + light.ground * (1 - up)
    fourth = emissivity * power(t, 4) + (1 - emissivity) * power(around, 4)
    return np.sqrt(np.sqrt(fourth)).astype(np.float32)
