# SPDX-License-Identifier: Apache-2.0
"""`python -m training foundation CONFIG [key=value ...]`."""

from __future__ import annotations

import argparse
import os

from training import config, experiment
from training.foundation.pretrain.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    experiment.add_arguments(parser, "data_root=/data encoder.depth=4")


def run(args: argparse.Namespace) -> int:
    """Train, or continue training, and print the scores."""
    settings = config.read(args.config, Settings, args.overrides)
    # PyTorch takes seconds to import: a wrong key should not wait for it.
    from training.foundation.pretrain.train import CHECKPOINT, train

    results = train(settings)
    if os.environ.get("RANK", "0") == "0":
        for name, scores in results["validation"].items():
            told = [f"{scores[key]:.3f}" if scores["masks"] else "unknown" for key in ("iou", "oracle_iou")]
            print(f"{name}: IoU of {scores['masks']} masks {told[0]}, of the best of three {told[1]}")
        print(f"Segment Anything: {settings.run / CHECKPOINT}")
    return 0
