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
def draft(out: Path, salvage: bool = False) -> Iterator[Path]:
    """A path on the same disk to write a file or folder to; it becomes `out` when the block ends well.

    On any error or interruption it vanishes and `out` was never there. The draft has the name of `out`,
    in a hidden folder beside it. UserError where `out` exists, before or by then.

    With `salvage`, for what cannot be made again, it vanishes only where the block raises a UserError: else
    what there is of it is kept in a folder OUT.unfinished, which the error names.
    """
    refuse_existing(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    finished = False
    try:
        yield folder / out.name
        finished = True
        refuse_existing(out)
        (folder / out.name).rename(out)
    except Exception as error:
        if not salvage or (isinstance(error, UserError) and not finished):
            raise
        kept = _free(out.with_name(f"{out.name}.unfinished"))
        folder.rename(kept)
        raise UserError(f"{str(error).rstrip('.')}; what there is by then is in {kept}.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free(path: Path) -> Path:
    """`path`, or with a number behind it the first that does not exist."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def refuse_existing(out: Path) -> None:
    """UserError where `out` exists."""
    if out.exists() or out.is_symlink():
        raise UserError(f"{out} exists already; choose another name, or remove it first.")


def replace_folder(new: Path, target: Path) -> None:
    """Put the folder `new` in the place of `target`; the old one goes only when the new one stands."""
    if not target.exists():
        new.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    try:
        target.rename(old / target.name)
        try:
            new.rename(target)
        except BaseException:
            (old / target.name).rename(target)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
