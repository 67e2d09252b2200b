# SPDX-License-Identifier: Apache-2.0
"""Bundles on each runtime in each precision, against the same network in PyTorch eager: ratios in one run.

The baseline is what a user would write: transformers' SegFormer with random weights (speed does not depend
on them), normalisation and wrap-around in torch, logits upsampled, argmax and softmax; on the GPU if PyTorch
has one. Where a bundle is no SegFormer, or PyTorch is missing, there is no baseline, and ratios are to the
reference: ONNX Runtime in fp32 on the CPU. Candidates take turns in rounds, so that a machine that slows down
slows all of them; a ratio is the median of the rounds' ratios.

A runtime is asked for all precisions, and measured once in each that it then computes in; what it refuses is
told with its reason. `auto` is what a node would run, checked before it serves; the others come as they are,
and their agreement with the reference's labels says whether they may serve. int8 on CPUs is calibrated here,
on pictures like those that labels are judged on; TensorRT's takes what `samseg engine --calibration` has
measured. Fewer bits are emulated on most CPUs, and slower than fp32 there.

Labels are judged on views of the procedural street, or on pictures of yours.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np

from benchmarks import report
from samseg_ros import arguments, engine
from samseg_ros import bundle as bundles
from samseg_ros.bags.pictures import by_stem, pictures_in, read_picture, read_thermal_picture
from samseg_ros.bundle import Bundle, BundleError
from samseg_ros.engine import Engine, EngineError, Prediction, acceptance
from samseg_ros.errors import UserError
from samseg_ros.thermal import Scaling, ThermalScale

BASELINE = "pytorch eager"
DRAWN = 6  # views of the street: every other one is judged, the rest are calibrated on
MOST_PICTURES = 16  # of a folder
HOPELESS_S = 5.0  # a frame that takes longer is emulated: nobody would use it, and a round would take minutes

Inputs = dict[str, np.ndarray]  # as Engine.infer takes them
Run = Callable[[Inputs], object]


@dataclass
class Candidates:
    """`engines` by what they are called, with the precisions that each was the answer to; the reasons of the
    others, by ``RUNTIME PRECISION``; and the name of the engine whose labels are right.
    """

    reference: str = ""
    engines: dict[str, Engine] = field(default_factory=dict)
    asked: dict[str, list[str]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def measure_all(
    names: Sequence[str], rounds: int, frames: int, pictures: Path | None = None
) -> dict[str, Any]:
    """``{"baseline", "bundles"}`` of these bundles, or of all that came with the package if none is named.

    UserError, BundleError or EngineError where one of them, or a picture, cannot be used.
    """
    results = {}
    for name in names or sorted(bundles.installed()):
        bundle = bundles.load(name)
        results[bundle.name] = measure(bundle, rounds, frames, pictures)
    return {"baseline": BASELINE, "bundles": results}


def measure(bundle: Bundle, rounds: int, frames: int, pictures: Path | None = None) -> dict[str, Any]:
    """Milliseconds per frame, ratios to the baseline, and shares of labels that are the reference's.

    Args:
        bundle: of any task.
        rounds: in which each candidate takes its turn.
        frames: that each takes in a turn.
        pictures: folder of them, or one with rgb/ and thermal/ in it; None draws some.
    """
    kind, shown = inputs_of(bundle, pictures)
    judged, others = shown[::2], shown[1::2] or shown
    found = candidates(bundle, others)
    runs: dict[str, Run] = {}
    try:
        runs[BASELINE] = pytorch_eager(bundle)
    except EngineError as error:
        found.refused[BASELINE] = str(error)
    for name, ready in found.engines.items():
        runs[name] = lambda one, ready=ready: ready.infer(**one)  # type: ignore[misc]
    for name, run in list(runs.items()):
        run(judged[0])
        took = seconds(run, judged[:1])
        if took > HOPELESS_S and name not in (BASELINE, found.reference):
            found.refused[name] = f"a frame takes {took:.1f} s, which is not worth a comparison"
            del runs[name]
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            run(judged[0])  # finds the caches and threads as the one before left them, and is not counted
            times[name].append(seconds(run, [judged[i % len(judged)] for i in range(frames)]))
    base = BASELINE if BASELINE in runs else found.reference
    exact = answers(found.engines[found.reference], judged)
    rows: dict[str, Any] = {}
    for name, row in times.items():
        ratios = [slow / fast for slow, fast in zip(times[base], row, strict=True)]
        rows[name] = {
            "ms": report.spread([one * 1e3 for one in row]),
            "times_faster": report.spread(ratios),
        }
        if name in found.engines:
            ready = found.engines[name]
            rows[name] |= {
                "runtime": ready.runtime,
                "version": ready.version,
                "device": ready.device,
                "precision": ready.precision,
                "asked": found.asked[name],
                "fallback": ready.fallback,
                **agreement(exact, answers(ready, judged)),
            }
    return {
        "task": bundle.task,
        "size": list(bundle.size),
        "baseline": BASELINE if BASELINE in runs else None,
        "reference": found.reference,
        "pictures": {"kind": kind, "judged": len(judged), "calibration": len(others)},
        "runtimes": rows,
        "refused": found.refused,
    }


def seconds(run: Run, inputs: Sequence[Inputs]) -> float:
    """Of one frame, in the mean."""
    started = time.perf_counter()
    for one in inputs:
        run(one)
    return (time.perf_counter() - started) / len(inputs)


def answers(ready: Engine, inputs: Sequence[Inputs]) -> list[Prediction]:
    return [Prediction(*(part.copy() for part in ready.infer(**one))) for one in inputs]


def agreement(exact: Sequence[Prediction], tried: Sequence[Prediction]) -> dict[str, float]:
    """Shares 0…1 of pixels with the reference's label: of all, and of those that it is confident of."""
    same = [a.labels == b.labels for a, b in zip(exact, tried, strict=True)]
    return {
        "agreement": round(float(np.mean(same)), 6),
        "agreement_confident": round(acceptance.agreement(exact, tried), 6),
    }


