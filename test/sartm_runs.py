# SPDX-License-Identifier: Apache-2.0
"""Tiny pairs of RGB and thermal, a tiny random SAM, and experiments on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from small_sam2 import small_sam2
from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model, Sam2Processor

from samseg_ros.labels import label_set
from training.foundation.sam import Encoder, build

LABELS = label_set("street11")
SIZE = (32, 64)
LIGHTS = ("day", "day", "night", "night")
CONFIG: dict[str, Any] = {
    "name": "tiny", "label_set": "street11", "size": list(SIZE), "crop": [32, 32],
    "data": [{"kind": "world", "path": "drawn"}],
    "validation": [{"name": "drawn", "kind": "world", "path": "drawn"}],
    "backbone": {"kind": "sam", "variant": "custom", "checkpoint": "", "rank": 2},
    "language": {"text": {"kind": "matrix", "file": "", "rows": "street11"}},
    "batch": 2, "schedule": {"steps": 2, "lr": 1e-3}, "workers": 0,
    "loop": {"device": "cpu", "average": None, "save_every": 100},
}  # fmt: skip


def write_pairs(folder: Path) -> None:
    """Four frames of sky over road with a warm person, as the world writes them: two by day, two by night."""
    for kind in ("rgb", "label", "thermal"):
        (folder / kind).mkdir(parents=True)
    road, sky, person = (LABELS.names.index(name) for name in ("road", "sky", "person"))
    frames = []
    for index, light in enumerate(LIGHTS):
        label = np.full(SIZE, road, np.uint8)
        label[: 12 + index] = sky
        label[8:24, 10 + 9 * index : 20 + 9 * index] = person
        noise = np.random.default_rng(index).integers(-20, 20, (*SIZE, 3))
        shade = LABELS.palette()[:, ::-1][label] // (1 if light == "day" else 8)
        warm = np.choose(label == person, [np.where(label == sky, 25000, 28000), 31000])
        pictures = {
            "rgb": np.clip(shade + noise, 0, 255).astype(np.uint8),
            "label": label,
            "thermal": warm.astype(np.uint16),
        }
        for kind, picture in pictures.items():
            assert cv2.imwrite(str(folder / kind / f"{index:06d}.png"), picture)
        frames.append({"file": f"{index:06d}", "light": light})
    manifest = {"label_set": "street11", "settings": {"camera": "pinhole"}, "frames": frames}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def write_sam(path: Path, seed: int = 0) -> None:
    """A SAM with random weights, positions included, as Meta publishes them."""
    torch.manual_seed(seed)
    sam = build(Encoder(32, 2, 2, (1,), 64))
    torch.nn.init.normal_(sam.image_encoder.pos_embed, std=0.02)
    torch.save(sam.state_dict(), path)


def write_sam2(folder: Path) -> None:
    """A SAM 2 with random weights, as the library saves it; its mask decoder is as wide as its features."""
    torch.manual_seed(0)
    model = Sam2Model(Sam2Config(**small_sam2(64, last_windows=(14, 7), num_attention_heads=8, mlp_dim=2048)))
    for one in model.vision_encoder.parameters():
        if not one.any():
            torch.nn.init.normal_(one, std=0.1)
    model.save_pretrained(folder)
    Sam2Processor(Sam2ImageProcessor()).save_pretrained(folder)


def write_experiment(root: Path, **changes: Any) -> Path:
    """The YAML file of an experiment on `root`/drawn with `root`/sam.pth; `changes` replace keys."""
    write_pairs(root / "drawn")
    write_sam(root / "sam.pth")
    torch.save(torch.randn(len(LABELS), 8, generator=torch.Generator().manual_seed(0)), root / "text.pth")
    given = json.loads(json.dumps({**CONFIG, "data_root": str(root), **changes}))
    given["backbone"]["checkpoint"] = str(root / "sam.pth")
    given["language"]["text"]["file"] = str(root / "text.pth")
    file = root / "sartm.yaml"
    file.write_text(json.dumps(given))
    return file
