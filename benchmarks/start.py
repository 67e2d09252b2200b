# SPDX-License-Identifier: Apache-2.0
"""How long after its start a node's first mask is there, with each runtime of this machine.

The camera runs already, as on a vehicle. Runtimes that keep a plan (TensorRT) are started once without and
once with it; on a CPU there is none to keep: the network is compiled at each start, which is in the figures.
The files of Python and the runtimes have been read before, so the disk is not what is measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.end_to_end import IMAGE, MASK, SIZE, node
from benchmarks.rig import FIRST, READY, Rig, camera_of, consumer_of, environment
from samseg_ros import bundle as bundles
from samseg_ros import engine
from samseg_ros.demo.programs import Programs

HZ = 10.0
_LONGEST_S = 600.0  # that building a plan may take
_MEETING_S = 3.0  # for camera and consumer to find each other


def measure(bundle: str, rounds: int) -> dict[str, Any]:
    """Of each runtime the seconds to the first mask, after one start that is not counted."""
    loaded = bundles.load(bundle)
    keeping = [name for name in engine.available() if engine.RUNTIMES[name].gpu]
    cases: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as plans:
        first_mask(loaded.name, engine.available()[0], Path(plans))
        for number in range(rounds):
            for name in engine.available():
                kept = Path(plans, str(number))
                seconds = first_mask(loaded.name, name, kept)
                cases.setdefault(f"{name}, no plan" if name in keeping else name, []).append(seconds)
                if name in keeping:
                    again = first_mask(loaded.name, name, kept)
                    cases.setdefault(f"{name}, plan kept", []).append(again)
    return {
        "bundle": loaded.name,
        "first_mask_s": {name: report.spread(seconds) for name, seconds in cases.items()},
    }


def first_mask(bundle: str, runtime: str, cache: Path) -> float:
    """Seconds from the start of the process to the first mask in a consumer's hands."""
    rig = Rig((IMAGE,), (MASK,), SIZE, HZ, frames=round(HZ * _LONGEST_S), warm_up=0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Programs(folder, folder, {**environment(), "XDG_CACHE_HOME": str(cache)}) as programs:
            consumer = programs.start("consumer", consumer_of(rig, folder))
            camera = programs.start("camera", [*camera_of(rig, folder), "--at-once"])
            programs.until(lambda: consumer.says(READY), READY, _LONGEST_S, [consumer, camera])
            time.sleep(_MEETING_S)
            began = time.time()
            started = programs.start("node", node(bundle, "panorama_node", "-p", f"runtime:={runtime}"))
            programs.until(lambda: consumer.says(FIRST), "a mask", _LONGEST_S, [started, consumer, camera])
            arrived = consumer.log.read_text(encoding="utf-8").partition(FIRST)[2].split()[0]
    return float(arrived) - began


def table(result: dict[str, Any]) -> str:
    return "\n".join(
        f"{name:<28}{row['median']:>8.2f} s  ({row['min']:.2f} to {row['max']:.2f})"
        for name, row in result["first_mask_s"].items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--bundle", default="street_b0_panorama")
    parser.add_argument("--rounds", type=int, default=3)
    report.add_arguments(parser)
    args = parser.parse_args()
    result = measure(args.bundle, args.rounds)
    report.emit(args, "start", result, table(result))


if __name__ == "__main__":
    main()
