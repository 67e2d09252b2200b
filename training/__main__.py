# SPDX-License-Identifier: Apache-2.0
"""`python -m training <command>`: draw a world, train a network, export it as a bundle."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

COMMANDS = {
    "world": "draw a procedural street: pictures, labels, thermal",
    "supervised": "train a network on labelled pictures",
    "foundation": "train a small Segment Anything on pictures alone",
    "masks": "find the instance masks that goodsam trains with, once",
    "goodsam": "adapt a student to panoramas without labels",
    "classes": "count the classes of ssr's source pictures, once",
    "ssr": "adapt a network to pictures of another domain",
    "weak_labels": "label RGB and thermal pictures that have boxes but no masks",
    "sartm": "adapt Segment Anything to RGB and thermal pictures",
    "study": "run a whole table of experiments",
    "export": "turn a finished run into a model bundle",
}


def parser(command: str | None) -> argparse.ArgumentParser:
    """The command line; only the chosen `command` is imported, so that help answers at once."""
    top = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    top.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in COMMANDS.items():
        one = commands.add_parser(name, help=what)
        if name == command:
            module = _module(name)
            module.add_arguments(one)
            one.set_defaults(run=module.run)
    return top


def _module(command: str) -> Any:
    if command == "world":
        from training.world import command as world

        return world
    if command == "supervised":
        from training.supervised import command as supervised

        return supervised
    if command == "foundation":
        from training.foundation.pretrain import command as foundation

        return foundation
    if command == "masks":
        from training.goodsam import masks_command as masks

        return masks
    if command == "goodsam":
        from training.goodsam import command as goodsam

        return goodsam
    if command == "classes":
        from training.ssr import statistics_command as classes

        return classes
    if command == "ssr":
        from training.ssr import command as ssr

        return ssr
    if command == "weak_labels":
        from training.weak_labels import command as weak_labels

        return weak_labels
    if command == "sartm":
        from training.sartm import command as sartm

        return sartm
    if command == "study":
        from training.study import command as study

        return study
    from training.export import command as export

    return export


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when done, 2 when the user asked for something that cannot be done (one sentence on stderr).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = next((word for word in words if not word.startswith("-")), None)
    chosen = parser(command).parse_args(words)
    try:
        return int(chosen.run(chosen))
    except (ValueError, OSError) as error:
        if chosen.traceback:
            raise
        print(f"{chosen.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"{chosen.command}: stopped; the same command line continues from the last checkpoint.",
            file=sys.stderr,
        )
        return 130


if __name__ == "__main__":
    sys.exit(main())
