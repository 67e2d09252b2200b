# SPDX-License-Identifier: Apache-2.0
"""Are finished runs those that are wanted? A table never mixes runs of different settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from training import config
from training.run_folder import CONFIG, finished

# Settings that say where and how fast a run is made, not what comes out.
NO_MATTER = {
    "out": True, "data_root": True, "workers": True, "memory_gb": True,
    "loop": {"device", "threads", "compile", "save_every", "validate_every", "tensorboard"},
}  # fmt: skip


def compare(run: Path, wanted: BaseModel, no_matter: dict[str, Any] | None = None) -> None:
    """Compare `wanted` with the settings that the run of that folder, if finished, was made with.

    Of absolute paths the last name alone counts, so that a root can be moved.

    Args:
        no_matter: settings that are not compared, as pydantic excludes them, besides NO_MATTER.

    Raises:
        ValueError: they differ.
    """
    if not finished(run):
        return
    excluded: Any = NO_MATTER | (no_matter or {})
    theirs = config.read(run / CONFIG, type(wanted))
    there, here = (dict(_flat(one.model_dump(mode="json", exclude=excluded))) for one in (theirs, wanted))
    differ = [
        f"{key} {there.get(key)} instead of {here.get(key)}"
        for key in here | there
        if here.get(key) != there.get(key)
    ]
    if differ:
        raise ValueError(
            f"The finished run {run} was made with {', '.join(differ)}: delete it to make it again, "
            "or choose another --root."
        )


def same_sam(run: Path, theirs: str, foundation: Path, digest: str | None) -> None:
    """Compare the SAM of a finished run with the present one of `foundation`, by their files' sha256.

    Args:
        digest: of the present one; None where it is not made yet.

    Raises:
        ValueError: they differ.
    """
    if digest not in (None, theirs):
        raise ValueError(
            f"The finished run {run} was made with another SAM than {foundation}: "
            "delete it to make it again, or choose another --root."
        )


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings by dotted names, entries of lists of settings by their index."""
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _flat(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, str) and Path(value).is_absolute():
        yield name, Path(value).name
    else:
        yield name, value
