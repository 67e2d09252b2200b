# SPDX-License-Identifier: Apache-2.0
"""T: embeddings of class names, by CLIP or from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from training.checkpoint import UNREADABLE
from training.foundation.clip import TextEncoder
from training.sartm.text_settings import ClipText, MatrixText, TextSettings


def class_embeddings(settings: TextSettings, names: Sequence[str]) -> Tensor:
    """T_k of each class, of length 1.

    By CLIP, over the prompts t:  T_k = u(Σ_t u(CLIP(t(name_k)))),  u(x) = x / ‖x‖

    Args:
        names: of the classes in the order of their ids, such as a label set's `names`.

    Returns:
        float32 [classes, d], on the CPU, no gradient.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: not readable, not what `settings` say, or a name that has no row.
    """
    found = _encoded(settings, names) if isinstance(settings, ClipText) else _picked(settings, names)
    if settings.dimension is not None and found.shape[1] != settings.dimension:
        source = settings.folder if isinstance(settings, ClipText) else settings.file
        raise ValueError(
            f"{source} gives embeddings of dimension {found.shape[1]}, expected {settings.dimension}: give "
            "another CLIP, or correct dimension."
        )
    return found


def _encoded(settings: ClipText, names: Sequence[str]) -> Tensor:
    encoder = TextEncoder(settings.folder)
    # A name that has braces itself is none of str.format's business.
    each = [encoder([prompt.replace("{}", name) for prompt in settings.prompts]).mean(0) for name in names]
    return functional.normalize(torch.stack(each), dim=1)


def _picked(settings: MatrixText, names: Sequence[str]) -> Tensor:
    rows = {name: number for number, name in enumerate(settings.row_names)}
    if missing := [name for name in names if name not in rows]:
        raise ValueError(
            f"{settings.file} has no row for {', '.join(missing)} (its rows are {', '.join(rows)}): give "
            "embeddings of these classes, or use CLIP."
        )
    matrix = _matrix(settings.file)
    if len(matrix) != len(rows):
        raise ValueError(
            f"{settings.file} has {len(matrix)} rows of {matrix.shape[1]} numbers, but {len(rows)} names of "
            "rows are given: give one for each row."
        )
    chosen = matrix[[rows[name] for name in names]]
    lengths = torch.linalg.vector_norm(chosen, dim=1)
    for name, length in zip(names, lengths.tolist(), strict=True):
        if not 0 < length < float("inf"):
            raise ValueError(f"{settings.file} has no embedding for {name}: its row has length {length}.")
    return chosen / lengths[:, None]


def _matrix(path: Path) -> Tensor:
    """float32 [rows, d] of a file."""
    if not path.is_file():
        raise FileNotFoundError(f"No matrix of embeddings {path}: give a .safetensors or .pth file.")
    try:
        if path.suffix == ".safetensors":
            content = list(load_file(path).values())
        else:
            content = [torch.load(path, map_location="cpu", weights_only=True)]
    except (SafetensorError, *UNREADABLE) as error:
        raise ValueError(f"{path} is not a readable file of tensors: save or download it again.") from error
    match content:
        case [Tensor() as matrix] if matrix.ndim == 2 and matrix.is_floating_point():
            return matrix.detach().float()
    raise ValueError(
        f"{path} does not hold one matrix of real numbers and nothing else: save the embeddings alone, "
        "[rows, dimension]."
    )
