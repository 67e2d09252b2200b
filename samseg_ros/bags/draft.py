# SPDX-License-Identifier: Apache-2.0
"""Results that appear whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samseg_ros.errors import UserError


@contextmanager
def draft(out: Path) -> Iterator[Path]:
    """A path on the same disk to write a file or folder to; it becomes `out` when the block ends well.

    On any error or interruption it vanishes and `out` was never there. The draft has the name of `out`,
    in a hidden folder beside it. UserError where `out` exists, before or by then.
    """
    refuse_existing(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield folder / out.name
        refuse_existing(out)
        (folder / out.name).rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_existing(out: Path) -> None:
    """UserError where `out` exists."""
    if out.exists() or out.is_symlink():
        raise UserError(f"{out} exists already; choose another name, or remove it first.")
