# SPDX-License-Identifier: Apache-2.0
"""`python -m training masks CONFIG [key=value ...]`."""

from __future__ import annotations

import argparse
import os
from typing import Literal

from training import config, experiment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    experiment.add_arguments(parser, "data_root=/data masks.points_per_side=16")


def run(args: argparse.Namespace) -> int:
    """Make the masks that the experiment's cache lacks, this process's share of them, and print a summary."""
    # PyTorch takes seconds to import; the windows are checked with it.
    import torch

    from samseg_ros.labels import label_set
    from training.foundation.masks import generator
    from training.goodsam.cache import build
    from training.goodsam.sets import unlabelled
    from training.goodsam.settings import Settings

    settings = config.read(args.config, Settings, args.overrides)
    if settings.loop.threads is not None:
        torch.set_num_threads(settings.loop.threads)
    rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    target = label_set(settings.label_set)
    panoramas = [one for data in settings.data for one in unlabelled(data, settings.data_root, target)]
    made = build(
        settings.mask_folder,
        panoramas,
        generator(settings.masks, _device(settings.loop.device)),
        grid=settings.grid,
        vertical_fov=settings.vertical_fov,
        rank=rank,
        ranks=ranks,
    )
    share = f"process {rank} of {ranks}: " if ranks > 1 else ""
    again = f", {made.damaged} damaged and made again" if made.damaged else ""
    print(
        f"{share}{made.panoramas} panoramas ({made.found} found there{again}), {made.windows} windows, "
        f"{made.masks} masks, {made.size / 1e6:.1f} MB in {made.seconds:.0f} s"
    )
    print(f"Folder of masks: {settings.mask_folder}")
    return 0


def _device(choice: Literal["auto", "cpu", "cuda"]) -> str:
    """Each process of torchrun has a GPU of its own."""
    import torch

    from training.device import uses_gpu

    if not uses_gpu(choice):
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
