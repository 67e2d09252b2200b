# SPDX-License-Identifier: Apache-2.0
"""Labels a folder of RGB pictures together with one of thermal pictures, paired by their names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from samseg_ros.bags.outcome import PairOutcome
from samseg_ros.bags.pictures import by_stem, pictures_in, read_picture, read_thermal_picture, write_masks
from samseg_ros.errors import UserError
from samseg_ros.flow.modality import STREAMS, Modality
from samseg_ros.pipeline import RgbtPipeline
from samseg_ros.rgbt import rgbt_mask


def label_folders(
    source: Path,
    thermal: Path | None,
    out: Path,
    pipeline: RgbtPipeline,
    policy: str = "prefer_both",
    overlay: bool = False,
) -> PairOutcome:
    """Masks of RGB pictures in `source` and `thermal` ones of the same stems, each pair by itself.

    Without a partner a picture is labelled alone with ``prefer_both``, left out with ``both``. With modality
    ``rgb`` or ``thermal`` one folder is enough, and is the `source`. Pictures that cannot be read are skipped
    and named; with ``prefer_both`` the partner is labelled alone then. UserError where no mask comes of it.
    """
    if policy in ("both", "prefer_both") and thermal is None:
        raise UserError(
            f"{source} has no thermal pictures with it; give their folder with --thermal, or --modality rgb."
        )
    if thermal is not None and not thermal.is_dir():
        raise UserError(f"{thermal} is no folder; give a folder of thermal pictures with --thermal.")
    rgb_of = by_stem(pictures_in(source)) if policy != "thermal" else {}
    thermal_of = by_stem(pictures_in(thermal or source)) if policy != "rgb" else {}
    shared = rgb_of.keys() & thermal_of.keys()
    if policy in ("both", "prefer_both") and not shared:
        raise UserError(f"no picture of {source} has the stem of one of {thermal}; pairs are named alike.")
    outcome = PairOutcome(paired=len(shared))
    stems = sorted(shared if policy == "both" else rgb_of.keys() | thermal_of.keys())
    if policy == "both":
        outcome.left_out["rgb"] = len(rgb_of) - len(shared)
        outcome.left_out["thermal"] = len(thermal_of) - len(shared)

    def label(stem: str) -> tuple[np.ndarray, np.ndarray]:
        # Pictures of a folder need not follow each other: nothing is carried over from one to the next.
        pipeline.scale.reset()
        fresh = RgbtPipeline(pipeline.bundle, pipeline.engine, pipeline.scale, pipeline.registration)
        rgb, rgb_refused = _read(read_picture, rgb_of.get(stem))
        warm, warm_refused = _read(read_thermal_picture, thermal_of.get(stem))
        refused = [error for error in (rgb_refused, warm_refused) if error]
        if refused and (policy != "prefer_both" or (rgb is None and warm is None)):
            raise refused[0]
        made = rgbt_mask(fresh, Modality(policy, 1.0, 0.0, 0.0), rgb, warm)
        if made is None:
            told = "".join(f"{error} " for error in refused)
            raise UserError(f"{told}A picture of {stem} is all one value; there is nothing to label.")
        for error in refused:
            outcome.skip(stem, str(error))
        for image, used, name in zip((rgb, warm), made.used, STREAMS, strict=True):
            outcome.left_out[name] += image is not None and not used
        outcome.modalities[made.modality] += 1
        return made.shown, made.result.mask

    frames = {stem: partial(label, stem) for stem in stems}
    write_masks(frames, out, pipeline.bundle, overlay, outcome, str(source))
    return outcome


def _read(
    read: Callable[[Path], np.ndarray], path: Path | None
) -> tuple[np.ndarray | None, UserError | None]:
    """The picture, if there is one, or why it cannot be read."""
    try:
        return (None if path is None else read(path)), None
    except UserError as error:
        return None, error
