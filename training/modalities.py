# SPDX-License-Identifier: Apache-2.0
"""Which of the two streams of an RGB-T network are there."""

from __future__ import annotations

Present = tuple[float, float]  # 1 or 0 for RGB and for thermal

BOTH: Present = (1.0, 1.0)
RGB_ONLY: Present = (1.0, 0.0)
THERMAL_ONLY: Present = (0.0, 1.0)


def presences(thermal: bool) -> dict[str, Present]:
    """What pictures with or without a thermal channel are scored with, by the ending of the score's name."""
    if not thermal:
        return {"": RGB_ONLY}
    return {"": BOTH, "_rgb_only": RGB_ONLY, "_thermal_only": THERMAL_ONLY}
