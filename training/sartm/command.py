# SPDX-License-Identifier: Apache-2.0
"""`python -m training sartm CONFIG [key=value ...]`."""

from __future__ import annotations

import argparse

from training import config, experiment, summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    experiment.add_arguments(parser, "data_root=/data backbone.rank=8")


def run(args: argparse.Namespace) -> int:
    """Train, or continue training, and print the scores."""
    # PyTorch takes seconds to import.
    from training.sartm.settings import Settings
    from training.sartm.train import train

    settings = config.read(args.config, Settings, args.overrides)
    summary.tell(settings.run, train(settings))
    return 0
