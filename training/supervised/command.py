# SPDX-License-Identifier: Apache-2.0
"""`python -m training supervised CONFIG [key=value ...]`."""

from __future__ import annotations

import argparse

from training import config, experiment, summary
from training.supervised.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    experiment.add_arguments(parser, "data_root=/data schedule.steps=100")


def run(args: argparse.Namespace) -> int:
    """Train, or continue training, and print the scores."""
    settings = config.read(args.config, Settings, args.overrides)
    # PyTorch takes seconds to import: a wrong key should not wait for it.
    from training.supervised.train import train

    summary.tell(settings.run, train(settings))
    return 0
