# SPDX-License-Identifier: Apache-2.0
"""What a person sees of one frame: what its cameras saw, and what was made of it, side by side."""

from __future__ import annotations

import cv2
import numpy as np

from samseg_ros import drawing
from samseg_ros.demo.drive import Frame
from samseg_ros.labels import UNLABELED, LabelSet
from samseg_ros.thermal import Scaling, ThermalScale

# Names of panels in rows, as a video shows them.
ONE_CAMERA = (("overlay",), ("picture", "mask"))
RGB_AND_THERMAL = (("RGB", "thermal"), ("overlay", "mask"))

_CUT = (48, 44, 40)


class Panels:
    """Draws frames of one drive, in order; each panel is BGR uint8 [h, w, 3], all of a frame of one size."""

    def __init__(self, labels: LabelSet) -> None:
        self._table = drawing.bgr_table(labels)
        self._scale = ThermalScale(Scaling())

    def draw(self, frame: Frame, mask: np.ndarray | None) -> dict[str, np.ndarray]:
        """Panels of :data:`ONE_CAMERA` or, where the drive has two, :data:`RGB_AND_THERMAL`, by name.

        Also ``truth`` where it is known. A mask of None shows nothing but the pictures.
        """
        gray = None if frame.thermal is None else self._scale.to_uint8(frame.thermal)
        base = frame.image if gray is None or frame.image is not None else _three(gray)
        assert base is not None  # a frame has at least one of the two
        height, width = base.shape[:2]
        if mask is None:
            mask = np.full((height, width), UNLABELED, np.uint8)
        elif mask.shape != (height, width):
            mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        panels = {"overlay": self.overlay(base, mask), "mask": self.color(mask)}
        if frame.truth is not None:
            panels["truth"] = cv2.resize(
                self.color(frame.truth), (width, height), interpolation=cv2.INTER_NEAREST_EXACT
            )
        if not frame.is_of_two:
            return {"picture": base, **panels}
        heat = None if gray is None else cv2.applyColorMap(gray, cv2.COLORMAP_INFERNO)
        seen = {
            name: _cut(width, height, name) if picture is None else cv2.resize(picture, (width, height))
            for name, picture in (("RGB", frame.image), ("thermal", heat))
        }
        return {**seen, **panels}

    def overlay(self, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """The mask over a picture of its size; void keeps the picture as it was."""
        drawn = drawing.overlay(image, self.color(mask), 0.55)
        drawn[mask == UNLABELED] = image[mask == UNLABELED]
        return drawn

    def color(self, mask: np.ndarray) -> np.ndarray:
        return drawing.colorize(mask, self._table)


def _three(gray: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)


def _cut(width: int, height: int, name: str) -> np.ndarray:
    """What stands for a picture that did not come."""
    panel = np.full((height, width, 3), _CUT, np.uint8)
    text, font, scale = f"no {name}", cv2.FONT_HERSHEY_SIMPLEX, height / 400
    (across, up), _ = cv2.getTextSize(text, font, scale, 2)
    place = ((width - across) // 2, (height + up) // 2)
    cv2.putText(panel, text, place, font, scale, (150, 150, 150), 2, cv2.LINE_AA)
    return panel
