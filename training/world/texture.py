# SPDX-License-Identifier: Apache-2.0
"""Procedural textures: band-limited noise, brick and slab patterns, each smoothed to the size of a pixel."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.floating[Any]]
SIZE = 512


@lru_cache(maxsize=1)
def _tiles() -> Reals:
    """One tileable image (512, 512, 4) of independent smooth noises with zero mean and unit deviation."""
    rng = np.random.default_rng(20240521)
    white = rng.normal(size=(SIZE, SIZE, 4)).astype(np.float32)
    padded = cv2.copyMakeBorder(white, 16, 16, 16, 16, cv2.BORDER_WRAP)
    soft = cv2.GaussianBlur(padded, (0, 0), 1.6)[16:-16, 16:-16]
    return np.ascontiguousarray(soft / soft.std(axis=(0, 1)))


def noise(u: Reals, v: Reals, cell: float, footprint: Reals | float, channel: int = 0) -> Reals:
    """Smooth noise (N,) with unit deviation at surface coordinates u, v (metres).

    cell: size of a feature in metres (about four texels).  footprint: what a pixel covers, metres; the noise
    fades away where it is larger than the feature.
    """
    n = len(u)
    if n == 0:
        return np.zeros(0, np.float32)
    if isinstance(footprint, np.ndarray):
        # Where it has faded away, and that is most of a street, it need not be looked up.
        near = np.flatnonzero(footprint < 1.5 * cell)
        if len(near) < 0.75 * n:
            out = np.zeros(n, np.float32)
            out[near] = noise(u[near], v[near], cell, footprint[near], channel)
            return out
    rows = (n + 1023) // 1024
    texels = 4.0 / cell

    def grid(values: Reals) -> Reals:
        out = np.zeros(rows * 1024, np.float32)
        turns = values * np.float32(texels / SIZE)
        np.subtract(turns, np.floor(turns), out=out[:n])
        out *= np.float32(SIZE)
        return out.reshape(rows, 1024)

    image = _tiles()[:, :, channel]
    found = cv2.remap(image, grid(u), grid(v), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).reshape(-1)[:n]
    fade = np.clip(1.5 - np.asarray(footprint, np.float32) / np.float32(cell), 0, 1)
    return found * fade


def fbm(u: Reals, v: Reals, cell: float, footprint: Reals | float, octaves: int = 4) -> Reals:
    """Sum of octaves of noise from the given cell size down, each half as strong; about unit deviation."""
    total = noise(u, v, cell, footprint, 0)
    for i in range(1, octaves):
        k = 2.0**i
        total = total + noise(u + 13.7 * i, v + 7.1 * i, cell / k, footprint, i % 4) / np.float32(k)
    return total / np.float32(1.15)


def hashed(*values: Reals | float) -> Reals:
    """A number in 0..1 for each tuple of integers, without pattern."""
    h = np.float64(0)
    for i, value in enumerate(values):
        h = h * 1.0 + np.asarray(value, np.float64) * (12.9898, 78.233, 37.719, 4.581)[i]
    s = np.sin(h) * 43758.5453
    return (s - np.floor(s)).astype(np.float32)


def step(edge: Reals | float, x: Reals, width: Reals | float) -> Reals:
    """0 below the edge, 1 above, with a ramp as wide as a pixel's footprint."""
    return np.clip((x - edge) / np.maximum(width, 1e-4) + 0.5, 0, 1).astype(np.float32)


def inside(x: Reals, low: Reals | float, high: Reals | float, width: Reals | float) -> Reals:
    """Share of a pixel's footprint within low..high."""
    return step(low, x, width) * (1 - step(high, x, width))


def slabs(
    u: Reals,
    v: Reals,
    su: Reals | float,
    sv: Reals | float,
    bond: Reals | float,
    joint: float,
    footprint: Reals,
) -> tuple[Reals, Reals]:
    """Rectangular stones: share of joint (0..1) and a number in 0..1 for each stone.

    su, sv: size of a stone in metres.  bond: 1 shifts every other course by half a stone.
    """
    course = np.floor(v / sv)
    shifted = u / su + 0.5 * np.mod(course, 2) * bond
    column = np.floor(shifted)
    fu, fv = (shifted - column) * su, (v / sv - course) * sv
    stone = inside(fu, joint / 2, su - joint / 2, footprint) * inside(
        fv, joint / 2, sv - joint / 2, footprint
    )
    size = np.minimum(su, sv)
    fade = np.clip(1.6 - footprint / size, 0, 1)
    mean = (1 - joint / su) * (1 - joint / sv)
    gap = (1 - stone) * fade + (1 - mean) * (1 - fade)
    number = 0.5 + (hashed(column, course) - 0.5) * fade
    return gap.astype(np.float32), number.astype(np.float32)
