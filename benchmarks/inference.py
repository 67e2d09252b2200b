# SPDX-License-Identifier: Apache-2.0
"""A bundle through each runtime, against the same network in PyTorch eager: ratios within one run.

The baseline is what a user would write: transformers' SegFormer with random weights (speed does not depend
on them), normalisation and wrap-around in torch, logits upsampled, argmax and softmax. Candidates take turns
in rounds, so that a machine that slows down slows all of them; a ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any, get_args

import numpy as np

from benchmarks import report
from samseg_ros import bundle as bundles
from samseg_ros import engine
from samseg_ros.bundle import Bundle

BASELINE = "pytorch eager"
REFERENCE = "onnxruntime"
Run = Callable[[np.ndarray], np.ndarray]


def pytorch_eager(bundle: Bundle) -> Run:
    """The bundle's network as transformers has it: uint8 [h, w, 3] BGR → uint8 [h, w] labels."""
    import torch
    from torch.nn import functional

    from training.networks import Variant, normalise, segformer, wrap

    variant = bundle.training["network"]
    if variant not in get_args(Variant):
        raise SystemExit(f"{bundle.name} is no SegFormer but {variant}: choose a bundle to compare with one.")
    network = segformer(variant, len(bundle.labels)).model.eval()
    pad = bundle.training["config"]["wrap"] if bundle.task == "panorama" else 0

    @torch.inference_mode()
    def run(image: np.ndarray) -> np.ndarray:
        picture = wrap(normalise(torch.from_numpy(image)[None]).contiguous(), pad)
        logits = network(picture).logits
        logits = functional.interpolate(logits, size=picture.shape[2:], mode="bilinear", align_corners=False)
        probabilities = logits[..., pad : pad + image.shape[1]].softmax(dim=1)
        confidence, labels = probabilities.max(dim=1)
        (confidence * 255).to(torch.uint8).numpy()
        return labels[0].to(torch.uint8).numpy()

    return run


def measure(bundle: Bundle, rounds: int, frames: int, pictures: list[np.ndarray]) -> dict[str, Any]:
    """Times in milliseconds per frame, ratios to the baseline, and agreement of labels with ONNX Runtime."""
    engines = {name: engine.load(bundle, runtime=name) for name in engine.available()}
    candidates: dict[str, Run] = {BASELINE: pytorch_eager(bundle)}
    for name, ready in engines.items():
        candidates[name] = lambda image, ready=ready: ready.infer(image=image).labels  # type: ignore[misc]
    for run in candidates.values():
        run(pictures[0])
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            started = time.perf_counter()
            for index in range(frames):
                run(pictures[index % len(pictures)])
            times[name].append((time.perf_counter() - started) / frames * 1e3)
    results: dict[str, Any] = {}
    for name, rows in times.items():
        ratios = [base / own for base, own in zip(times[BASELINE], rows, strict=True)]
        results[name] = {
            "ms": report.spread(rows),
            "times_faster": report.spread(ratios),
        }
        if name in engines:
            results[name] |= {"version": engines[name].version, "precision": engines[name].precision}
        if name in engines and REFERENCE in engines:
            results[name]["agreement"] = median(
                float((candidates[name](image) == candidates[REFERENCE](image)).mean()) for image in pictures
            )
    return {"task": bundle.task, "size": list(bundle.size), "runtimes": results}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--bundle", action="append", help="bundle (default: all that came with the package)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=5, help="frames of each candidate in a round")
    report.add_arguments(parser)
    args = parser.parse_args()
    random = np.random.default_rng(0)
    results = {}
    for name in args.bundle or sorted(bundles.installed()):
        bundle = bundles.load(name)
        # Smooth noise: all classes' boundaries occur, and no picture needs to be shipped.
        pictures = [report.cloud(random, bundle.size) for _ in range(3)]
        results[bundle.name] = measure(bundle, args.rounds, args.frames, pictures)
    report.emit(args, "inference", {"baseline": BASELINE, "bundles": results}, table(results))


def table(results: dict[str, Any]) -> str:
    lines = [f"{'bundle':<24}{'runtime':<16}{'ms (median)':>12}{'times faster than ' + BASELINE:>34}"]
    for name, result in results.items():
        for runtime, row in result["runtimes"].items():
            lines.append(
                f"{name:<24}{runtime:<16}{row['ms']['median']:>12.1f}{row['times_faster']['median']:>34.2f}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
