# SPDX-License-Identifier: Apache-2.0
"""Folders that keep what is expensive to make, each with a file that says what made it."""

from __future__ import annotations

from pathlib import Path


def claim(folder: Path, description: str, what: str) -> bool:
    """Make `folder` a place for `what`, unless it is one of something else.

    Args:
        description: name of the file that says what made it.
        what: that is kept there, for messages.

    Returns:
        Whether the description is there already; else it is to be written now.

    Raises:
        ValueError: `folder` is a file, or holds files but no description.
    """
    if folder.is_file():
        raise ValueError(f"{folder} is a file, no folder of {what}: set cache to one that is empty or new.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / description
    if path.is_file():
        return True
    # Hidden files are another process's drafts. It may have come between, hence the second look.
    if any(not one.name.startswith(".") for one in folder.iterdir()) and not path.is_file():
        raise ValueError(
            f"{folder} holds files but no {description}, so it is no folder of {what}: set cache to one that "
            "is empty or new."
        )
    return False
