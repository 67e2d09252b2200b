# SPDX-License-Identifier: Apache-2.0
"""An engine ahead of time: built, compared with the reference, and kept for the nodes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from samseg_ros import bundle as bundles
from samseg_ros import engine, registration
from samseg_ros.bags.pictures import by_stem, pictures_in, read_picture, read_thermal_picture
from samseg_ros.bundle import Bundle
from samseg_ros.engine.acceptance import MIN_AGREEMENT, Reference
from samseg_ros.engine.engine import EngineError, Prediction
from samseg_ros.engine.loading import load_while_reporting
from samseg_ros.engine.plans import Plan, Plans, calibrated
from samseg_ros.errors import UserError
from samseg_ros.pipeline import Pipeline, RgbtPipeline
from samseg_ros.thermal import Scaling, ThermalScale

MOST_PICTURES = 64  # that ranges are measured on; more of them change little


def prepare(
    bundle: str,
    device: str = "auto",
    runtime: str = "auto",
    precision: str = "auto",
    min_agreement: float = MIN_AGREEMENT,
    calibration: Path | None = None,
    thermal: Path | None = None,
) -> dict[str, Any]:
    """``{"bundle", "runtime", "version", "device", "precision", "fallback", "agreement", "seconds"}``.

    `calibration` is a folder of pictures on which the ranges of values for int8 are measured; RGB-T bundles
    take `thermal` ones of the same stems with them. Progress goes to stderr.

    UserError for pictures that cannot be used; EngineError where no engine can be made, or it agrees on less
    than `min_agreement`.
    """
    if thermal is not None and calibration is None:
        raise UserError("--thermal goes with --calibration, the RGB pictures of the same names; give both.")
    loaded = bundles.load(bundle)
    show = _Progress()
    if calibration is not None:
        _calibrate(loaded, calibration, thermal, show)
    began = time.monotonic()
    made = load_while_reporting(
        lambda tell: engine.load(loaded, device, runtime, 0, precision, min_agreement, tell),
        show.report,
        1.0,
        show.log,
    )
    seconds = time.monotonic() - began
    show.log("comparing the engine with the reference")
    found = Reference(loaded).agreement(made)
    if found < min_agreement:
        raise EngineError(
            f"{made.runtime} in {made.precision} agrees with the reference on {found:.2%} of confident "
            f"pixels, not {min_agreement:.2%}; choose another --precision or --runtime."
        )
    return {
        "bundle": loaded.name,
        "runtime": made.runtime,
        "version": made.version,
        "device": made.device,
        "precision": made.precision,
        "fallback": made.fallback,
        "agreement": found,
        "seconds": seconds,
    }


def summary(report: dict[str, Any]) -> str:
    """The same for a terminal."""
    passed_over = f" ({report['fallback']})" if report["fallback"] else ""
    return (
        f"{report['bundle']} on {report['runtime']} {report['version']}, {report['device']}, "
        f"{report['precision']}{passed_over}: ready in {report['seconds']:.1f} s; "
        f"agrees with the reference on {report['agreement']:.2%} of confident pixels"
    )


def _calibrate(bundle: Bundle, pictures: Path, thermal: Path | None, show: _Progress) -> None:
    try:
        from samseg_ros.engine.quantization import quantised
    except ImportError as error:
        raise EngineError("calibration needs two packages; pip install onnx onnxruntime.") from error
    plans, key = Plans(), calibrated(bundle.sha256)
    frames = _frames(bundle, pictures, thermal)
    with plans.locked(key, show.log):
        show.log(f"measuring the ranges of values on pictures of {pictures}")
        plans.write(key, Plan(quantised(bundle, frames)), show.log)


def _frames(bundle: Bundle, pictures: Path, thermal: Path | None) -> list[dict[str, np.ndarray]]:
    """What an engine would be given for the pictures, spread evenly over the folder."""
    for folder in (pictures, thermal):
        if folder is not None and not folder.is_dir():
            raise UserError(f"{folder} is no folder; give a folder of pictures.")
    if (bundle.task == "rgbt") != (thermal is not None):
        raise UserError(
            f"bundle '{bundle.name}' is for task {bundle.task}; "
            + ("give the thermal pictures with --thermal." if thermal is None else "leave out --thermal.")
        )
    rgb_of = by_stem(pictures_in(pictures))
    warm_of = by_stem(pictures_in(thermal)) if thermal is not None else {}
    stems = sorted(rgb_of.keys() & warm_of.keys() if thermal is not None else rgb_of)
    if not stems:
        raise UserError(f"no picture of {pictures} has the stem of one of {thermal}; pairs are named alike.")
    count = min(len(stems), MOST_PICTURES)
    recorder = _Recorder(bundle)
    for stem in (stems[i * len(stems) // count] for i in range(count)):
        if thermal is None:
            Pipeline(bundle, recorder).run(read_picture(rgb_of[stem]))
        else:  # pictures of a folder need not follow each other: each has a scale of its own
            pair = RgbtPipeline(bundle, recorder, ThermalScale(Scaling("percentile")), registration.NONE)
            pair.run(read_picture(rgb_of[stem]), read_thermal_picture(warm_of[stem]))
    return recorder.given


class _Recorder:
    """Stands in for an engine, and keeps all that it is given: just what the network would see."""

    runtime, version, device, precision, fallback = "none", "", "none", "none", ""

    def __init__(self, bundle: Bundle) -> None:
        self._nothing = Prediction(np.zeros(bundle.size, np.uint8), np.zeros(bundle.size, np.uint8))
        self.given: list[dict[str, np.ndarray]] = []

    def infer(self, **inputs: np.ndarray) -> Prediction:
        self.given.append({name: array.copy() for name, array in inputs.items()})
        return self._nothing


class _Progress:
    """On stderr: what is being done, a line each, and on a terminal below them one that counts seconds."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def log(self, what: str) -> None:
        clear = "\r\033[K" if self._live else ""
        print(f"{clear}{what}", file=sys.stderr, flush=True)

    def report(self, progress: str) -> None:
        if self._live:
            print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)
