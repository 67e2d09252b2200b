# SPDX-License-Identifier: Apache-2.0
"""PST900, things to be found underground in RGB and thermal, in its official layout:

    SPLIT/rgb/NAME.png                 SPLIT is train or test; 1280x720
    SPLIT/thermal/NAME.png             8 bits, as the camera's gain control made them
    SPLIT/thermal_raw/NAME.png         16 bits, as the sensor gave them
    SPLIT/labels/NAME.png              ids of pst900_5

The ids are those of the dataset: 1 fire extinguisher, 2 backpack, 3 hand drill, 4 survivor. Thermal was
projected onto the RGB camera's view and is 0 where nothing fell; these holes are filled
(`training.data.thermal.fill_holes`).

There is no split to choose by. Published numbers are of test, with the background as a class, and many are of
the best epoch there; to score honestly, hold out a part of train. Names begin with the recording: the last of
them (`skip`) are of others than the first (`limit`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from samseg_ros.labels import LabelSet, label_map
from training.data.sample import Sample, existing, pictures

ThermalFolder = Literal["thermal", "thermal_raw"]


def samples(root: Path, split: str, target: LabelSet, thermal: ThermalFolder = "thermal") -> list[Sample]:
    """The pairs of one split, train or test, by name; `thermal` is the folder to take thermal from.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without its thermal picture or label.
    """
    layout = (
        "the official layout of PST900, rgb/, thermal/, thermal_raw/ and labels/ in train/ and in test/ "
        "(it has no val)"
    )
    folder = root / split
    table = label_map("pst900_5", target)
    return [
        Sample(
            image,
            existing(folder / "labels" / f"{image.stem}.png", image),
            table,
            raw_ids=5,
            thermal=existing(folder / thermal / f"{image.stem}.png", image, "thermal picture"),
            thermal_coding="holes",
        )
        for image in pictures(folder / "rgb", layout)
    ]
