# SPDX-License-Identifier: Apache-2.0
"""The command `world`: renders a labelled data set of a procedural street."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `world`."""
    parser.description = (
        "Renders colour, thermal (16-bit, kelvin x 100), label (street11), instance and depth "
        "(16-bit, cm along the ray, "
        "0 = sky) images of random streets into a folder with a manifest.json."
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to make; must not exist or be empty"
    )
    parser.add_argument(
        "--camera", choices=("erp", "pinhole"), default="erp", help="camera model (default: %(default)s)"
    )
    parser.add_argument(
        "--frames", type=int, default=100, metavar="N", help="number of frames (default: %(default)s)"
    )
    parser.add_argument(
        "--size",
        default=None,
        metavar="HxW",
        help="image size (default: 512x1024 for erp, 480x640 for pinhole)",
    )
    parser.add_argument(
        "--style",
        choices=("a", "b"),
        default="a",
        help="a: brick and plaster town; b: concrete and glass city (default: %(default)s)",
    )
    parser.add_argument(
        "--light",
        choices=("day", "dusk", "night", "fog", "overexposed", "mixed"),
        default="mixed",
        help="state of light; mixed draws one per scene, day half the time (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="same seed and options, same files (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=None, metavar="W", help="processes (default: one per CPU core)"
    )
    parser.add_argument(
        "--frames-per-scene",
        type=int,
        default=1,
        metavar="K",
        help="consecutive frames that share a scene; camera and traffic move on (default: %(default)s)",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=8.0,
        metavar="M/S",
        help="camera speed within a scene (default: %(default)s)",
    )
    parser.add_argument(
        "--hz", type=float, default=10.0, help="frames per second within a scene (default: %(default)s)"
    )
    parser.add_argument(
        "--hfov",
        type=float,
        default=None,
        metavar="DEG",
        help="horizontal field of view of pinhole (default: drawn evenly from 50 to 90 for each scene)",
    )


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) from "512x1024"; raises ValueError for anything else."""
    height, cross, width = text.lower().partition("x")
    if not (cross and height.isdecimal() and width.isdecimal()):
        raise ValueError(f"size is {text!r}, expected HEIGHTxWIDTH in pixels such as 512x1024.")
    return int(height), int(width)


def run(args: argparse.Namespace) -> int:
    """Renders; returns 0.  Raises ValueError or OSError with one sentence for a wrong option."""
    try:
        from .dataset import write_dataset
        from .scene import Settings
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"the package {missing.name} is not installed, rendering needs it; install samseg_ros[demo]."
        ) from missing

    if args.hfov is not None and args.camera == "erp":
        raise ValueError(
            "hfov was given for an erp camera, which sees all around; drop --hfov or choose --camera pinhole."
        )
    height, width = parse_size(args.size or ("512x1024" if args.camera == "erp" else "480x640"))
    settings = Settings(
        camera=args.camera,
        height=height,
        width=width,
        style=args.style,
        light=args.light,
        seed=args.seed,
        frames_per_scene=args.frames_per_scene,
        speed=args.speed,
        hz=args.hz,
        hfov=args.hfov,
    )
    out = write_dataset(settings, args.frames, args.out, args.workers)
    print(f"{args.frames} frames in {out}")
    return 0
