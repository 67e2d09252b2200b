# SPDX-License-Identifier: Apache-2.0
"""More cameras, and larger pictures.

Cameras: 1, 2 and 4 of 480×640 at 10 Hz, served by one process (``perception``, one engine for all) and by
a process each. Pictures: from 256×512 to 2048×4096 at a rate that the node follows; the network's size is the
same for all, so what grows is transport, resizing and the mask. Cases take turns in rounds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks import report
from benchmarks.end_to_end import IMAGE, MASK, node
from benchmarks.rig import Rig, Take, take
from samseg_ros import bundle as bundles

CAMERAS = (1, 2, 4)
CAMERA_SIZE, CAMERA_HZ = (480, 640), 10.0
SIZES = ((256, 512), (512, 1024), (1024, 2048), (2048, 4096))
SIZE_HZ = 1.0
TOGETHER, APART = "one process", "a process each"


def measure(camera: str, panorama: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Of each number of cameras, together and apart, and of each size of pictures, the figures."""
    counted: dict[str, list[dict[str, Any]]] = {}
    sized: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for count in CAMERAS:
                for where in (TOGETHER, APART):
                    taken = cameras(camera, count, where, seconds, Path(folder))
                    counted.setdefault(f"{count}, {where}", []).append(_figures(taken))
            for height, width in SIZES:
                rig = Rig((IMAGE,), (MASK,), (height, width), SIZE_HZ, max(8, round(SIZE_HZ * seconds)))
                taken = take(rig, [node(panorama)])
                sized.setdefault(f"{width}x{height}", []).append(_figures(taken))
    return {
        "cameras": {
            "bundle": bundles.load(camera).name,
            "image_size": list(CAMERA_SIZE),
            "hz": CAMERA_HZ,
            "cases": {name: report.over(rows) for name, rows in counted.items()},
        },
        "sizes": {
            "bundle": bundles.load(panorama).name,
            "hz": SIZE_HZ,
            "cases": {name: report.over(rows) for name, rows in sized.items()},
        },
    }


def cameras(bundle: str, count: int, where: str, seconds: float, folder: Path) -> Take:
    """`count` cameras into one process that serves them all, or into as many processes."""
    names = [f"camera{index}" for index in range(count)]
    listed = [{"name": name, "kind": "camera", "bundle": bundle} for name in names]
    nodes = []
    for index, group in enumerate([listed] if where == TOGETHER else [[one] for one in listed]):
        path = folder / f"cameras{index}.yaml"
        path.write_text(yaml.safe_dump({"cameras": group}), encoding="utf-8")
        nodes.append(["-m", "samseg_ros.nodes.perception", "--cameras", str(path)])
    rig = Rig(
        images=tuple(f"/{name}/image" for name in names),
        masks=tuple(f"/{name}/mask" for name in names),
        size=CAMERA_SIZE,
        hz=CAMERA_HZ,
        frames=round(CAMERA_HZ * seconds),
    )
    return take(rig, nodes)


def _figures(taken: Take) -> dict[str, Any]:
    figures = taken.figures()
    overheads = [float(one[-1]["overhead p50 [ms]"]) for one in taken.reports.values()]
    answered = figures["sent"] - figures["unanswered"]
    return {
        **figures,
        "masks_per_second": round(answered * taken.hz / taken.rig.frames, 2),
        "overhead_ms": round(max(overheads), 2),
    }


def table(result: dict[str, Any]) -> str:
    lines = [
        f"{'':<22}{'masks/s':>10}{'p50 (ms)':>10}{'p95 (ms)':>10}{'overhead (ms)':>15}{'cores':>8}{'MB':>8}"
    ]
    for part in ("cameras", "sizes"):
        for name, row in result[part]["cases"].items():
            lines.append(
                f"{name:<22}{row['masks_per_second']['median']:>10.1f}{row['age_ms']['p50']['median']:>10.0f}"
                f"{row['age_ms']['p95']['median']:>10.0f}{row['overhead_ms']['median']:>15.1f}"
                f"{row['cores']['median']:>8.2f}{row['rss_mb']['median']:>8.0f}"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--camera", default="street_b0_camera", help="bundle of the many cameras")
    parser.add_argument("--panorama", default="street_b0_panorama", help="bundle of the many sizes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each take")
    report.add_arguments(parser)
    args = parser.parse_args()
    result = measure(args.camera, args.panorama, args.rounds, args.seconds)
    report.emit(args, "scaling", result, table(result))


if __name__ == "__main__":
    main()
