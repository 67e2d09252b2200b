# SPDX-License-Identifier: Apache-2.0
"""The table of SARTM from drawn pairs to Markdown, with all trainings, on a few tiny pictures."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from training.__main__ import main
from training.study import command as command_line
from training.study import process
from training.study.sartm import cost
from training.study.sartm.rows import FOUNDATION_WORLDS, WORLDS
from training.study.sartm.study import study

CONFIGS = Path(command_line.__file__).parent / "sartm"
SSR = CONFIGS.parent / "ssr"


def draw(folder: Path, frames: int) -> None:
    """Sky over road and a warm car, as the world's folders are."""
    for kind in ("rgb", "label", "instance", "thermal"):
        (folder / kind).mkdir(parents=True)
    colours = np.zeros((11, 3), np.uint8)
    colours[[0, 7, 9]] = (90, 90, 90), (230, 180, 150), (30, 30, 200)
    for index in range(frames):
        label = np.full((32, 64), 7, np.uint8)
        label[16:] = 0
        label[10:22, 8 * index : 8 * index + 12] = 9
        pictures = {
            "rgb": colours[label],
            "label": label,
            "instance": (label == 9).astype(np.uint16),
            "thermal": np.choose(label == 9, [27000, 31000]).astype(np.uint16),
        }
        for kind, picture in pictures.items():
            assert cv2.imwrite(str(folder / kind / f"{index:06d}.png"), picture)
    manifest = {"label_set": "street11", "settings": {"camera": "pinhole"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Drawn data, and the study's configurations on a few small pictures."""
    for name in WORLDS:
        draw(tmp_path / "data" / name, 1)
    for name in FOUNDATION_WORLDS:
        draw(tmp_path / "data" / name, 3)
    (tmp_path / "configs").mkdir()
    for folder, name in ((CONFIGS, "b0"), (CONFIGS, "sartm"), (SSR, "foundation")):
        tree = yaml.safe_load((folder / f"{name}.yaml").read_text())
        tree["schedule"]["steps"] = 1
        if name == "foundation":
            tree["encoder"] = {"width": 16, "depth": 1, "heads": 1, "global_blocks": [0], "image_size": 32}
            tree |= {"batch": 1, "validation": [tree["validation"][0] | {"skip": 2}]}
            tree["data"][0]["limit"] = 2
        else:
            crop = {"crop": [32, 32]} if name == "sartm" else {"windows": [{"since": 0, "size": [32, 32]}]}
            tree |= {"size": [32, 64], "batch": 2, **crop}
        (tmp_path / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path


def test_from_drawn_data_to_tables(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(module: str, words: Sequence[str], lock: int | None = None) -> float:
        if module == "training":
            assert main(words) == 0
        else:
            monkeypatch.setattr("sys.argv", [module, *words])
            cost.main()
        return 1.0

    monkeypatch.setattr(process, "command", command)
    rows = ["rgb", "cmx", "sartm"]
    given = {"seeds": [0], "only": rows, "overrides": [], "configs": tiny / "configs"}
    given |= {"results": tiny / "sartm.json", "readme": tiny / "README.md"}
    study(tiny, **given)
    found = json.loads((tiny / "sartm.json").read_text())
    assert [row["name"] for row in found["rows"]] == rows
    streams = [list(row["scores"]) for row in found["rows"]]
    assert streams == [["rgb"], *[["both", "rgb", "thermal"]] * 2]
    assert all(row["gflops"] > 0 and row["peak_memory_gb"] == 1.0 for row in found["rows"])
    assert [row["parameters"]["frozen"] > 0 for row in found["rows"]] == [False, False, True]
    assert found["size"]["supervised"]["labelled"] == found["size"]["sartm"]["labelled"] == 5
    assert found["size"]["sartm"]["scored"] == 1 and found["foundation"]["images"] == 2 + 3
    assert [one["against"] for one in found["aims"]] == ["SegFormer-B0, RGB alone"]
    assert "| all = SARTM | " in (tiny / "README.md").read_text()
    # Nothing is left to do, and what is there is what is wanted.
    study(tiny, **given)
