# SPDX-License-Identifier: Apache-2.0
"""`python -m training goodsam CONFIG [key=value ...]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from training import config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("config", type=Path, help="YAML file of the experiment")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="replace a setting, e.g. data_root=/data student.variant=b1",
    )


def run(args: argparse.Namespace) -> int:
    """Train assistant and student, or continue training, and print the scores."""
    from training.goodsam.settings import Settings
    from training.goodsam.train import train

    settings = config.read(args.config, Settings, args.overrides)
    results = train(settings)
    for name, scores in results["validation"].items():
        known = {key: value for key, value in scores["iou"].items() if value is not None}
        each = ", ".join(f"{key} {value:.3f}" for key, value in known.items())
        mean = "unknown" if scores["miou"] is None else f"{scores['miou']:.3f}"
        print(f"{name}: mIoU {mean} ({each or 'no pixel is labelled'})")
    print(f"Run folder: {settings.run}")
    return 0
