# SPDX-License-Identifier: Apache-2.0
"""What a network of the study costs: parameters, and operations of one forward pass.

`python -m training.study.sartm.cost RUN` leaves cost.json in the run folder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samseg_ros.labels import label_set
from training import config, run_folder
from training.draft import draft

if TYPE_CHECKING:
    from torch import nn

    from training.networks import Segformer

FILE = "cost.json"


def cost(run: Path) -> dict[str, Any]:
    """{"parameters": {"trainable", "frozen"}, "size", "gflops"} of the network that a run folder trains.

    GFLOPs are of one picture or pair of `size`, by torch.utils.flop_counter: products of matrices and
    convolutions, two operations for a multiplication with its addition. They are those of the network as it
    is exported: LoRA is merged, and products of weights alone in SegFormer's decode head are constants.

    Raises:
        FileNotFoundError, ValueError: no run folder of a row, or its backbone is not there.
    """
    if run_folder.method(run) == "sartm":
        return _of_sartm(run)
    from training.sartm.two_branch import TwoBranch
    from training.supervised.settings import Settings
    from training.supervised.train import build

    settings = config.read(run / run_folder.CONFIG, Settings, ["network.weights=null"])
    network = build(settings, len(label_set(settings.label_set)))
    head = network.rgb if isinstance(network, TwoBranch) else network
    flops = operations(network, settings.size, settings.channels, settings.presence) - composition(head)
    learned = sum(one.numel() for one in network.parameters())
    return _told({"trainable": learned, "frozen": 0}, settings.size, flops)


def _of_sartm(run: Path) -> dict[str, Any]:
    from training.sartm.network import build, parameters
    from training.sartm.settings import Settings

    settings = config.read(run / run_folder.CONFIG, Settings)
    network = build(settings, len(label_set(settings.label_set)), start=False)
    counted = parameters(network)
    network.backbone.fold(settings.size)
    return _told(counted, settings.size, operations(network, settings.size, channels=4, presence=True))


def _told(parameters: dict[str, int], size: tuple[int, int], flops: int) -> dict[str, Any]:
    return {"parameters": parameters, "size": list(size), "gflops": round(flops / 1e9, 4)}


def operations(network: nn.Module, size: tuple[int, int], channels: int, presence: bool) -> int:
    """Of one forward pass; nothing of `network` learns afterwards.

    Args:
        size: (height, width) of the picture. channels: of it.
        presence: the network also takes which streams are present.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    picture, present = torch.zeros(1, channels, *size), torch.ones(1, 2)
    # The counter follows gradients through modules, and stumbles over parameters that have any.
    network.eval().requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*((picture, present) if presence else (picture,)))
    return int(counter.get_total_flops())


def composition(network: Segformer) -> int:
    """Of these operations those that compose the weights of the decode head, whatever the picture is."""
    head: Any = network.model.decode_head
    weights = sum(one.proj.weight.numel() for one in head.linear_projections)
    return 2 * int(head.linear_fuse.weight.shape[0]) * int(weights)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.study.sartm.cost", description=__doc__)
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="run folder of a row")
    run = parser.parse_args().run_folder
    try:
        told = cost(run)
        with draft(run / FILE) as temporary:
            temporary.write_text(json.dumps(told) + "\n", encoding="utf-8")
    except (ValueError, OSError) as error:
        parser.exit(2, f"cost: {' '.join(str(error).split())}\n")


if __name__ == "__main__":
    main()
