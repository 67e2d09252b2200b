# SPDX-License-Identifier: Apache-2.0
"""Run folders as `python -m training ssr` leaves them, of a small network with weights drawn at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from samseg_ros.labels import label_set
from training import checkpoint, config, run_folder
from training.ssr.daformer import daformer
from training.ssr.network import SSR
from training.ssr.settings import Settings

CONFIG = {
    "name": "tiny", "label_set": "street11", "size": [44, 64], "crop": [32, 32],
    "source": [{"kind": "world", "path": "drawn", "size": [32, 64]}],
    "target": [{"kind": "pictures", "path": "seen", "size": [32, 64]}],
    "network": {"variant": "b0", "channels": 16, "weights": "gone/mit_b0.safetensors"},
    "regularisation": {"encoder": {"variant": "vit_b", "checkpoint": "gone/sam_vit_b.pth"}, "stages": [1, 3]},
    "self_training": {"ignore_top": 2, "ignore_bottom": 2}, "feature_distance": {"classes": ["car"]},
    "masking": {}, "schedule": {"steps": 3},
    "loop": {"average": None},
}  # fmt: skip
IDENTITY = {"kind": "sam", "variant": "vit_b", "sha256": "0" * 64}


def write_ssr_run(run: Path, data_root: Path, **changes: Any) -> SSR:
    """Write config.yaml, checkpoint.pt and results.json; `changes` replace keys of the configuration.

    Every tensor differs from every other one, statistics of normalisation included.
    """
    settings = Settings.model_validate({**CONFIG, "data_root": str(data_root), **changes})
    labels = label_set(settings.label_set)
    generator = torch.Generator().manual_seed(7)
    student = daformer(settings.network.variant, len(labels), channels=settings.network.channels)
    model = SSR(student, settings, lambda images, keys: torch.zeros(len(images), 256, 2, 2))
    with torch.no_grad():
        for one in model.parameters():
            one.add_(0.02 * torch.randn(one.shape, generator=generator))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_(generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
        # Or the logits of all classes are about the same everywhere.
        nn.init.normal_(student.head.classifier.weight, generator=generator)
    run.mkdir(parents=True)
    config.write(run / run_folder.CONFIG, settings)
    checkpoint.save(run / checkpoint.NAME, {"network": model.state_dict(), "average": None})
    score = {"miou": 0.5, "iou": dict.fromkeys(labels.names, 0.5), "pixel_accuracy": 0.75, "images": 2}
    data = [
        {"kind": "world", "path": "drawn", "images": 4},
        {"kind": "pictures", "path": "seen", "images": 2, "labels": False},
    ]
    results = {
        "label_set": labels.name, "data": data, "validation": {"seen": score}, "steps": 3, "seconds": 60.0,
        "sam": None if settings.regularisation is None else IDENTITY, "date": "2026-01-01", "commit": None,
    }  # fmt: skip
    run_folder.write_results(run, results)
    return model.eval()
