# SPDX-License-Identifier: Apache-2.0
"""One mask from an RGB and a thermal frame, or from the one of them that is any good."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from samseg_ros.flow.modality import Modality
from samseg_ros.pipeline import Result, RgbtPipeline


class RgbtMask(NamedTuple):
    """`shown` is BGR uint8 [h, w, 3], to draw the mask on; `used` tells whether (RGB, thermal) was."""

    result: Result
    shown: np.ndarray
    used: tuple[bool, bool]

    @property
    def modality(self) -> str:
        """``both``, ``rgb`` or ``thermal``."""
        return "both" if all(self.used) else "rgb" if self.used[0] else "thermal"


def rgbt_mask(
    pipeline: RgbtPipeline,
    modality: Modality,
    rgb: np.ndarray | None,
    thermal: np.ndarray | None,
    seconds: float = 0.0,
    confidence: bool = False,
) -> RgbtMask | None:
    """Judge the frames at the time `seconds` and segment what `modality` chooses of them; None for neither.

    `rgb` is BGR uint8 [H, W, 3], `thermal` uint8, uint16 or float32 [h, w]; None is missing.
    """
    for frame, watch in zip((rgb, thermal), modality.watches, strict=True):
        if frame is not None:
            watch.look(frame, seconds)
    used = modality.choose((rgb is not None, thermal is not None))
    if not any(used):
        return None
    result = pipeline.run(rgb if used[0] else None, thermal if used[1] else None, confidence)
    shown = rgb if used[0] else None
    if shown is None:
        shown = cv2.cvtColor(pipeline.warmth, cv2.COLOR_GRAY2BGR)
    return RgbtMask(result, shown, used)
