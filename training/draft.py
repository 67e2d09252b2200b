# SPDX-License-Identifier: Apache-2.0
"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A hidden path beside `path` to write to, of the same suffix; at the end of the block it becomes `path`.

    A kill at any moment leaves the old file or the new one. An error in the block leaves the old one alone.

    Raises:
        OSError: it cannot be renamed, or the block wrote nothing.
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
