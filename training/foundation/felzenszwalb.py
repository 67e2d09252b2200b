# SPDX-License-Identifier: Apache-2.0
"""Masks by colour alone: graph-based segmentation of scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.foundation.masks import renumber
from training.foundation.settings import FelzenszwalbMasks
from training.foundation.view import View


class FelzenszwalbGenerator:
    """Every pixel belongs to one segment: no pixel is 0.

    Raises:
        ValueError: scikit-image is missing.
    """

    def __init__(self, settings: FelzenszwalbMasks) -> None:
        try:
            from skimage.segmentation import felzenszwalb
        except ModuleNotFoundError as missing:
            raise ValueError(
                f"The package {missing.name} is not installed, masks of kind felzenszwalb need it: "
                "install samseg_ros[train]."
            ) from missing
        self._settings = settings
        self._segment = felzenszwalb

    def identity(self) -> dict[str, Any]:
        return self._settings.model_dump(mode="json")

    def __call__(self, view: View) -> np.ndarray:
        parameters = self._settings
        segments = self._segment(
            view.image, scale=parameters.scale, sigma=parameters.sigma, min_size=parameters.min_size
        )
        return renumber(segments + 1)
