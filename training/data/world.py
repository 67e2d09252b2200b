# SPDX-License-Identifier: Apache-2.0
"""Folders written by `python -m training world`: rgb/, label/, thermal/ and manifest.json."""

from __future__ import annotations

import json
from pathlib import Path

from samseg_ros.labels import LabelSet, label_map, label_set
from training.data import sample
from training.data.sample import Projection, Sample, existing

LAYOUT = "a folder written by `python -m training world`, with rgb/, label/ and manifest.json"


def samples(root: Path, target: LabelSet) -> list[Sample]:
    """All pictures of one folder.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without a label.
        ValueError: a manifest that does not name the label set and the camera.
    """
    manifest = root / "manifest.json"
    if not manifest.is_file():
        raise FileNotFoundError(f"{root} has no manifest.json: expected {LAYOUT}.")
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
        source, camera = str(told["label_set"]), str(told["settings"]["camera"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{manifest} does not name its label_set and camera: draw the folder again."
        ) from error
    projection: Projection = "equirectangular" if camera == "erp" else "pinhole"
    table, raw_ids = label_map(source, target), len(label_set(source))
    found = []
    for image in pictures(root):
        label = existing(root / "label" / f"{image.stem}.png", image)
        thermal = root / "thermal" / f"{image.stem}.png"
        found.append(Sample(image, label, table, raw_ids, projection, thermal if thermal.is_file() else None))
    return found


def pictures(root: Path) -> list[Path]:
    """All pictures of one folder, labelled or not.

    Raises:
        FileNotFoundError: a folder in another layout.
    """
    return sample.pictures(root / "rgb", LAYOUT)
