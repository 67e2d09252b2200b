# SPDX-License-Identifier: Apache-2.0
"""Pictures of a made-up rig: scenes of shapes whose edges agree in RGB and thermal; their levels do not."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = (480, 640)


def shoot(count, homography, thermal_size=SIZE, seed=0):
    """Pairs (RGB as grey, thermal), uint8; `homography` [3, 3] takes thermal pixels to RGB pixels."""
    random = np.random.default_rng(seed)
    return [_pair(random, np.asarray(homography, float), thermal_size) for _ in range(count)]


def _pair(random, homography, thermal_size):
    rgb, warm = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    for _ in range(120):
        place = tuple(int(v) for v in random.integers(-40, 680, 2))
        axes = tuple(int(v) for v in random.integers(8, 70, 2))
        turn = float(random.uniform(0, 180))
        level, heat = (int(v) for v in random.integers(30, 226, 2))
        if random.random() < 0.5:
            cv2.ellipse(rgb, place, axes, turn, 0, 360, level, -1, cv2.LINE_AA)
            cv2.ellipse(warm, place, axes, turn, 0, 360, heat, -1, cv2.LINE_AA)
        else:
            corners = cv2.boxPoints((place, (2 * axes[0], 2 * axes[1]), turn)).astype(np.int32)
            cv2.fillPoly(rgb, [corners], level, cv2.LINE_AA)
            cv2.fillPoly(warm, [corners], heat, cv2.LINE_AA)
    seen = cv2.warpPerspective(
        warm, homography, thermal_size[::-1], flags=cv2.INTER_LINEAR + cv2.WARP_INVERSE_MAP
    )
    return _noisy(rgb, random), _noisy(seen, random)


def _noisy(picture, random):
    noise = random.normal(0, 4, picture.shape)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1.0) + noise, 0, 255).astype(np.uint8)


def corners_apart(one, other, size=SIZE):
    """By how many pixels two homographies take the corners of a picture to different places, at most."""
    height, width = size
    corners = np.array([[[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]], float)
    places = [cv2.perspectiveTransform(corners, np.asarray(h, float).reshape(3, 3))[0] for h in (one, other)]
    return float(np.linalg.norm(places[0] - places[1], axis=1).max())
