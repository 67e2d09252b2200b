# SPDX-License-Identifier: Apache-2.0
"""Instance masks of every window of a set of panoramas on disk, so that training never runs the teacher.

A folder with masks.json, which says what made the masks, and one file for each panorama: a NumPy array uint16
[n, h, w] packed by xz, whose SHA-256 of the content is checked whenever it is read. A file's name holds the
SHA-256 of the pictures that the masks were made of; those of a picture that has changed are not found again.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from training.cache_folder import claim
from training.draft import draft
from training.foundation.masks import MaskGenerator
from training.goodsam.panorama import Panorama
from training.goodsam.teacher import needs_truth, window_masks
from training.goodsam.windows import Grid

DESCRIPTION = "masks.json"
FORMAT = "samseg masks 1"
COMMAND = "`python -m training masks` with the same configuration"


@dataclass(frozen=True)
class MaskCache:
    """The reading side; nothing is kept in memory but where the masks are.

    Attributes:
        identity: of the generator that made them.
        grid: of the windows.
        files: a panorama's picture → the file of its masks.
    """

    identity: Mapping[str, Any]
    grid: Grid
    files: Mapping[Path, Path]

    @classmethod
    def open(
        cls,
        folder: Path,
        panoramas: Sequence[Panorama],
        *,
        identity: Mapping[str, Any],
        grid: Grid,
        vertical_fov: float | None,
    ) -> MaskCache:
        """The masks of `panoramas` in `folder`. Reads every picture once, to tell whether it has changed.

        Args:
            identity: of the generator that is to have made them; without "sha256", the checksum of its
                checkpoint, any checkpoint will do.
            grid, vertical_fov: that they are to have been made with.

        Raises:
            FileNotFoundError: no such folder, or masks of some panorama are missing.
            ValueError: the masks were made by something else; says what differs.
        """
        if not folder.is_dir():
            raise FileNotFoundError(f"There is no folder of masks {folder}: run {COMMAND} first.")
        made_by = _check(folder, _description(identity, grid, vertical_fov))
        truth = needs_truth(identity)
        # Hashing lets other threads run.
        with ThreadPoolExecutor(4) as threads:
            files = list(threads.map(lambda one: _file(folder, one, truth), panoramas))
        missing = [
            panorama.image for panorama, file in zip(panoramas, files, strict=True) if not file.is_file()
        ]
        if missing:
            raise FileNotFoundError(
                f"{folder} lacks the masks of {len(missing)} of {len(files)} panoramas, the first of them "
                f"{missing[0]}: run {COMMAND}."
            )
        return cls(made_by, grid, {one.image: file for one, file in zip(panoramas, files, strict=True)})

    def read(self, panorama: Panorama) -> np.ndarray:
        """Masks of one of the panoramas: uint16 [n, h, w], 0 no mask, 1 … one mask each.

        Raises:
            ValueError: a damaged file.
            FileNotFoundError: it is gone.
        """
        return read_masks(self.files[panorama.image], self.grid)


@dataclass(frozen=True)
class Made:
    """What `build` has done, for this process's share of the panoramas.

    Attributes:
        panoramas: that have masks now. found: those of them that had masks before.
        damaged: those whose file was damaged; it was made again.
        windows, masks: in all of them, 0 not counted. size: of their files in bytes. seconds: that it took.
    """

    panoramas: int
    found: int
    damaged: int
    windows: int
    masks: int
    size: int
    seconds: float


def build(
    folder: Path,
    panoramas: Sequence[Panorama],
    generator: MaskGenerator,
    *,
    grid: Grid,
    vertical_fov: float | None,
    rank: int = 0,
    ranks: int = 1,
) -> Made:
    """Make the masks of `panoramas` that `folder` does not have yet.

    A file appears whole or not at all, so that after a kill the next call continues; files that are there are
    checked, and made again when damaged. Of several processes, each takes every `ranks`-th panorama from
    `rank` on; they need not know of each other.

    Raises:
        ValueError: `folder` has masks that something else made, or is full of other things.
        OSError: it cannot be written to.
    """
    start = time.monotonic()
    description = _description(generator.identity(), grid, vertical_fov)
    _claim(folder, description)
    truth = needs_truth(generator.identity())
    found = damaged = masks = size = 0
    own = panoramas[rank::ranks]
    with tqdm(own, unit="panorama", position=rank, dynamic_ncols=True) as bar:
        for done, panorama in enumerate(bar, start=1):
            file = _file(folder, panorama, truth)
            made = None
            if file.is_file():
                try:
                    made = read_masks(file, grid)
                    found += 1
                except ValueError:
                    damaged += 1
            if made is None:
                made = window_masks(panorama, generator, grid, vertical_fov)
                _write(file, _packed(made))
            masks += sum(np.count_nonzero(np.bincount(window.ravel())[1:]) for window in made)
            size += file.stat().st_size
            average = round(masks / (done * len(grid.windows)))
            bar.set_postfix(masks_per_window=average, found=found, refresh=False)
    seconds = time.monotonic() - start
    return Made(len(own), found, damaged, len(own) * len(grid.windows), masks, size, seconds)


def read_masks(file: Path, grid: Grid) -> np.ndarray:
    """Masks in one file: uint16 [n, h, w].

    Raises:
        ValueError: a file that was cut short or altered.
        FileNotFoundError: no such file.
    """
    content = file.read_bytes()
    try:
        masks = np.load(io.BytesIO(lzma.decompress(content, lzma.FORMAT_XZ)), allow_pickle=False)
    except (lzma.LZMAError, EOFError, ValueError) as error:
        raise ValueError(f"{file} is damaged ({error}): run {COMMAND}, which makes it again.") from error
    if masks.dtype != np.uint16 or masks.shape != (len(grid.windows), *grid.window):
        raise ValueError(
            f"{file} holds {masks.dtype} {list(masks.shape)} instead of masks uint16 "
            f"{[len(grid.windows), *grid.window]}: run {COMMAND}, which makes it again."
        )
    return np.asarray(masks, np.uint16)


def _packed(masks: np.ndarray) -> bytes:
    array = io.BytesIO()
    np.save(array, masks, allow_pickle=False)
    # On masks the fastest preset packs as tightly as the slow ones.
    return lzma.compress(array.getvalue(), lzma.FORMAT_XZ, check=lzma.CHECK_SHA256, preset=0)


def _write(path: Path, content: bytes) -> None:
    with draft(path) as temporary:
        temporary.write_bytes(content)


def _file(folder: Path, panorama: Panorama, truth: bool) -> Path:
    """Where the masks of a panorama are kept, by what they are made of."""
    made_of = [hashlib.sha256(panorama.image.read_bytes())]
    if truth and panorama.label is not None:
        made_of += [
            hashlib.sha256(panorama.label.label.read_bytes()),
            hashlib.sha256(panorama.label.table.tobytes()),
        ]
    if truth and panorama.instance is not None:
        made_of.append(hashlib.sha256(panorama.instance.read_bytes()))
    digest = hashlib.sha256(b"".join(one.digest() for one in made_of)).hexdigest()
    return folder / f"{panorama.name}-{digest[:16]}.npy.xz"


def _description(identity: Mapping[str, Any], grid: Grid, vertical_fov: float | None) -> dict[str, Any]:
    """What makes masks what they are, by the keys of a configuration, as JSON gives it back."""
    told = {
        "format": FORMAT,
        "masks": identity,
        "size": grid.size,
        "vertical_fov": vertical_fov,
        "windows": {"size": grid.window, "stride": grid.stride, "wrap": grid.wrap},
    }
    plain: dict[str, Any] = json.loads(json.dumps(told))
    return plain


def _claim(folder: Path, description: Mapping[str, Any]) -> None:
    """Make `folder` the place of such masks, or see that it is."""
    if claim(folder, DESCRIPTION, "masks"):
        _check(folder, description)
        return
    _write(folder / DESCRIPTION, (json.dumps(description, indent=1) + "\n").encode())


def _check(folder: Path, description: Mapping[str, Any]) -> dict[str, Any]:
    """What made the folder's masks; ValueError unless they were made as `description` says."""
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ValueError(
            f"{folder} has no {DESCRIPTION}, so it is no folder of masks: set cache= to one that "
            "`python -m training masks` has made."
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        there = _flat(found)
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: delete the folder {folder} and run {COMMAND}.") from error
    here = _flat(description)
    keys = {**here, **there}
    if "sha256" not in description["masks"]:
        keys = {key: None for key in keys if not key.startswith("masks.sha256")}
    if there.get("masks.kind") != here["masks.kind"]:
        # Each kind has parameters of its own.
        keys = {key: None for key in keys if key == "masks.kind" or not key.startswith("masks.")}
    differ = [
        f"{key} {there.get(key, 'unset')} instead of {here.get(key, 'unset')}"
        for key in keys
        if there.get(key, "unset") != here.get(key, "unset")
    ]
    if differ:
        raise ValueError(
            f"The masks in {folder} were made with {', '.join(differ)}: set cache= to another folder, or "
            f"delete it, and run {COMMAND}."
        )
    identity: dict[str, Any] = found["masks"]
    return identity


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys, as a configuration's overrides have them: {"masks.kind": "sam", …}."""
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
