# SPDX-License-Identifier: Apache-2.0
"""Calibrates a rig from folders of pictures: a calibration file, and a picture that shows what it does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros import registration
from samseg_ros.alignment import AlignmentError, Pair, align
from samseg_ros.bags.pictures import by_stem, pictures_in, read_picture, read_thermal_picture
from samseg_ros.draft import draft, refuse_existing
from samseg_ros.errors import UserError
from samseg_ros.registration import Registration
from samseg_ros.thermal import Scaling, ThermalScale

MOST = 100  # pairs, evenly chosen of those there are: more add time and no precision
SHOWN = 3  # pairs in the picture
CELL = 640  # pixels that each is wide
EDGES = (0, 140, 255)  # BGR of the thermal edges
CONTRAST = (30, 80)  # gradients of an edge that goes on, and of one that begins


def register(rgb: Path, thermal: Path, out: Path) -> dict[str, Any]:
    """Estimate the homography of a rig from pictures paired by stem; write it to `out`, and a picture beside.

    The picture, ``<out's stem>.jpg``, has some pairs one below the other, before (left) and after. Returns
    what was found, fit for JSON: ``out``, ``picture``, ``pairs`` (looked at), ``unpaired``, ``agreed``,
    ``error_px`` (median of those that agree, in pixels of the RGB picture), ``coverage`` (share of the RGB
    picture that the thermal one covers), ``homography`` (9 numbers by rows), ``seconds``. UserError, and no
    file, where there are no pairs or they do not tell.
    """
    began = time.monotonic()
    picture = out.with_suffix(".jpg")
    if picture == out:
        raise UserError(f"{out} is no YAML name; calibrations are written as .yaml.")
    refuse_existing(out)
    refuse_existing(picture)
    paths, unpaired = _paired(rgb, thermal)
    pairs = _read(paths)
    try:
        found = align(pairs)
    except AlignmentError as error:
        raise UserError(f"no registration was found: {error}") from error
    registered = Registration(found.homography)
    with draft(picture) as picture_draft, draft(out) as calibration_draft:
        sheet = _sheet([pairs[i] for i in _spread(found.agreeing, SHOWN)], registered)
        picture_draft.write_bytes(cv2.imencode(".jpg", sheet)[1].tobytes())
        calibration_draft.write_text(registration.text(found.homography), encoding="utf-8")
    covered = registered.coverage(found.homography.thermal, found.homography.rgb)
    return {
        "out": str(out),
        "picture": str(picture),
        "pairs": len(pairs),
        "unpaired": unpaired,
        "agreed": len(found.agreeing),
        "error_px": round(found.error, 2),
        "coverage": round(float(np.mean(covered > 0)), 3),
        "homography": list(found.homography.matrix),
        "seconds": round(time.monotonic() - began, 1),
    }


def summary(report: dict[str, Any]) -> str:
    """The report of :func:`register` for a terminal."""
    return (
        f"{report['out']}: {report['agreed']} of {report['pairs']} pairs agree, {report['error_px']:.1f} px "
        f"off in the median; thermal covers {100 * report['coverage']:.0f} % of RGB (before and after: "
        f"{report['picture']})"
    )


def _paired(rgb: Path, thermal: Path) -> tuple[list[tuple[Path, Path]], int]:
    """Pictures of one stem, at most MOST pairs, and how many pictures have no partner."""
    for folder in (rgb, thermal):
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder; give a folder of RGB and one of thermal pictures.")
    of_rgb, of_thermal = by_stem(pictures_in(rgb)), by_stem(pictures_in(thermal))
    stems = sorted(of_rgb.keys() & of_thermal.keys())
    if not stems:
        raise UserError(f"no picture of {rgb} has the stem of one of {thermal}; pairs are named alike.")
    return (
        [(of_rgb[stem], of_thermal[stem]) for stem in _spread(stems, MOST)],
        len(of_rgb.keys() ^ of_thermal.keys()),
    )


def _read(paths: list[tuple[Path, Path]]) -> list[Pair]:
    """RGB as grey, thermal by percentiles; UserError where one cannot be read, or differs in size."""
    pairs: list[Pair] = []
    for names in tqdm(paths, desc="reading", unit="pair", leave=False, disable=None):
        pair = (
            cv2.cvtColor(read_picture(names[0]), cv2.COLOR_BGR2GRAY),
            ThermalScale(Scaling("percentile")).to_uint8(read_thermal_picture(names[1])),
        )
        for name, image, first in zip(names, pair, pairs[0] if pairs else pair, strict=True):
            if image.shape != first.shape:
                raise UserError(
                    f"{name} is {image.shape[1]}x{image.shape[0]}, but others are {first.shape[1]}x"
                    f"{first.shape[0]}; all pictures of a camera must have one size."
                )
        pairs.append(pair)
    return pairs


def _sheet(pairs: list[Pair], registered: Registration) -> np.ndarray:
    """BGR uint8: a row for each pair, the thermal edges on the RGB picture, before (left) and after."""
    rows = []
    for rgb, thermal in pairs:
        size = round(CELL * rgb.shape[0] / rgb.shape[1]), CELL
        shown = cv2.cvtColor(cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
        cells = [shown, shown.copy()]
        for cell, way in zip(cells, (registration.NONE, registered), strict=True):
            smooth = cv2.GaussianBlur(way.apply(thermal, size), (0, 0), 1.5)
            cell[cv2.Canny(smooth, *CONTRAST) > 0] = EDGES
        rows.append(np.hstack(cells))
    return np.vstack(rows)


def _spread(things: Sequence[Any], most: int) -> list[Any]:
    """At most so many of them, evenly chosen."""
    places = np.linspace(0, len(things) - 1, min(most, len(things))).round().astype(int)
    return [things[place] for place in places]
