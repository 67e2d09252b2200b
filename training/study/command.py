# SPDX-License-Identifier: Apache-2.0
"""`python -m training study NAME`."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.study.goodsam.report import CONFIGS, JSON, README
from training.study.goodsam.rows import NAMES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("name", choices=("goodsam",), help="which table")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("runs/study"),
        metavar="DIR",
        help="folder for the drawn data and all runs; what is finished there is not done again "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="K", help="(default: 0 1 2)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=NAMES,
        metavar="ROW",
        help=f"rows to run, with what they start from; of {', '.join(NAMES)} (default: all)",
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        nargs="+",
        default=[],
        metavar="key=value",
        help="replace a setting of every training, e.g. loop.threads=1",
    )
    parser.add_argument(
        "--configs",
        type=Path,
        default=CONFIGS,
        metavar="DIR",
        help="folder of assistant.yaml, source.yaml and goodsam.yaml, for a study of another size "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--json", type=Path, default=JSON, metavar="FILE", help="results (default: %(default)s)"
    )
    parser.add_argument(
        "--readme",
        type=Path,
        default=README,
        metavar="FILE",
        help="text whose tables are rewritten, between its markers (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Run what is missing of the table, rewrite the tables after every run, and say where they are."""
    # PyTorch takes seconds to import; the windows are checked with it.
    from training.study.goodsam.study import study

    study(
        args.root.resolve(),
        seeds=args.seeds,
        only=args.only,
        overrides=args.overrides,
        configs=args.configs,
        results=args.json,
        readme=args.readme,
    )
    print(f"Results: {args.json}, tables: {args.readme}")
    return 0
