# SPDX-License-Identifier: Apache-2.0
"""`python -m training export RUN --out DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle to write")
    parser.add_argument("--name", help="name of the bundle (default: that of the folder)")
    parser.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="network size (default: that of the run)",
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        help="pictures to verify on, pairs in rgb/ and thermal/ there (default: the first validation set)",
    )
    parser.add_argument(
        "--full-precision", action="store_true", help="store weights as float32: twice the file"
    )


def run(args: argparse.Namespace) -> int:
    """Export, verify, write the bundle, and say where it is."""
    from training.export.export import export

    written, agreement = export(
        args.run_folder,
        args.out,
        name=args.name or args.out.resolve().name,
        size=None if args.size is None else (args.size[0], args.size[1]),
        pictures=args.pictures,
        half_weights=not args.full_precision,
    )
    megabytes = written.graph.stat().st_size / 1e6
    print(f"{written.path}: {megabytes:.1f} MB, {agreement:.3%} of pixels as in the trained network")
    return 0
