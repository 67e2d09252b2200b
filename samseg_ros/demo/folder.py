# SPDX-License-Identifier: Apache-2.0
"""The folder of a demonstration's results: replaced whole by the next one, and never anybody else's."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samseg_ros.bundle import TASKS
from samseg_ros.draft import replace_folder
from samseg_ros.errors import UserError

SUMMARY, REPORT, VIDEO, SHEET = "summary.json", "report.html", "masks.webm", "contact_sheet.png"
DRIVE, MASKS, TRUTH, LOGS, SENT = "drive", "masks", "truth", "logs", "sent.csv"
# The first drive's results lie in the folder itself, another's in one of its own, named after its task.
_LOG = re.compile(r"render_\w+\.log|(\w+_)?(node|record|replay)\.log")
_OURS = {SUMMARY, REPORT, VIDEO, SHEET, DRIVE, MASKS, TRUTH, LOGS, SENT, *TASKS}


@contextmanager
def results(out: Path, bag: Path | None = None) -> Iterator[Path]:
    """A hidden folder beside `out` to work in; it takes the place of `out` when the block ends well.

    After a failure `out` stays as it was, but for its ``logs``: those are of the run that failed. UserError
    where `out` is there and holds anything but the results of a demonstration, or `bag`, which is to be
    shown, or where another cannot take its place.
    """
    if not _is_ours(out):
        raise UserError(f"{out} exists and is no result of a demonstration; choose another --out.")
    out = out.resolve()
    if bag is not None and bag.resolve().is_relative_to(out):
        raise UserError(f"{bag} lies in {out}, which the results will replace; choose another --out.")
    if out == Path.cwd() or out.is_mount():
        raise UserError(f"{out} cannot be replaced by the results; choose a folder in it as --out.")
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    new = work / "new"
    new.mkdir()
    try:
        yield new
        replace_folder(new, out)
    except Exception:
        if any((new / LOGS).glob("*")):
            out.mkdir(exist_ok=True)
            shutil.rmtree(out / LOGS, ignore_errors=True)
            (new / LOGS).rename(out / LOGS)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _is_ours(out: Path) -> bool:
    if not out.exists():
        return True
    if not out.is_dir():
        return False
    # Names such as drive and camera are anybody's: what tells a demonstration is its summary, or of one that
    # failed its logs.
    names = {path.name for path in out.iterdir()}
    if names <= {LOGS}:
        return all(_LOG.fullmatch(path.name) for path in (out / LOGS).glob("*"))
    return names <= _OURS and _is_summary(out / SUMMARY)


def _is_summary(path: Path) -> bool:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and {"samseg_ros", "frames_in"} <= document.keys()
