# SPDX-License-Identifier: Apache-2.0
"""What a mask generator sees: one window of a panorama, or a whole pinhole picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """A picture to find masks in.

    Attributes:
        image: uint8 [h, w, 3] BGR.
        label: uint8 [h, w] class ids, 255 unlabelled; None unless a renderer knows them.
        instance: uint16 [h, w], 0 is stuff, any other number one thing; None likewise.
        number: of this view in its set, 0 or more: makes what is random about its masks repeatable.
    """

    image: np.ndarray
    label: np.ndarray | None = None
    instance: np.ndarray | None = None
    number: int = 0