def candidates(bundle: Bundle, calibration: Sequence[Inputs]) -> Candidates:
    """Each runtime of this machine in each precision that it computes this bundle in.

    EngineError where there is none to compare the others with.
    """
    found = Candidates()
    quantised = cache(lambda: quantised_for(bundle, calibration))
    for runtime in engine.available():
        for precision in engine.PRECISIONS:
            try:
                ready = loaded(bundle, runtime, precision, quantised)
            except EngineError as error:
                found.refused[f"{runtime} {precision}"] = str(error)
                continue
            if ready.fallback and precision != "auto":
                found.refused[f"{runtime} {precision}"] = ready.fallback.removeprefix(f"{precision}: ")
                continue
            name = name_of(ready)
            found.engines.setdefault(name, ready)
            found.asked.setdefault(name, []).append(precision)
    on_cpus = [name for name in ("onnxruntime", "openvino") if name in engine.available()]
    exact = on_cpus[0] if on_cpus else "onnxruntime"
    found.reference = f"{exact} fp32"
    if found.reference not in found.engines:  # it may have run on a GPU alone
        found.engines[found.reference] = engine.load(bundle, "CPU", exact, precision="fp32")
        found.asked[found.reference] = ["fp32"]
    return found


def loaded(bundle: Bundle, runtime: str, precision: str, quantised: Callable[[], bytes]) -> Engine:
    """As :func:`samseg_ros.engine.load`; a precision asked for by name serves however little it agrees.

    int8 on CPUs is as it is after `samseg engine --calibration`, with the graph that `quantised` gives;
    nothing of it is kept on disk.
    """
    if (runtime, precision) == ("openvino", "int8"):
        from samseg_ros.engine.openvino import OpenVINOEngine

        return OpenVINOEngine(bundle, graph=quantised())
    if (runtime, precision) == ("onnxruntime", "int8"):
        graph = quantised()  # says what is missing, should onnx be
        from samseg_ros.engine.onnxruntime import ONNXRuntimeEngine
        from samseg_ros.engine.precision import typed

        return ONNXRuntimeEngine(bundle, precision="int8", graph=typed(graph, "int8"))
    minimum = acceptance.MIN_AGREEMENT if precision == "auto" else 0.0
    return engine.load(bundle, runtime=runtime, precision=precision, min_agreement=minimum)


