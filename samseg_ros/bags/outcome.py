# SPDX-License-Identifier: Apache-2.0
"""What labelling recorded data came to."""

from __future__ import annotations

from dataclasses import dataclass, field

from samseg_ros.flow.modality import STREAMS


@dataclass
class Outcome:
    """`frames` labelled and `skipped`; `reasons` says why, of a bag for the first of each topic, of a folder
    by the stems of its pictures.
    """

    frames: int = 0
    skipped: int = 0
    topics: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def skip(self, source: str, reason: str) -> None:
        self.skipped += 1
        self.reasons.setdefault(source, reason)


@dataclass
class PairOutcome(Outcome):
    """Of RGB and thermal: `modalities` counts masks by what they were made from, `left_out` the frames per
    stream that no mask was made from, for want of a partner or because the camera was at fault. `skew_ms` is
    of the `paired` frames, None where stamps are not known.
    """

    modalities: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("both", *STREAMS), 0))
    left_out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    paired: int = 0
    skew_ms: dict[str, float | None] = field(default_factory=lambda: {"p50": None, "p95": None})
