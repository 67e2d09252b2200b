# SPDX-License-Identifier: Apache-2.0
"""From a camera's stamp to a mask in a consumer's hands: ours against what a user would write.

Both nodes run a SegFormer-B0 of the same size on the same pictures, each a process between a camera process
and a consumer process. The baseline (benchmarks/obvious.py) runs over Fast DDS as it is installed. At 10 and
30 Hz neither keeps up on a CPU: the baseline's queue fills and its masks grow old, ours drops what it cannot
do. At the lowest rate there is time for every frame: that is what the network and its surroundings cost, but
for frames that Fast DDS as installed loses. Both take turns in rounds; a ratio is one round's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from benchmarks import report
from benchmarks.rig import Rig, Take, take
from samseg_ros import bundle as bundles

SIZE = (1024, 2048)
RATES = (0.5, 10.0, 30.0)
IMAGE, MASK = "/panorama_node/image", "/panorama_node/mask"
BASELINE, OURS = "what a user would write", "samseg_ros"
# A full queue of the baseline takes this long.
_PATIENCE_S = 20.0


def measure(bundle: str, rounds: int, seconds: float, rates: Sequence[float] = RATES) -> dict[str, Any]:
    """Of each rate the figures of both, with the ratio of their p50 and p95; `seconds` of each take."""
    loaded = bundles.load(bundle)
    network = [str(side) for side in loaded.size]
    programs = {
        BASELINE: ["-m", "benchmarks.obvious", "--image", IMAGE, "--mask", MASK, "--network", *network],
        OURS: node(bundle),
    }
    taken: dict[float, dict[str, list[Take]]] = {hz: {name: [] for name in programs} for hz in rates}
    for _ in range(rounds):
        for hz in rates:
            for name, program in programs.items():
                patience = _PATIENCE_S if name == BASELINE else 2.0
                rig = Rig((IMAGE,), (MASK,), SIZE, hz, frames(hz, seconds), patience_s=patience)
                taken[hz][name].append(take(rig, [program], as_installed=name == BASELINE))
    return {
        "bundle": loaded.name,
        "image_size": list(SIZE),
        "network_size": list(loaded.size),
        "seconds": seconds,
        "rates": {f"{hz:g} Hz": _compared(takes) for hz, takes in taken.items()},
    }


def node(bundle: str, name: str = "panorama_node", *words: str) -> list[str]:
    """Our node as a user starts it."""
    given = ["-p", f"bundle:={bundle}", "-r", f"__node:={name}", *words]
    return ["-m", "samseg_ros.nodes.panorama_node", "--ros-args", *given]


def frames(hz: float, seconds: float) -> int:
    """What a camera sends in that time, at least a few."""
    return max(8, round(hz * seconds))


def _compared(takes: dict[str, list[Take]]) -> dict[str, Any]:
    result: dict[str, Any] = {
        name: report.over([one.figures() for one in takes[name]]) for name in (BASELINE, OURS)
    }
    for percentile in ("p50", "p95"):
        result[f"times lower {percentile}"] = report.spread(
            [
                base.figures()["age_ms"][percentile] / own.figures()["age_ms"][percentile]
                for base, own in zip(takes[BASELINE], takes[OURS], strict=True)
            ]
        )
    return result


def table(result: dict[str, Any]) -> str:
    lines = [f"{'rate':<10}{'':<26}{'p50 (ms)':>12}{'p95 (ms)':>12}{'of frames':>12}{'cores':>8}{'times':>8}"]
    for rate, row in result["rates"].items():
        for name in (BASELINE, OURS):
            one = row[name]
            sent = one["sent"]["median"]
            answered = f"{sent - one['unanswered']['median']:g}/{sent:g}"
            times = f"{row['times lower p50']['median']:.1f}" if name == OURS else ""
            lines.append(
                f"{rate:<10}{name:<26}{one['age_ms']['p50']['median']:>12.0f}"
                f"{one['age_ms']['p95']['median']:>12.0f}{answered:>12}"
                f"{one['cores']['median']:>8.2f}{times:>8}"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end", description=__doc__)
    parser.add_argument("--bundle", default="street_b0_panorama")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each take")
    report.add_arguments(parser)
    args = parser.parse_args()
    result = measure(args.bundle, args.rounds, args.seconds)
    report.emit(args, "end_to_end", result, table(result))


if __name__ == "__main__":
    main()
