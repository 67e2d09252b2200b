# SPDX-License-Identifier: Apache-2.0
"""All measurements one after the other, into one document: ``python -m benchmarks all --json --out FILE``.

Nothing else should run on the machine meanwhile: most figures are ratios within one run, but latencies are
not. What is done is in FILE after each part, so that a run that is stopped is not lost.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import end_to_end, gpu, inference, label, machine, node, overload, report, scaling, start
from samseg_ros import bundle as bundles
from samseg_ros.bundle import BundleError
from samseg_ros.engine import EngineError
from samseg_ros.errors import UserError

PANORAMA, CAMERA = "street_b0_panorama", "street_b0_camera"
Part = tuple[Callable[[], dict[str, Any]], Callable[[dict[str, Any]], str]]


def parts(quick: bool) -> dict[str, Part]:
    """By name what measures and what shows the result; `quick` tries everything out, and measures little."""
    rounds, seconds, minutes = (1, 5.0, 0.5) if quick else (3, 12.0, 10.0)
    found: dict[str, Part] = {
        "end_to_end": (lambda: end_to_end.measure(PANORAMA, rounds, seconds), end_to_end.table),
        "inference": (
            lambda: inference.measure_all(sorted(bundles.installed()), 2 * rounds + 1, 3, None),
            inference.table,
        ),
        "node": (lambda: node.measure(list(node.CASES), rounds, round(20 * seconds), 30.0), node.table),
        "overload": (lambda: overload.measure(PANORAMA, minutes), overload.table),
        "start": (lambda: start.measure(PANORAMA, rounds), start.table),
        "scaling": (lambda: scaling.measure(CAMERA, PANORAMA, rounds, seconds * 2 / 3), scaling.table),
        "label": (lambda: label.measure(rounds, 12, PANORAMA), label.table),
    }
    if not gpu.missing():
        found["gpu"] = (gpu.measure, gpu.table)
    return found


def main() -> None:
    names = list(parts(quick=True))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="+", choices=["all", *names], metavar="PART", help="all, or some")
    parser.add_argument("--quick", action="store_true", help="one short round of each, to try it out")
    report.add_arguments(parser)
    args = parser.parse_args()
    if args.out:
        if args.out.is_dir():
            parser.error(f"--out {args.out} is a folder; give a file.")
        args.out.parent.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {"benchmark": "all", "quick": args.quick, "machine": machine.describe()}
    for name, (measure, table) in parts(args.quick).items():
        if name not in args.part and "all" not in args.part:
            continue
        began = time.monotonic()
        try:
            result = measure()
        except (UserError, BundleError, EngineError) as error:
            raise SystemExit(f"{parser.prog}: {name}: {error}") from error
        document[name] = {**result, "took_s": round(time.monotonic() - began)}
        if args.out:
            write(args.out, document)
        if not args.json:
            print(f"\n{name}\n{table(result)}", flush=True)
    if args.json:
        print(json.dumps(document, indent=2))


def write(path: Path, document: dict[str, Any]) -> None:
    """Replace the file by the document, whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    main()
