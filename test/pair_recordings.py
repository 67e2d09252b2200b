# SPDX-License-Identifier: Apache-2.0
"""Small bags of an RGB and a thermal camera, of which the hot bundle's answer is known."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from recordings import PERIOD, START, header

from samseg_ros.bags.image_messages import image_message
from samseg_ros.bags.read import IMAGE
from samseg_ros.bags.write import channel, new_bag, offered_qos

SKEW = 4_000_000  # by which the thermal camera's stamps are later
RGB, THERMAL = "/front/image", "/front/thermal"
KELVIN = 29315  # 20 °C in hundredths


def scene(number: int, height: int = 32, width: int = 64) -> np.ndarray:
    """BGR uint8: red on the right, and one pixel that tells frames apart."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :, 2] = 255
    image[0, 0, 0] = number
    return image


def warmth(number: int, height: int = 32, width: int = 64) -> np.ndarray:
    """uint16 [h, w], hundredths of a kelvin: warm below, and one pixel that tells frames apart."""
    values = np.full((height, width), KELVIN, np.uint16)
    values[height // 2 :] += 2000
    values[0, 0] += number
    return values


def write_pairs(
    path: Path,
    frames: int = 5,
    no_rgb: Collection[int] = (),
    no_thermal: Collection[int] = (),
    rgb: str = RGB,
    thermal: str = THERMAL,
    lag: int = 0,
) -> Path:
    """A bag of pairs at 10 Hz, without the frames named; thermal is recorded `lag` ns later than it could."""
    both = channel(rgb, IMAGE, (offered_qos(5),)), channel(thermal, IMAGE, (offered_qos(5),))
    rows = []
    for i in range(frames):
        stamp = START + i * PERIOD
        if i not in no_rgb:
            rows.append((stamp, 0, image_message(header(stamp, "rgb"), "bgr8", scene(i))))
        if i not in no_thermal:
            warm = image_message(header(stamp + SKEW, "thermal"), "16UC1", warmth(i))
            rows.append((stamp + SKEW + lag, 1, warm))
    with new_bag(path) as bag:
        for one in both:
            bag.add(one)
        for time, stream, message in sorted(rows, key=lambda row: row[0]):
            bag.write_message(both[stream], time, message)
    return path
