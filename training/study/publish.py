# SPDX-License-Identifier: Apache-2.0
"""Where a study's results go: a JSON file, and tables between markers of a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.draft import draft

BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"
# Those on which results depend, named beside them.
PACKAGES = ("numpy", "opencv-python-headless", "torch", "transformers", "lightning-fabric")


def publish(found: dict[str, Any], tables: str, results: Path, readme: Path) -> None:
    """Write `found` to `results`, and `tables` between the markers of `readme`.

    A `readme` that does not exist is made, with nothing but the tables.

    Raises:
        ValueError: `readme` has no markers.
    """
    text = readme.read_text(encoding="utf-8") if readme.is_file() else f"{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"{readme} lacks the lines {BEGIN} and {END}, between which the tables go: add them there."
        )
    _replace(results, json.dumps(found, indent=1) + "\n")
    _replace(readme, f"{before}{BEGIN}\n{tables}\n{END}{after}")


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
