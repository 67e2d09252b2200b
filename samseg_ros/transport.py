# SPDX-License-Identifier: Apache-2.0
"""The environment in which large images travel between processes: fast, and none lost.

As installed, Fast DDS gives shared memory half a megabyte and sends larger images through UDP sockets, which
lose most of them. The profile ``config/fastdds.xml`` gives it room for a few. glibc is told to keep freed
image buffers instead of returning them to the system and fetching them back, page by page, for every frame.

``eval "$(python -m samseg_ros.transport)"`` sets the same in a shell, for the processes of others: the
camera driver above all, since it is the sender's profile that counts.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from samseg_ros import share

PROFILE = "config/fastdds.xml"
# Jazzy and before read the first, Kilted and later the second.
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
# With any of these set, the user has chosen a transport.
USER_CHOICES = (*PROFILE_VARIABLES, "FASTDDS_BUILTIN_TRANSPORTS")
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_TOP_PAD_": str(32 << 20),
}
SHARED_MEMORY = Path("/dev/shm")
APPLIED = "SAMSEG_TRANSPORT"  # "applied" where it was; set it to "off" to be left alone


def environment(current: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment `current`; nothing that is set there is replaced.

    Empty where it was applied already or is ``off``. Without the profile where the user has chosen one, or
    another middleware than Fast DDS. FileNotFoundError where the package lacks its own profile.
    """
    if current.get(APPLIED):
        return {}
    added = {APPLIED: "applied", **{name: value for name, value in MALLOC.items() if name not in current}}
    if profile_applies(current):
        profile = str(share.find(PROFILE))
        added.update(dict.fromkeys(PROFILE_VARIABLES, profile))
    return added


def profile_applies(current: Mapping[str, str]) -> bool:
    """Whether our Fast DDS profile is wanted: Fast DDS is in use, and the user chose no other profile."""
    # A variable that is empty is one that is not set, for ROS too.
    is_fastdds = "fastrtps" in (current.get("RMW_IMPLEMENTATION") or "rmw_fastrtps_cpp")
    return is_fastdds and not any(current.get(name) for name in USER_CHOICES)


def apply() -> None:
    """Run this process under :func:`environment`, starting it once more where something has to be added.

    Call it first thing in ``main()``: malloc reads its settings when a process starts, so the process is
    replaced by itself (same id, same arguments) and what was done so far is done again.
    """
    added = environment(os.environ)
    if added:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **added})


def left_behind(folder: Path = SHARED_MEMORY) -> list[Path]:
    """Shared memory of Fast DDS processes that were killed; nobody else frees it, and each leaves 70 MB.

    A process that lives holds a lock on the file beside its segment. Empty where there is no such folder.
    """
    return [
        lock.with_name(lock.name.removesuffix("_el"))
        for lock in sorted(folder.glob("fast*_el"))
        if "_port" not in lock.name and _is_free(lock)
    ]


def free(segments: Iterable[Path]) -> int:
    """Delete what :func:`left_behind` found; returns how many bytes that gave back."""
    freed = 0
    for segment in segments:
        for path in (segment, segment.with_name(f"{segment.name}_el")):
            with suppress(FileNotFoundError, PermissionError):  # gone already, or another user's
                size = path.stat().st_size
                path.unlink()
                freed += size
    return freed


def _is_free(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by a process that lives, another user's, or gone by now
        return False
    return True


if __name__ == "__main__":
    for variable, setting in environment(os.environ).items():
        print(f"export {variable}={shlex.quote(setting)}")
