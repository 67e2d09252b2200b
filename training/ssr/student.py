# SPDX-License-Identifier: Apache-2.0
"""The network that is deployed: built for a run, or taken out of one."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from samseg_ros.labels import LabelSet
from training import checkpoint, config, run_folder
from training.ssr.daformer import DAFormer, daformer
from training.ssr.settings import Settings

# How weights are named: in checkpoints of SSR those of the student, in supervised ones those of the encoder.
STUDENT, SEGFORMER_ENCODER = "student.", "model.segformer."


def build_student(settings: Settings, labels: LabelSet) -> DAFormer:
    """The student with the weights that it starts from; those of a run that goes on are in its checkpoint.

    Raises:
        FileNotFoundError, ValueError: weights that are not there or do not fit.
    """
    wanted = settings.network
    if (settings.run / checkpoint.NAME).is_file():
        wanted = wanted.model_copy(update={"weights": None, "init": None})
    network = daformer(
        wanted.variant,
        len(labels),
        channels=wanted.channels,
        drop_path=wanted.drop_path,
        dropout=wanted.dropout,
        weights=wanted.weights,
    ).to(memory_format=torch.channels_last)
    if wanted.init is not None and run_folder.method(wanted.init) == "supervised":
        # Its decode head is another one, and its classes do not matter.
        _load(network.encoder, wanted.init, SEGFORMER_ENCODER)
    elif wanted.init is not None:
        _copy(network, wanted.init, labels)
    return network


def student_of(run: Path, labels: LabelSet) -> DAFormer:
    """The student of a run folder: its plain branch, all that is deployed.

    Raises:
        FileNotFoundError, ValueError: not a run of SSR, one of another label set, or without a checkpoint.
    """
    settings = settings_of(run)
    own = settings.network.model_copy(update={"weights": None, "init": None})
    network = build_student(settings.model_copy(update={"network": own}), labels)
    _copy(network, run, labels)
    return network


def settings_of(run: Path) -> Settings:
    """The settings of a run folder.

    Raises:
        FileNotFoundError: it has none.
        ValueError: a run of another kind.
    """
    if not (run / run_folder.CONFIG).is_file():
        raise FileNotFoundError(f"{run} is no run folder: make one with `python -m training ssr`.")
    try:
        return config.read(run / run_folder.CONFIG, Settings)
    except ValueError as error:
        raise ValueError(f"{run} is no run of `python -m training ssr`: give the folder of one.") from error


def _copy(network: DAFormer, run: Path, labels: LabelSet) -> None:
    theirs = settings_of(run).label_set
    if theirs != labels.name:
        raise ValueError(
            f"{run} was trained on {theirs}, not {labels.name}: choose a run of the same label set."
        )
    _load(network, run, STUDENT)


def _load(part: nn.Module, run: Path, prefix: str) -> None:
    """The weights of a run whose names begin with `prefix`."""
    weights = checkpoint.weights(run).items()
    try:
        part.load_state_dict({k.removeprefix(prefix): v for k, v in weights if k.startswith(prefix)})
    except RuntimeError as error:
        raise ValueError(
            f"{run} is of another network: choose a run with the same variant and channels of 'network'."
        ) from error
