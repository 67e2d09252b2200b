# SPDX-License-Identifier: Apache-2.0
"""When and with which code something was made."""

from __future__ import annotations

import datetime
import shutil
import subprocess
from pathlib import Path


def state() -> dict[str, str | None]:
    """{"date": UTC, "commit": of the checkout this file is in, "-dirty" when it has changes, or None}."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
    }


def _commit() -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    command = [
        git,
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--abbrev=12",
        "--dirty",
        "--exclude=*",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None
