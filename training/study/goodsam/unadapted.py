# SPDX-License-Identifier: Apache-2.0
"""Scores of student and assistant before they see a panorama of the target domain.

`python -m training.study.goodsam.unadapted CONFIG [key=value ...]` takes what `python -m training goodsam`
takes, and leaves a run folder with results.json likewise.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from samseg_ros.labels import label_set
from training import config, experiment, provenance
from training.goodsam.network import GoodSAM
from training.goodsam.sets import labelled
from training.goodsam.settings import Settings
from training.goodsam.train import build_student, load_assistant, validate
from training.run_folder import CONFIG, write_results


def score(settings: Settings) -> dict[str, Any]:
    """Score and write the run folder: config.yaml, results.json.

    Returns:
        What results.json holds: as that of a training, with "parameters" of both networks.

    Raises:
        ValueError, FileNotFoundError: data, label set or weights that do not fit, in one sentence.
    """
    if settings.loop.threads is not None:
        torch.set_num_threads(settings.loop.threads)
    labels = label_set(settings.label_set)
    scored = {
        one.name: (labelled(one, settings.data_root, labels), one.classes) for one in settings.validation
    }
    model = GoodSAM(load_assistant(settings, labels), build_student(settings, labels), settings).eval()
    with torch.no_grad():
        report = validate(model, scored, settings, labels)
    counted = {"assistant": model.assistant, "student": model.student}
    results = {
        **report,
        "steps": 0,
        "seconds": 0.0,
        "parameters": {name: sum(p.numel() for p in one.parameters()) for name, one in counted.items()},
        **provenance.state(),
    }
    settings.run.mkdir(parents=True, exist_ok=True)
    config.write(settings.run / CONFIG, settings)
    write_results(settings.run, results)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.study.goodsam.unadapted", description=__doc__)
    experiment.add_arguments(parser, "student.variant=b1")
    args = parser.parse_args()
    try:
        score(config.read(args.config, Settings, args.overrides))
    except (ValueError, OSError) as error:
        parser.exit(2, f"unadapted: {' '.join(str(error).split())}\n")


if __name__ == "__main__":
    main()
