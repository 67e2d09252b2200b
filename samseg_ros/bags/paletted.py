# SPDX-License-Identifier: Apache-2.0
"""PNGs whose pixels are indices into a palette: OpenCV gives their colours and not the indices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# Where a PNG file tells how its pixels are coded, and that they are indices of a palette.
PNG, COLOUR_TYPE, PALETTE = b"\x89PNG\r\n\x1a\n", 25, 3


def is_paletted(path: Path) -> bool:
    """Is the file a PNG with a palette?"""
    with path.open("rb") as file:
        head = file.read(COLOUR_TYPE + 1)
    return head.startswith(PNG) and head[COLOUR_TYPE:] == bytes([PALETTE])


def indices(path: Path) -> np.ndarray:
    """uint8 [h, w], the indices of a paletted picture.

    Raises:
        ModuleNotFoundError: Pillow, which reads them, is not installed.
        ValueError: it cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return np.array(picture, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow tells of broken chunks as of syntax
        raise ValueError(f"{path} cannot be decoded ({error})") from error
