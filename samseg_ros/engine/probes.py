# SPDX-License-Identifier: Apache-2.0
"""Pictures to try an engine on before it serves: drawn streets, the same every time."""

from __future__ import annotations

import cv2
import numpy as np

from samseg_ros.bundle import Bundle

SEEDS = (1, 2, 3)
_PRESENT = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0))  # of RGB-thermal bundles: both, and either alone


def probes(bundle: Bundle) -> list[dict[str, np.ndarray]]:
    """Inputs of one engine call each, as :meth:`samseg_ros.engine.Engine.infer` takes them."""
    found = []
    for seed, present in zip(SEEDS, _PRESENT, strict=True):
        inputs = {"image": street(bundle.size, seed)}
        if bundle.task == "rgbt":
            inputs["thermal"] = cv2.cvtColor(street(bundle.size, seed + len(SEEDS)), cv2.COLOR_BGR2GRAY)
            inputs["present"] = np.array(present, np.float32)
            for name, there in zip(("image", "thermal"), present, strict=True):
                inputs[name] *= np.uint8(there)
        found.append(inputs)
    return found


def street(size: tuple[int, int], seed: int) -> np.ndarray:
    """Sky, houses, trees, a road, cars and people as flat shapes with noise: uint8 [h, w, 3], BGR."""
    height, width = size
    random = np.random.default_rng(seed)
    horizon = int(height * random.uniform(0.42, 0.52))
    picture = np.empty((height, width, 3), np.float32)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture[:] = np.array([235, 206, 170], np.float32) - 40 * rows  # sky
    picture[horizon:] = random.uniform(70, 110)  # road

    def box(center: float, bottom: float, wide: float, high: float, color: tuple[float, ...]) -> None:
        low_left = int((center - wide / 2) * width), int(bottom * height)
        top_right = int((center + wide / 2) * width), int((bottom - high) * height)
        cv2.rectangle(picture, low_left, top_right, color, cv2.FILLED)

    down = horizon / height
    for center in np.arange(0.0, 1.05, 0.12):
        shade = random.uniform(60, 170)
        color = (shade * 0.85, shade * 0.95, shade)
        box(center, down + 0.03, random.uniform(0.08, 0.16), random.uniform(0.12, 0.4), color)
    for center in random.uniform(0, 1, 6):
        spot = int(center * width), int((down - random.uniform(0.02, 0.12)) * height)
        cv2.circle(picture, spot, int(height * random.uniform(0.04, 0.1)), (40, 95, 55), cv2.FILLED)
    for center in random.uniform(0, 1, 3):  # pavement, as patches of it
        box(center, 1.0, 0.15, 0.9 - down, (135, 140, 145))
    for center in random.uniform(0.05, 0.95, 4):
        color = tuple(random.uniform(20, 220, 3))
        bottom = down + random.uniform(0.08, 0.25)
        box(center, bottom, 0.12, 0.1, color)
        box(center, bottom + 0.01, 0.1, 0.02, (20, 20, 20))
    for center in random.uniform(0, 1, 4):
        box(center, down + 0.12, 0.012, 0.16, tuple(random.uniform(20, 160, 3)))
        box(center + 0.03, down + 0.05, 0.004, 0.3, (120, 120, 120))  # a pole
    cv2.GaussianBlur(picture, (0, 0), max(0.5, height / 500), dst=picture)
    picture += random.normal(0, 6, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)
