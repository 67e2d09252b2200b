# SPDX-License-Identifier: Apache-2.0
"""Drawn data of the studies; of those with the same root, all share it."""

from __future__ import annotations

from pathlib import Path

from training.study import process
from training.study.steps import Step

LIGHTS = ("day", "dusk", "night", "fog", "overexposed")

# Words of `python -m training world`. Styles and seeds differ, so no scene is in two sets.
SETS = {
    "pinhole_a": (
        "--camera pinhole --size 192x256 --style a --light day --frames 800 --frames-per-scene 2 --speed 60 "
        "--hz 4 --seed 7100"
    ),
    "panorama_b": (
        "--camera erp --size 256x512 --style b --light day --frames 240 --frames-per-scene 2 --speed 60 "
        "--hz 4 --seed 7200"
    ),
    "panorama_b_val": "--camera erp --size 256x512 --style b --light day --frames 60 --seed 7300",
    "pinhole_b": (
        "--camera pinhole --size 192x256 --style b --light day --frames 800 --frames-per-scene 2 --speed 60 "
        "--hz 4 --seed 7400"
    ),
    "pinhole_b_val": "--camera pinhole --size 192x256 --style b --light day --frames 80 --seed 7500",
    **{
        f"rgbt_{light}": (
            f"--camera pinhole --size 192x256 --style b --light {light} --frames 160 --frames-per-scene 2 "
            f"--speed 60 --hz 4 --seed {7600 + number}"
        )
        for number, light in enumerate(LIGHTS)
    },
    **{
        f"rgbt_{light}_val": (
            f"--camera pinhole --size 192x256 --style b --light {light} --frames 32 --seed {7700 + number}"
        )
        for number, light in enumerate(LIGHTS)
    },
}


def drawn(root: Path, name: str) -> Step:
    """The set of that name, in ROOT/data."""
    folder = root / "data" / name

    def draw(lock: int) -> None:
        print(f"Drawing {name}.", flush=True)
        process.command("training", ["world", "--out", str(folder), *SETS[name].split()], lock)

    return Step(folder, folder / "manifest.json", draw)
