# SPDX-License-Identifier: Apache-2.0
"""Embeddings of pictures on disk, so that an encoder sees each of them once.

A folder with embeddings.json, which says what made the embeddings and of what size the pictures were, and one
file for each picture: the SHA-256 of what follows, then the embedding as float16 [channels, side, side], a
NumPy array. Files lie in one of 256 folders by the first digits of their names, which are the SHA-256 of the
picture's key.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.cache_folder import claim
from training.draft import draft
from training.foundation.embedding import ImageEmbedding

DESCRIPTION = "embeddings.json"
FORMAT = "samseg embeddings 1"
DIGEST = hashlib.sha256().digest_size


class EmbeddingCache:
    """Computes the embeddings that the folder does not have, and keeps them there.

    A file appears whole or not at all, and one that was cut short or altered is made again: processes may
    share a folder, and each may be killed at any moment.

    Args:
        embedding: computes those that are missing.
        folder: made if it is not there.
        size: (height, width) of all pictures.

    Raises:
        ValueError: the folder holds embeddings of something else (says what differs), or other things.
        OSError: it cannot be written to.
    """

    def __init__(self, embedding: ImageEmbedding, folder: Path, size: tuple[int, int]) -> None:
        self._embedding = embedding
        self._folder = folder
        self._size = size
        _claim(folder, {"format": FORMAT, "size": list(size), **embedding.identity()})

    def __call__(self, images: Tensor, keys: Sequence[str]) -> Tensor:
        """Embeddings of pictures; a half precision's rounding is in all of them, kept or just computed.

        Args:
            images: uint8 [b, h, w, 3] BGR of the folder's size.
            keys: one a picture, any text that tells its content from all others'.

        Returns:
            float32 [b, channels, side, side], on the device of `images`.

        Raises:
            ValueError: pictures of another size, or not one key for each.
        """
        if tuple(images.shape[1:3]) != self._size or len(keys) != len(images):
            raise ValueError(
                f"{len(images)} pictures of {list(images.shape[1:3])} with {len(keys)} keys do not fit "
                f"{self._folder}: it takes pictures of {list(self._size)} with one key each."
            )
        files = [self._file(key) for key in keys]
        kept = [_read(file) for file in files]
        missing = [index for index, one in enumerate(kept) if one is None]
        if missing:
            made = self._embedding(images[missing]).to("cpu", torch.float16)
            for index, one in zip(missing, made, strict=True):
                kept[index] = one
                _write(files[index], one.numpy())
        return torch.stack([one for one in kept if one is not None]).to(images.device, torch.float32)

    def _file(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / name[:2] / f"{name[2:]}.bin"


def _read(file: Path) -> Tensor | None:
    """float16 [channels, side, side], None if there is no such file or it is damaged."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        return None
    return torch.from_numpy(np.load(io.BytesIO(content[DIGEST:]), allow_pickle=False))


def _write(file: Path, embedding: np.ndarray) -> None:
    array = io.BytesIO()
    np.save(array, embedding, allow_pickle=False)
    file.parent.mkdir(exist_ok=True)
    with draft(file) as temporary:
        temporary.write_bytes(hashlib.sha256(array.getvalue()).digest() + array.getvalue())


def _claim(folder: Path, description: dict[str, object]) -> None:
    """Make `folder` the place of such embeddings, or see that it is."""
    path = folder / DESCRIPTION
    if claim(folder, DESCRIPTION, "embeddings"):
        _check(path, description)
        return
    with draft(path) as temporary:
        temporary.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def _check(path: Path, description: dict[str, object]) -> None:
    """ValueError unless what `path` says is `description`."""
    try:
        there = dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: delete the folder {path.parent}.") from error
    here = json.loads(json.dumps(description))
    differing = [
        f"{key} {there.get(key)} instead of {here.get(key)}"
        for key in {**here, **there}
        if here.get(key) != there.get(key)
    ]
    if differing:
        raise ValueError(
            f"The embeddings in {path.parent} were made with {', '.join(differing)}: set cache to another "
            "folder, or delete it."
        )
