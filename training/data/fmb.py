# SPDX-License-Identifier: Apache-2.0
"""FMB, streets in RGB and thermal, in its official layout:

    SPLIT/Visible/NAME.png             SPLIT is train or test; 800x600
    SPLIT/Infrared/NAME.png
    SPLIT/Label/NAME.png               0 background, 1 to 14 the classes of fmb14

Two protocols are published, and their numbers do not compare; the target label set chooses. `fmb14` leaves
the background out, in training and in scores (MMSFormer, StitchFusion, SHIFNet). `fmb15` has it as class 0
(SARTM). Either way 255 is left out.

There is no split to choose by. Published numbers are of test, many of the best epoch there; to score
honestly, hold out a part of train (`skip`, `limit`). Users report that test has no pixel of bicycle.
"""

from __future__ import annotations

from pathlib import Path

from samseg_ros.labels import LabelSet, label_map
from training.data.sample import Sample, existing, pictures


def samples(root: Path, split: str, target: LabelSet) -> list[Sample]:
    """The pairs of one split, train or test, by name.

    Raises:
        FileNotFoundError: a folder in another layout, or a picture without its thermal picture or label.
    """
    layout = (
        "the official layout of FMB, Visible/, Infrared/ and Label/ in train/ and in test/ (it has no val)"
    )
    folder = root / split
    table = label_map("fmb", target)
    return [
        Sample(
            image,
            existing(folder / "Label" / f"{image.stem}.png", image),
            table,
            raw_ids=15,
            thermal=existing(folder / "Infrared" / f"{image.stem}.png", image, "thermal picture"),
        )
        for image in pictures(folder / "Visible", layout)
    ]
