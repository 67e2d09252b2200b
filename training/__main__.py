# SPDX-License-Identifier: Apache-2.0
"""`python -m training <command>`: draw a world, train a network, export it as a bundle."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def parser(command: str | None) -> argparse.ArgumentParser:
    """The command line; only the chosen `command` is imported, so that help answers at once."""
    top = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    top.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    world = commands.add_parser("world", help="draw a procedural street: pictures, labels, thermal")
    supervised = commands.add_parser("supervised", help="train a network on labelled pictures")
    export = commands.add_parser("export", help="turn a finished run into a model bundle")
    if command == "world":
        from training.world import command as world_command

        world_command.add_arguments(world)
        world.set_defaults(run=world_command.run)
    elif command == "supervised":
        from training.supervised import command as supervised_command

        supervised_command.add_arguments(supervised)
        supervised.set_defaults(run=supervised_command.run)
    elif command == "export":
        from training.export import command as export_command

        export_command.add_arguments(export)
        export.set_defaults(run=export_command.run)
    return top


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
