# SPDX-License-Identifier: Apache-2.0
"""Panoramas without labels: any folder of pictures, and what is in the folders inside it."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (".png", ".jpg", ".jpeg")


def pictures(folder: Path, layout: str = "a folder of panoramas") -> list[Path]:
    """The .png and .jpg files in `folder` and below it, sorted by path; hidden ones are left out.

    Raises:
        FileNotFoundError: no such folder or none in it; `layout` says what was expected.
    """
    found = sorted(
        path
        for path in folder.rglob("*")
        # Archives made on a Mac carry a "._" file beside every picture.
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        state = "has no .png or .jpg pictures" if folder.is_dir() else "does not exist"
        raise FileNotFoundError(f"{folder} {state}: expected {layout}.")
    return found
