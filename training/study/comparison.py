# SPDX-License-Identifier: Apache-2.0
"""Are finished runs those that are wanted? A table never mixes runs of different settings."""

from __future__ import annotations

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
    there, here = (one.model_dump(mode="json", exclude=excluded) for one in (theirs, wanted))
    if differ := config.differences(there, here):
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