def quantised_for(bundle: Bundle, inputs: Sequence[Inputs]) -> bytes:
    """The bundle's graph quantised on `inputs`; EngineError where that cannot be done."""
    try:
        from samseg_ros.engine.quantization import quantised
    except ImportError as error:
        raise EngineError("int8 needs two packages; pip install onnx onnxruntime.") from error
    return quantised(bundle, inputs)


def name_of(ready: Engine) -> str:
    """``openvino fp32``; with the device where that is not the CPU."""
    where = "" if ready.device == "CPU" else f", {ready.device}"
    return f"{ready.runtime} {ready.precision}{where}"


def pytorch_eager(bundle: Bundle) -> Run:
    """The bundle's network as transformers has it; gives labels and confidence, uint8 [h, w].

    EngineError where it is no SegFormer, or PyTorch is not installed.
    """
    try:
        import torch
        from torch.nn import functional

        from training.networks import Variant, normalise, segformer, wrap
    except ImportError as error:
        raise EngineError(
            f"{error.name} is missing; the baseline needs a checkout with 'samseg_ros[train]' installed."
        ) from error
    variant: Any = bundle.training.get("network")
    if variant not in get_args(Variant):
        raise EngineError(f"bundle '{bundle.name}' names no SegFormer as its network but {variant}.")
    settings = bundle.training.get("config", {})
    shape = settings.get("network")
    shape = shape if isinstance(shape, dict) else {}
    subpixel = shape.get("subpixel", 1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    channels = 4 if bundle.task == "rgbt" else 3
    made = segformer(
        variant, len(bundle.labels), channels=channels, decoder=shape.get("decoder"), subpixel=subpixel
    )
    network = made.model.eval().to(device)
    pad = settings.get("wrap", 0) if bundle.task == "panorama" else 0

    @torch.inference_mode()
    def run(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        image, present = inputs["image"], None
        if bundle.task == "rgbt":
            image = np.dstack([image, inputs["thermal"]])
            present = torch.from_numpy(inputs["present"])[None].to(device)
        picture = normalise(torch.from_numpy(image)[None].to(device), present)
        picture = wrap(picture.contiguous(), pad)
        logits = functional.pixel_shuffle(network(picture).logits, subpixel)
        logits = functional.interpolate(logits, size=picture.shape[2:], mode="bilinear", align_corners=False)
        probabilities = logits[..., pad : pad + image.shape[1]].softmax(dim=1)
        confidence, labels = probabilities.max(dim=1)
        return labels[0].to(torch.uint8).cpu().numpy(), (confidence[0] * 255).to(torch.uint8).cpu().numpy()

    return run


def inputs_of(bundle: Bundle, pictures: Path | None) -> tuple[str, list[Inputs]]:
    """What the pictures are, and what the bundle's network is given of them; two at the least.

    They are those of the folder; else of the procedural street; else, without training/, smooth noise.
    UserError for a folder or pictures that cannot be read.
    """
    if pictures is not None and not pictures.is_dir():
        raise UserError(f"{pictures} is no folder; give a folder of pictures.")
    if pictures is not None and (bundle.task != "rgbt" or (pictures / "thermal").is_dir()):
        return "folder", read(bundle, pictures)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "street")
        if draw(folder, bundle.projection, bundle.size, DRAWN):
            return "drawn street", read(bundle, folder)
    random = np.random.default_rng(0)
    return "smooth noise", [
        given(bundle, report.cloud(random, bundle.size), report.cloud(random, bundle.size)[..., 0])
        for _ in range(DRAWN)
    ]


def draw(folder: Path, projection: str, size: tuple[int, int], count: int) -> bool:
    """Views of as many streets, in rgb/ and thermal/ of the folder; False where training/ is not there."""
    try:
        from training.world.dataset import write_dataset
        from training.world.scene import Settings
    except ImportError:
        return False
    height, width = size
    is_panorama = projection == "equirectangular"
    scene = Settings(
        camera="erp" if is_panorama else "pinhole",
        height=width // 2 if is_panorama else height,
        width=width // 2 * 2 if is_panorama else width,
        style="b",
        seed=1,
    )
    write_dataset(scene, count, folder, progress=False)
    return True


def read(bundle: Bundle, folder: Path) -> list[Inputs]:
    """What the bundle takes of the folder's pictures, spread evenly over it."""
    rgb_folder = folder / "rgb" if (folder / "rgb").is_dir() else folder
    rgb = by_stem(pictures_in(rgb_folder))
    thermal = by_stem(pictures_in(folder / "thermal")) if bundle.task == "rgbt" else {}
    stems = sorted(rgb.keys() & thermal.keys() if thermal else rgb)
    if not stems:
        raise UserError(f"no picture of {rgb_folder} has the stem of one of {folder / 'thermal'}.")
    found = []
    count = min(len(stems), MOST_PICTURES)
    for stem in (stems[i * len(stems) // count] for i in range(count)):
        warm = None
        if thermal:
            warm = ThermalScale(Scaling("percentile")).to_uint8(read_thermal_picture(thermal[stem]))
        found.append(given(bundle, read_picture(rgb[stem]), warm))
    return found


def given(bundle: Bundle, image: np.ndarray, thermal: np.ndarray | None) -> Inputs:
    """A picture uint8 [h, w, 3], and for RGB-T bundles a thermal one [h, w], at the network's size."""
    size = bundle.size[::-1]
    one = {"image": cv2.resize(image, size, interpolation=cv2.INTER_AREA)}
    if bundle.task == "rgbt" and thermal is not None:
        one["thermal"] = cv2.resize(thermal, size, interpolation=cv2.INTER_AREA)
        one["present"] = np.ones(2, np.float32)
    return one


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--bundle", action="append", help="bundle (default: all that came with the package)")
    parser.add_argument("--rounds", type=arguments.count, default=7)
    parser.add_argument(
        "--frames", type=arguments.count, default=5, help="frames of each candidate in a round"
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="folder of pictures to judge labels on; RGB-T bundles take pairs in rgb/ and thermal/ there",
    )
    report.add_arguments(parser)
    args = parser.parse_args()
    try:
        result = measure_all(args.bundle or (), args.rounds, args.frames, args.pictures)
    except (UserError, BundleError, EngineError) as error:
        raise SystemExit(str(error)) from error
    report.emit(args, "inference", result, table(result))


def table(result: dict[str, Any]) -> str:
    """The same for a terminal; below it, what could not be measured and why."""
    lines = [
        f"{'bundle':<24}{'runtime':<34}{'ms (median)':>12}{'times faster':>14}{'same labels':>13}"
        f"{'where confident':>17}"
    ]
    refused = []
    for name, row in result["bundles"].items():
        for runtime, one in row["runtimes"].items():
            shares = [one.get(key) for key in ("agreement", "agreement_confident")]
            same, confident = ("" if share is None else f"{share:.2%}" for share in shares)
            lines.append(
                f"{name:<24}{runtime:<34}{one['ms']['median']:>12.1f}{one['times_faster']['median']:>14.2f}"
                f"{same:>13}{confident:>17}"
            )
        refused += [f"{name}, {asked}: {reason}" for asked, reason in row["refused"].items()]
    return "\n".join([*lines, *refused])


if __name__ == "__main__":
    main()
