# SPDX-License-Identifier: Apache-2.0
"""Day or night, where the names of pictures tell: those of MFNet and MSRS do."""

from __future__ import annotations

from typing import Literal

Light = Literal["day", "night"]


def light(stem: str) -> Light | None:
    """The light of a picture by the letter that ends its stem, D or N; None where another does."""
    if stem.endswith("D"):
        return "day"
    return "night" if stem.endswith("N") else None
