# SPDX-License-Identifier: Apache-2.0
"""`python -m training weak_labels --pairs DIR --boxes DIR --guide BUNDLE … --out DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `weak_labels`."""
    parser.description = (
        "Labels pairs of RGB and thermal pictures that have boxes of people, bicycles and cars but no masks: "
        "these things by their boxes, the rest by what model bundles say. Pairs that have a label in --out "
        "already keep it, so that a stopped run goes on."
    )
    parser.add_argument(
        "--pairs", type=Path, required=True, metavar="DIR", help="visible/ beside thermal/, or vi/ beside ir/"
    )
    parser.add_argument(
        "--boxes", type=Path, required=True, metavar="DIR", help="STEM.txt a pair, of lines `class cx cy w h`"
    )
    parser.add_argument(
        "--guide",
        action="append",
        required=True,
        metavar="BUNDLE",
        help="folder or name of a bundle for cameras, or for RGB and thermal; repeat it for several",
    )
    parser.add_argument(
        "--held-out", type=Path, metavar="FILE", help="stems, one a line, of pairs to leave out, to score on"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for STEM.png of class ids, 255 unknown"
    )


def run(args: argparse.Namespace) -> int:
    """Label what has no label yet, and print a summary."""
    from samseg_ros.engine import EngineError
    from samseg_ros.errors import UserError
    from training.weak_labels.folder import label_folder

    try:
        made, found = label_folder(args.pairs, args.boxes, args.guide, args.out, args.held_out)
    except (UserError, EngineError) as error:
        raise ValueError(str(error)) from error
    print(f"{made} pairs labelled, {found} found labelled: {args.out}")
    return 0
