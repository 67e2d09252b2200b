# SPDX-License-Identifier: Apache-2.0
"""Where the files that came with the package lie: models/, config/ and launch/."""

from __future__ import annotations

import os
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent


def places() -> list[Path]:
    """Directories that may hold those folders, best first.

    A source checkout, the share directory of each sourced ROS workspace, and that of the Python prefix
    (which is where pip puts them).
    """
    share = Path("share", "samseg_ros")
    prefixes = [prefix for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    candidates = [*(Path(prefix) / share for prefix in prefixes), Path(sys.prefix) / share]
    if (SOURCE / "package.xml").is_file():
        candidates.insert(0, SOURCE)
    return [place for place in candidates if place.is_dir()]


def find(relative: str) -> Path:
    """The first of `places()` that has the file or folder `relative`; FileNotFoundError if none has."""
    for place in places():
        if (place / relative).exists():
            return place / relative
    raise FileNotFoundError(f"'{relative}' of samseg_ros was not found; install the package again.")
