# SPDX-License-Identifier: Apache-2.0
"""`python -m training classes CONFIG [key=value ...]`."""

from __future__ import annotations

import argparse

from training import config, experiment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    experiment.add_arguments(parser, "data_root=/data rare_classes.min_pixels=1000")


def run(args: argparse.Namespace) -> int:
    """Count the classes of the experiment's source pictures, and print how often each will be asked for."""
    from samseg_ros.labels import label_set
    from training.ssr import statistics
    from training.ssr.rare import RareClasses
    from training.ssr.sets import labelled
    from training.ssr.settings import Settings

    settings = config.read(args.config, Settings, args.overrides)
    path, wanted = statistics.file(settings), settings.rare_classes
    assert wanted is not None
    labels = label_set(settings.label_set)
    sets = [labelled(one, settings.data_root, labels) for one in settings.source]
    counts = statistics.write(settings, sets, labels)
    rare = RareClasses(counts, wanted.temperature, wanted.min_pixels)
    print(f"{'class':<16}{'of pixels':>10}{'pictures':>10}{'drawn':>10}")
    for name, pixels, shown, probability in zip(
        labels.names, counts.sum(axis=0), rare.shown, rare.probabilities, strict=True
    ):
        share = pixels / max(counts.sum(), 1)
        print(f"{name:<16}{share:>10.2%}{len(shown):>10}{probability:>10.2%}")
    print(f"Class statistics of {len(counts)} pictures: {path}")
    return 0
