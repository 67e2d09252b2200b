# SPDX-License-Identifier: Apache-2.0
"""PNGs of class ids of which OpenCV gives something else: of indices into a palette it gives the colours, of
fewer than 8 grey bits the shades, spread from 0 to 255.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

# Where a PNG file tells how its pixels are coded, and the colour types of grey, and of indices of a palette.
PNG, DEPTH, COLOUR_TYPE = b"\x89PNG\r\n\x1a\n", 24, 25
GREY, PALETTE = 0, 3


def is_paletted(path: Path) -> bool:
    """Is the file a PNG with a palette?"""
    return _coding(path)[1] == PALETTE


def spread(path: Path) -> int:
    """What OpenCV multiplies the ids by: 255, 85 or 17 of a PNG of 1, 2 or 4 grey bits, 1 of others."""
    depth, colour_type = _coding(path)
    return 255 // (2**depth - 1) if colour_type == GREY and depth < 8 else 1


def _coding(path: Path) -> tuple[int, int]:
    """Bits and colour type of a PNG; (8, -1) of other files."""
    with path.open("rb") as file:
        head = file.read(COLOUR_TYPE + 1)
    is_png = head.startswith(PNG) and len(head) > COLOUR_TYPE
    return (head[DEPTH], head[COLOUR_TYPE]) if is_png else (8, -1)


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
