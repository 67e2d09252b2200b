# SPDX-License-Identifier: Apache-2.0
"""Light and air of a scene: sun, sky, clouds, lamps, fog, exposure, and the temperatures with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .part import RGB

LIGHTS = ("day", "dusk", "night", "fog", "overexposed")


@dataclass(frozen=True)
class Light:
    """One state of light.

    sun: unit vector towards it.  sun_rgb: its irradiance on a surface facing it (0 when hidden).  zenith,
    horizon: sky radiance.  cloud: cover 0 to 1.  lamps: street lamps and headlights are on.  fog: extinction
    per metre.  exposure: multiplies radiance before the tone curve.  air, ground, sky: kelvin; sky at the
    zenith.  sun_heat: kelvin by which full sun warms a black wall above the air.
    """

    name: str
    sun: tuple[float, float, float]
    sun_rgb: RGB
    zenith: RGB
    horizon: RGB
    cloud: float
    cloud_seed: float
    lamps: bool
    fog: float
    exposure: float
    white: RGB
    contrast: float
    saturation: float
    noise: float
    air: float
    ground: float
    sky: float
    sun_heat: float
    warm: bool
    wet: float


def _sun(rng: np.random.Generator, low: float, high: float) -> tuple[float, float, float]:
    e, a = np.radians(rng.uniform(low, high)), rng.uniform(-np.pi, np.pi)
    return float(np.cos(e) * np.cos(a)), float(np.cos(e) * np.sin(a)), float(np.sin(e))


def random_light(rng: np.random.Generator, name: str, style: str) -> Light:
    """A light state of one of LIGHTS; style b is cooler and has more contrast."""
    overcast = bool(rng.uniform() < 0.35)
    sun = _sun(rng, 15, 65)
    strength, haze = float(rng.uniform(2.4, 4.2)), float(rng.uniform(0, 1))
    sun_rgb: RGB = (strength, strength * 0.93, strength * 0.82)
    blue = np.array([0.22, 0.4, 0.85]) * rng.uniform(0.6, 1.0) * (1 - 0.5 * haze) + 0.35 * haze
    pale = np.array([0.75, 0.85, 0.95]) * rng.uniform(0.8, 1.2)
    cloud = float(rng.uniform(0, 0.65))
    fog = float(rng.uniform(0.0, 0.0025))
    lamps, heat = False, float(rng.uniform(8, 24))
    air = float(rng.uniform(276, 302))
    sky_k = air - float(rng.uniform(35, 60))
    exposure, noise = float(np.exp(rng.normal() * 0.22)) * 0.95, float(rng.uniform(0.0, 0.012))
    wet = float(rng.uniform(0.3, 0.9)) if overcast and rng.uniform() < 0.4 else 0.0
    if name == "overexposed":
        exposure *= float(rng.uniform(2.2, 4.0))
    if overcast and name in ("day", "overexposed"):
        cloud, heat = 1.0, 2.0
        grey = float(rng.uniform(0.75, 1.25))
        blue, pale = np.array([0.82, 0.86, 0.92]) * grey, np.array([0.95, 0.97, 1.0]) * grey
        sun_rgb = (0.25, 0.25, 0.25) if rng.uniform() < 0.5 else (0.0, 0.0, 0.0)
        sky_k, exposure = air - float(rng.uniform(6, 18)), exposure * 1.05
    elif name == "dusk":
        sun = _sun(rng, 3, 12)
        s = float(rng.uniform(0.5, 2.2))
        sun_rgb = (s, s * 0.55, s * 0.25)
        blue, pale = (
            np.array([0.12, 0.18, 0.36]) * rng.uniform(0.6, 1.3),
            np.array([0.95, 0.55, 0.32]) * rng.uniform(0.4, 1.0),
        )
        lamps, heat, air = bool(rng.uniform() < 0.6), heat * 0.6, air - 3
        exposure, noise = exposure * float(rng.uniform(1.0, 1.5)), noise + 0.006
    elif name == "night":
        sun_rgb = (0.0, 0.0, 0.0)
        k = float(rng.uniform(0.004, 0.03))
        blue, pale = np.array([0.75, 0.8, 1.0]) * k * 1.6, np.array([1.3, 1.05, 0.8]) * k * 1.6
        lamps, heat, air = True, 1.5, min(air - 6, 292.0)
        sky_k = air - float(rng.uniform(25, 55))
        exposure, noise = exposure * float(rng.uniform(1.8, 3.4)), float(rng.uniform(0.008, 0.03))
    elif name == "fog":
        sun_rgb, cloud, heat = (0.0, 0.0, 0.0), 1.0, 1.0
        grey = float(rng.uniform(0.5, 1.0))
        blue = pale = np.array([0.93, 0.96, 1.0]) * grey
        fog, lamps = float(np.exp(rng.uniform(np.log(0.008), np.log(0.045)))), bool(rng.uniform() < 0.4)
        sky_k, wet, exposure = air - 4.0, float(rng.uniform(0, 0.6)), exposure * 1.05
    cool = 0.94 if style == "b" else 1.05
    tint = np.exp(rng.normal(size=3) * 0.03) * (cool, 1.0, 2 - cool)
    if name == "overexposed":
        noise *= 0.5

    def rgb(v: np.ndarray) -> RGB:
        return float(v[0]), float(v[1]), float(v[2])

    return Light(
        name,
        sun,
        sun_rgb,
        rgb(blue),
        rgb(pale),
        cloud,
        float(rng.uniform(0, 100)),
        lamps,
        fog,
        exposure,
        rgb(tint),
        float(rng.uniform(0.95, 1.2) + (0.08 if style == "b" else 0)),
        float(rng.uniform(0.75, 1.2) * (0.85 if style == "b" else 1.05)),
        noise,
        air,
        air + float(rng.uniform(0, 3)),
        sky_k,
        heat,
        air > 291,
        wet,
    )
