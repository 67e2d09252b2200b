# SPDX-License-Identifier: Apache-2.0
"""Trees, bushes and hedges: trunk and branches as lofts, foliage as clouds of leaf triangles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .classes import Street11
from .part import RGB, Material, Part, Piece
from .shape import Shape, box, joined, loft

GREEN = Street11.VEGETATION
KINDS = ("round", "column", "conifer", "bare", "palm", "spreading")


def leaves(
    rng: np.random.Generator,
    centres: npt.NDArray[np.float64],
    radii: npt.NDArray[np.float64],
    count: int,
    size: float,
    shell: float = 0.45,
) -> Shape:
    """Leaf triangles filling ellipsoids.

    centres, radii: (K, 3) metres.  count: triangles in all, shared by volume to the power 2/3.  size:
    edge length in metres.  shell: 0 fills evenly, 1 keeps to the surface.  Normals point away from the
    ellipsoid's centre so that the crown is shaded as a body.
    """
    share = np.prod(radii, axis=1) ** (2 / 3)
    which = rng.choice(len(centres), count, p=share / share.sum())
    d = rng.normal(size=(count, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    r = rng.uniform(shell**3, 1, (count, 1)) ** (1 / 3)
    middle = centres[which] + d * r * radii[which]
    edge = rng.normal(size=(count, 3, 3))
    edge /= np.linalg.norm(edge, axis=2, keepdims=True)
    tri = middle[:, None] + edge * size * rng.uniform(0.6, 1.2, (count, 1, 1))
    normal = d + 0.35 * rng.normal(size=(count, 3)) + (0, 0, 0.25)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    uv = np.zeros((count, 3, 2)) + np.stack([r[:, 0], rng.uniform(size=count)], -1)[:, None]
    return Shape(
        tri.astype(np.float32), np.repeat(normal[:, None], 3, 1).astype(np.float32), uv.astype(np.float32)
    )


def _branches(
    rng: np.random.Generator,
    start: npt.NDArray[np.float64],
    direction: npt.NDArray[np.float64],
    length: float,
    radius: float,
    depth: int,
    out: list[Shape],
    tips: list[npt.NDArray[np.float64]],
) -> None:
    """Grows a branch and its children into out; the ends of the last ones go to tips."""
    direction = direction / np.linalg.norm(direction)
    side = rng.normal(size=3) * 0.12 * length
    end = start + direction * length
    out.append(
        loft(
            [start, (start + end) / 2 + side, end],
            np.array([1, 0.8, 0.6]) * radius,
            sides=7 if radius > 0.08 else 4 if radius > 0.03 else 3,
            caps=False,
        )
    )
    if depth == 0:
        tips.append(end)
        return
    for _ in range(int(rng.integers(2, 4 if depth > 1 else 5))):
        turn = direction + rng.normal(size=3) * 0.55 + (0, 0, 0.12)
        f = rng.uniform(0.6, 1.0)
        _branches(
            rng,
            start + (end - start) * f,
            turn,
            length * rng.uniform(0.55, 0.85),
            radius * 0.55,
            depth - 1,
            out,
            tips,
        )


def tree(rng: np.random.Generator, kind: str, height: float, color: RGB, detail: float = 1.0) -> list[Piece]:
    """A tree of one of KINDS, height in metres; detail scales the number of leaves."""
    b = rng.uniform(0.06, 0.16)
    bark = Part(GREEN, Material.BARK, (float(b), float(b * 0.85), float(b * 0.7)))
    leaf = Part(GREEN, Material.LEAF, color, (float(rng.uniform(0.15, 0.45)), 0, 0, 0))
    wood: list[Shape] = []
    tips: list[npt.NDArray[np.float64]] = []
    radius = height * rng.uniform(0.013, 0.022) + 0.03
    if kind == "bare":
        _branches(
            rng,
            np.zeros(3),
            np.array([0.05 * rng.normal(), 0.05 * rng.normal(), 1.0]),
            height * 0.32,
            radius,
            4 if detail > 0.5 else 3,
            wood,
            tips,
        )
        return [Piece(joined(wood), bark)]
    if kind == "palm":
        lean = rng.normal(size=2) * 0.06 * height
        top = np.array([lean[0], lean[1], height * 0.8])
        wood.append(
            loft(
                np.array([(0, 0, 0), (lean[0] * 0.3, lean[1] * 0.3, height * 0.4), tuple(top)]),
                np.array([1.2, 0.9, 0.8]) * radius,
                sides=8,
            )
        )
        fronds = []
        for a in rng.uniform(0, 2 * np.pi, 16):
            s = np.linspace(0, 1, 5)
            rise, reach = rng.uniform(-0.1, 0.9), height * 0.27
            path = top + np.stack(
                [np.cos(a) * s * reach, np.sin(a) * s * reach, rise * s * reach - 1.1 * s**2 * reach], -1
            )
            fronds.append(
                loft(path, np.array([0.05, 0.3, 0.33, 0.22, 0.03]) * height * 0.1, 0.012, 4, caps=False)
            )
        return [Piece(joined(wood), bark), Piece(joined(fronds), leaf)]
    stem = height * {"round": 0.34, "column": 0.12, "conifer": 0.1, "spreading": 0.28}[kind]
    if kind == "conifer":
        z = np.linspace(stem, height * 0.97, 9)
        f = (z - stem) / (height - stem)
        r = height * rng.uniform(0.16, 0.24) * (1 - f) + 0.15
        centres, radii = np.stack([0 * z, 0 * z, z], -1), np.stack([r, r, 0 * z + height * 0.07], -1)
        wood.append(loft([(0, 0, 0), (0, 0, height * 0.9)], np.array([1, 0.3]) * radius, sides=7))
    elif kind == "column":
        z = np.linspace(stem + height * 0.15, height * 0.9, 7)
        r = height * rng.uniform(0.09, 0.14) * np.sin(np.pi * np.clip((z / height) * 0.8 + 0.18, 0, 1)) + 0.2
        centres = np.stack([0 * z, 0 * z, z], -1) + rng.normal(size=(7, 3)) * 0.1
        radii = np.stack([r, r, 0 * z + height * 0.13], -1)
        wood.append(loft([(0, 0, 0), (0, 0, height * 0.7)], np.array([1, 0.4]) * radius, sides=7))
    else:
        crown = height * (0.26 if kind == "round" else 0.42)
        wood.append(
            loft(
                [(0, 0, 0), (0.05, 0.03, stem * 0.5), (0, 0, stem)],
                np.array([1.25, 0.95, 0.85]) * radius,
                sides=9,
            )
        )
        for a in rng.uniform(0, 2 * np.pi, 5):
            _branches(
                rng,
                np.array([0, 0, stem * 0.97]),
                np.array([np.cos(a), np.sin(a), rng.uniform(0.6, 1.6)]),
                height * 0.2,
                radius * 0.55,
                1 if detail > 0.5 else 0,
                wood,
                tips,
            )
        n = int(rng.integers(9, 16))
        d = rng.normal(size=(n, 3))
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        d *= rng.uniform(0.35, 0.95, (n, 1))
        flat_ = 1.1 if kind == "round" else 0.55
        middle = stem + (height - stem) * (0.56 if kind == "round" else 0.66)
        centres = d * (crown, crown, (height - stem) * 0.42 * flat_) + (0, 0, middle)
        radii = np.stack([rng.uniform(0.32, 0.55, n) * crown] * 3, -1) * (1, 1, 0.8)
    count = int(2600 * detail)
    foliage = leaves(
        rng,
        centres,
        radii,
        count,
        (0.013 * height + 0.08) * (1.0 if detail > 0.5 else 1.8 if detail > 0.2 else 2.8),
    )
    return [Piece(joined(wood), bark), Piece(foliage, leaf)]


def bush(rng: np.random.Generator, radius: float, color: RGB) -> list[Piece]:
    """A bush about as high as its radius."""
    n = 4
    centres = np.concatenate([rng.normal(size=(n, 2)) * radius * 0.4, np.full((n, 1), radius * 0.45)], 1)
    radii = rng.uniform(0.45, 0.7, (n, 1)) * radius * np.ones(3)
    return [
        Piece(
            leaves(rng, centres, radii, 260, 0.1 * radius + 0.05),
            Part(GREEN, Material.LEAF, color, (0.35, 0, 0, 0)),
        )
    ]


def hedge(rng: np.random.Generator, length: float, height: float, depth: float, color: RGB) -> list[Piece]:
    """A clipped hedge from x = 0 to length, centred on y = 0."""
    dark: RGB = (color[0] * 0.35, color[1] * 0.35, color[2] * 0.35)
    core = box(0, length, -depth * 0.42, depth * 0.42, 0, height * 0.95, step=5)
    n = int(length * (height + depth) * 26)
    side = rng.integers(0, 3, n)
    u, v = rng.uniform(size=n), rng.uniform(size=n)
    x = u * length
    y = np.where(side == 0, -depth / 2, np.where(side == 1, depth / 2, (v - 0.5) * depth))
    z = np.where(side == 2, height, v * height)
    normal = np.stack(
        [0 * x, np.where(side == 0, -1.0, np.where(side == 1, 1.0, 0)), np.where(side == 2, 1.0, 0.2)], -1
    )
    normal += 0.4 * rng.normal(size=(n, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    edge = rng.normal(size=(n, 3, 3))
    edge /= np.linalg.norm(edge, axis=2, keepdims=True)
    tri = np.stack([x, y, z], -1)[:, None] + edge * rng.uniform(0.08, 0.16, (n, 1, 1))
    uv = np.ones((n, 3, 2)) * np.stack([0 * u + 0.9, rng.uniform(size=n)], -1)[:, None]
    cloud = Shape(
        tri.astype(np.float32), np.repeat(normal[:, None], 3, 1).astype(np.float32), uv.astype(np.float32)
    )
    return [
        Piece(core, Part(GREEN, Material.PLAIN, dark)),
        Piece(cloud, Part(GREEN, Material.LEAF, color, (0.4, 0, 0, 0))),
    ]
