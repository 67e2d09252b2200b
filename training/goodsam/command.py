# SPDX-License-Identifier: Apache-2.0
"""`python -m training goodsam CONFIG [key=value ...]`."""

from __future__ import annotations

import argparse

from training import config, experiment, summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    experiment.add_arguments(parser, "data_root=/data student.variant=b1")


def run(args: argparse.Namespace) -> int:
    """Train assistant and student, or continue training, and print the scores."""
    # PyTorch takes seconds to import; the windows are checked with it.
    from training.goodsam.settings import Settings
    from training.goodsam.train import train

    settings = config.read(args.config, Settings, args.overrides)
    summary.tell(settings.run, train(settings))
    return 0
