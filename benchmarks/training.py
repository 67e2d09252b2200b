# SPDX-License-Identifier: Apache-2.0
"""One step of GoodSAM with masks from the cache, against the same with masks found on the way.

The panoramas are drawn, the networks are those of the study with random weights: speed does not depend on
them. Both kinds of step take turns in rounds, so that a machine that slows down slows both; a ratio is the
median of the rounds' ratios. Without --sam the SAM is a small random one, whose speed says nothing about that
of the published ones; it shows what the cache spares even then.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import report
from samseg_ros.labels import label_set
from training import config
from training.foundation.masks import MaskGenerator, generator
from training.foundation.sam import Encoder, build
from training.goodsam import cache
from training.goodsam.network import Batch, GoodSAM
from training.goodsam.panorama import Panorama, read
from training.goodsam.sets import unlabelled
from training.goodsam.settings import Settings
from training.goodsam.teacher import window_masks
from training.goodsam.train import build_student
from training.supervised.settings import Settings as Supervised
from training.supervised.train import build as build_assistant
from training.world.dataset import write_dataset
from training.world.scene import Settings as Scene

STUDY = Path(__file__).parents[1] / "training" / "study" / "goodsam"
SMALL = Encoder(width=192, depth=4, heads=4, global_blocks=(3,), image_size=256)
# A random network is sure of nothing: with the usual thresholds it would have no masks to work on.
LENIENT = "points_per_side: 8, pred_iou_thresh: 0.0, stability_score_thresh: 0.0"

Find = Callable[[Panorama], np.ndarray]


def teachers(folder: Path, sam: Sequence[str] | None) -> dict[str, str]:
    """Name of each mask generator to its settings as YAML."""
    if sam is not None:
        variant, checkpoint = sam[0], Path(sam[1]).resolve()
        segment_anything = f"kind: sam, variant: {variant}, checkpoint: {json.dumps(str(checkpoint))}"
    else:
        checkpoint = folder / "small.pth"
        torch.save(build(SMALL).state_dict(), checkpoint)
        segment_anything = f"kind: sam, variant: custom, checkpoint: {json.dumps(str(checkpoint))}, {LENIENT}"
    return {
        "felzenszwalb": "{kind: felzenszwalb}",
        "instances": "{kind: instances, strength: 0.3}",
        f"sam {sam[0]}" if sam is not None else "small random sam": f"{{{segment_anything}}}",
    }


def measure(folder: Path, masks: str, rounds: int, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Milliseconds a step of one panorama, their ratio, and panoramas per second of the mask generator.

    Args:
        folder: with a world of panoramas in panorama_b; the masks go there too.
        masks: settings of the generator as YAML.
        overrides: key=value for the configuration.
    """
    own = [f"data_root={json.dumps(str(folder))}", f"masks={masks}", "student.init=null"]
    settings = config.read(STUDY / "goodsam.yaml", Settings, [*own, *overrides])
    labels = label_set(settings.label_set)
    panoramas = unlabelled(settings.data[0], settings.data_root, labels)
    teacher = generator(settings.masks)
    kept = cached(folder / f"masks_{settings.masks.kind}", panoramas, teacher, settings)

    def found(panorama: Panorama) -> np.ndarray:
        return window_masks(panorama, teacher, settings.grid, settings.vertical_fov)

    torch.manual_seed(0)
    assistant = build_assistant(config.read(STUDY / "assistant.yaml", Supervised), len(labels))
    model = GoodSAM(assistant, build_student(settings, labels), settings).train()
    optimiser = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-5)

    def step(panorama: Panorama, find: Find) -> None:
        seen = read(panorama, settings.size, settings.vertical_fov, truth=False)
        image = torch.from_numpy(seen.image)[None]
        batch = Batch(
            images=image,
            changed=image,
            mirrored=torch.tensor([False]),
            turns=torch.tensor([0]),
            masks=torch.from_numpy(find(panorama).astype(np.int64))[None],
            pairs=settings.grid.pairs[:1],
        )
        optimiser.zero_grad(set_to_none=True)
        model(batch)["loss"].backward()
        optimiser.step()

    def seconds(work: Callable[[Panorama], object]) -> float:
        """Of one panorama, in the mean over all."""
        started = time.perf_counter()
        for panorama in panoramas:
            work(panorama)
        return (time.perf_counter() - started) / len(panoramas)

    step(panoramas[0], found)
    with_cache, on_the_way, alone = [], [], []
    for _ in range(rounds):
        with_cache.append(seconds(lambda one: step(one, kept.read)))
        on_the_way.append(seconds(lambda one: step(one, found)))
        alone.append(seconds(found))
    return {
        "masks": {key: value for key, value in teacher.identity().items() if key != "sha256"},
        "masks_per_window": round(float(np.mean([kept.read(one).max(axis=(1, 2)) for one in panoramas])), 1),
        "panoramas_per_second": report.spread([1 / one for one in alone]),
        "step_ms": {
            "cached": report.spread([one * 1e3 for one in with_cache]),
            "on_the_way": report.spread([one * 1e3 for one in on_the_way]),
        },
        "times_faster": report.spread(
            [slow / fast for fast, slow in zip(with_cache, on_the_way, strict=True)]
        ),
    }


def cached(
    folder: Path, panoramas: Sequence[Panorama], teacher: MaskGenerator, settings: Settings
) -> cache.MaskCache:
    """A cache of the panoramas' masks in `folder`, filled."""
    grid, fov = settings.grid, settings.vertical_fov
    cache.build(folder, panoramas, teacher, grid=grid, vertical_fov=fov)
    return cache.MaskCache.open(folder, panoramas, identity=teacher.identity(), grid=grid, vertical_fov=fov)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--panoramas", type=int, default=2, help="that each round goes through")
    parser.add_argument(
        "--sam", nargs=2, metavar=("VARIANT", "CHECKPOINT"), help="a published SAM instead of the small one"
    )
    report.add_arguments(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = Scene(camera="erp", height=256, width=512, style="b", light="day", seed=1)
        write_dataset(scene, args.panoramas, folder / "panorama_b")
        results = {
            teacher: measure(folder, masks, args.rounds)
            for teacher, masks in teachers(folder, args.sam).items()
        }
    settings = config.read(STUDY / "goodsam.yaml", Settings)
    what = {
        "size": settings.size,
        "windows": len(settings.grid.windows),
        "window": settings.windows.size,
        "assistant": config.read(STUDY / "assistant.yaml", Supervised).network.variant,
        "student": settings.student.variant,
    }
    report.emit(args, "training", {**what, "teachers": results}, table(results))


def table(results: dict[str, Any]) -> str:
    lines = [
        f"{'masks':<20}{'panoramas/s':>14}{'step, cached (ms)':>20}{'on the way (ms)':>18}"
        f"{'times faster':>15}"
    ]
    for name, row in results.items():
        step = row["step_ms"]
        lines.append(
            f"{name:<20}{row['panoramas_per_second']['median']:>14.2f}{step['cached']['median']:>20.0f}"
            f"{step['on_the_way']['median']:>18.0f}{row['times_faster']['median']:>15.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
