# SPDX-License-Identifier: Apache-2.0
"""Part of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

One = TypeVar("One")


def portion(
    found: Sequence[One], skip: int, limit: int | None, folder: Path, what: str = "samples"
) -> tuple[One, ...]:
    """At most `limit` of what was found after the first `skip`.

    Raises:
        ValueError: there are none; names `folder`.
    """
    kept = tuple(found[skip:][:limit])
    if not kept:
        raise ValueError(f"skip={skip} leaves none of the {len(found)} {what} in {folder}: lower it.")
    return kept
