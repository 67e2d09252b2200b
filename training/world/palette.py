# SPDX-License-Identifier: Apache-2.0
"""Colours of the two visual styles: a, a brick and plaster town; b, a concrete and glass city."""

from __future__ import annotations

import numpy as np

from .part import RGB

STYLES = ("a", "b")
_WALLS = {
    "a": (
        (0.55, 0.45, 0.3),
        (0.6, 0.55, 0.45),
        (0.3, 0.1, 0.055),
        (0.24, 0.12, 0.075),
        (0.62, 0.6, 0.55),
        (0.5, 0.32, 0.17),
        (0.42, 0.4, 0.36),
        (0.36, 0.2, 0.12),
        (0.55, 0.5, 0.33),
        (0.48, 0.28, 0.22),
        (0.2, 0.09, 0.06),
        (0.34, 0.27, 0.18),
    ),
    "b": (
        (0.4, 0.41, 0.42),
        (0.28, 0.3, 0.32),
        (0.55, 0.56, 0.57),
        (0.16, 0.18, 0.2),
        (0.35, 0.4, 0.43),
        (0.62, 0.64, 0.66),
        (0.45, 0.43, 0.39),
        (0.22, 0.27, 0.33),
        (0.3, 0.25, 0.22),
        (0.1, 0.13, 0.16),
    ),
}
_ROOFS = {
    "a": ((0.25, 0.07, 0.035), (0.15, 0.06, 0.04), (0.05, 0.05, 0.055), (0.2, 0.1, 0.06)),
    "b": ((0.12, 0.12, 0.13), (0.2, 0.2, 0.21), (0.09, 0.1, 0.12)),
}
_LEAVES = {
    "a": (
        (0.045, 0.08, 0.022),
        (0.06, 0.09, 0.03),
        (0.035, 0.065, 0.024),
        (0.09, 0.1, 0.025),
        (0.13, 0.075, 0.02),
    ),
    "b": ((0.03, 0.07, 0.035), (0.07, 0.1, 0.05), (0.025, 0.055, 0.03), (0.09, 0.1, 0.03)),
}
TREES = {
    "a": ("round", "round", "spreading", "column", "bare", "conifer"),
    "b": ("spreading", "palm", "conifer", "round", "column", "bare"),
}


def _vary(rng: np.random.Generator, color: RGB, value: float, hue: float) -> RGB:
    v = np.exp(rng.normal() * value)
    r, g, b = (float(np.clip(c * v * np.exp(rng.normal() * hue), 0.004, 0.82)) for c in color)
    return r, g, b


def wall_color(rng: np.random.Generator, style: str) -> RGB:
    """Albedo of a house wall."""
    return _vary(rng, _WALLS[style][rng.integers(len(_WALLS[style]))], 0.25, 0.1)


def roof_color(rng: np.random.Generator, style: str) -> RGB:
    """Albedo of a roof."""
    return _vary(rng, _ROOFS[style][rng.integers(len(_ROOFS[style]))], 0.25, 0.1)


def leaf_color(rng: np.random.Generator, style: str) -> RGB:
    """Albedo of foliage, now and then autumnal."""
    return _vary(rng, _LEAVES[style][rng.integers(len(_LEAVES[style]))], 0.25, 0.15)


def road_color(rng: np.random.Generator, style: str) -> RGB:
    """Albedo of the carriageway: dark and neutral in a, lighter and bluish or reddish in b."""
    if style == "a":
        return _vary(rng, (0.085, 0.083, 0.08), 0.35, 0.03)
    base: RGB = (0.15, 0.155, 0.165) if rng.uniform() < 0.8 else (0.17, 0.135, 0.12)
    return _vary(rng, base, 0.3, 0.03)


def pavement_color(rng: np.random.Generator, style: str) -> RGB:
    """Albedo of the sidewalk."""
    base: RGB = (0.27, 0.25, 0.22) if style == "a" else (0.36, 0.36, 0.35)
    if rng.uniform() < 0.2:
        base = (0.3, 0.17, 0.12)
    return _vary(rng, base, 0.3, 0.06)


def grass_color(rng: np.random.Generator, style: str) -> RGB:
    """Albedo of grass, lush to dry."""
    base: RGB = (0.075, 0.098, 0.036) if style == "a" else (0.12, 0.13, 0.05)
    if rng.uniform() < 0.2:
        base = (0.2, 0.17, 0.08)
    return _vary(rng, base, 0.25, 0.1)
