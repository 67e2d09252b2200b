# SPDX-License-Identifier: Apache-2.0
"""Where the files that came with the package lie: models/, config/ and launch/."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent


def places() -> list[Path]:
    """Directories that may hold those folders, best first.

    A source checkout, the share directory of each sourced ROS workspace, and those where pip puts them: in a
    virtual environment, beside a system's Python, or for one user.
    """
    share = Path("share", "samseg_ros")
    prefixes = [prefix for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    prefixes += [sys.prefix, sysconfig.get_path("data"), site.getuserbase()]
    candidates = [Path(prefix) / share for prefix in dict.fromkeys(prefixes)]
    if (SOURCE / "package.xml").is_file():
        candidates.insert(0, SOURCE)
    return [place for place in candidates if place.is_dir()]


def find(relative: str) -> Path:
    """The first of `places()` that has the file or folder `relative`; FileNotFoundError if none has."""
    for place in places():
        if (place / relative).exists():
            return place / relative
    raise FileNotFoundError(f"'{relative}' of samseg_ros was not found; install the package again.")
