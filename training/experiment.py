# SPDX-License-Identifier: Apache-2.0
"""The arguments of a command that runs an experiment: its YAML file, and settings to replace.

`experiment.add_arguments(parser, "data_root=/data student.variant=b1")` leaves `args.config` and
`args.overrides`, which `config.read(args.config, Settings, args.overrides)` takes.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser, example: str) -> None:
    """Declare CONFIG and key=value.

    Args:
        parser: of the command.
        example: overrides for the help text, such as "data_root=/data schedule.steps=100".
    """
    parser.add_argument("config", type=Path, help="YAML file of the experiment")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help=f"replace a setting, e.g. {example}",
    )
