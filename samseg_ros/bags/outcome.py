# SPDX-License-Identifier: Apache-2.0
"""What labelling recorded data came to."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """`frames` labelled and `skipped`; `reasons` holds the first reason to skip per topic or folder."""

    frames: int = 0
    skipped: int = 0
    topics: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def skip(self, source: str, reason: str) -> None:
        self.skipped += 1
        self.reasons.setdefault(source, reason)
