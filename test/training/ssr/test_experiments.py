# SPDX-License-Identifier: Apache-2.0
"""The experiments that ship, on tiny trees in the layouts of their data, and what their settings refuse."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training import config
from training.__main__ import main
from training.foundation.sam import Encoder, build
from training.ssr.settings import Settings

FOLDER = Path(__file__).parents[3] / "training" / "ssr"
FULL = FOLDER / "gta5_to_cityscapes.yaml"


def read(*overrides: str, file: Path = FULL) -> Settings:
    return config.read(file, Settings, overrides)


def test_the_three_experiments_differ_only_in_what_their_names_say() -> None:
    full = read().model_dump()
    daformer = read(file=FOLDER / "gta5_to_cityscapes_daformer.yaml").model_dump()
    mic = read(file=FOLDER / "gta5_to_cityscapes_mic.yaml").model_dump()
    assert {key for key in full if full[key] != daformer[key]} == {"name", "regularisation"}
    assert {key for key in full if full[key] != mic[key]} == {"name", "masking"}
    assert daformer["regularisation"] is None
    assert mic["masking"] == {"block": 32, "ratio": 0.7, "weight": 1.0}


def test_warm_up_is_that_of_the_authors() -> None:
    assert read().schedule.warmup * read().schedule.steps == 1500


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["crop=[512, 2048]"], "does not fit into gta, size"),
        (["crop=[30, 64]"], "at least 32"),
        (["size=[510, 1024]"], "multiples of 4"),
        (["target=[]"], "self_training needs a target"),
        (["self_training=null", "masking={block: 32}"], "masking needs the pseudo-labels"),
        (["self_training.ignore_bottom=500"], "ignores all 512 rows"),
        (["regularisation.cache=embeddings"], "cache needs places"),
        (["regularisation.stages=[3, 1]"], "must be some of 0, 1, 2, 3, in this order"),
        (["regularisation.stages=[]"], "must be some of 0, 1, 2, 3"),
        (["feature_distance.classes=[lorry]"], "lorry"),
        (["network.init=runs/other"], "init and weights both say"),
        (["label_set=nothing"], "no known label set"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(overrides: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as error:
        read(*overrides)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GTA5 and Cityscapes: sky, cars and a person over road; and a small random SAM."""
    root = tmp_path_factory.mktemp("data")
    ids = np.full((48, 96), 7, np.uint8)
    ids[:20] = 23
    ids[16:40, 10:60] = 26
    ids[20:44, 70:90] = 24
    picture = np.stack([ids * 5, 255 - ids * 4, ids * 9 + 7], axis=2)
    files = {"gta/images/00001.png": picture, "gta/labels/00001.png": ids}
    for split in ("train", "val"):
        files[f"cityscapes/leftImg8bit/{split}/ulm/ulm_0_0_leftImg8bit.png"] = picture // 2
    files["cityscapes/gtFine/val/ulm/ulm_0_0_gtFine_labelIds.png"] = ids
    for name, written in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / name), written)
    torch.manual_seed(0)
    torch.save(build(Encoder(32, 2, 2, (1,), 64)).state_dict(), root / "sam.pth")
    return root


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_experiments_run(file: Path, data: Path, tmp_path: Path) -> None:
    """Labels of the target are not needed to adapt to it: those of its training split do not exist."""
    small = [
        f"data_root={data}", f"out={tmp_path / 'run'}", "network={variant: b0, channels: 16}",
        "size=[48, 96]", "crop=[48, 64]", "source.0.size=[48, 96]", "target.0.size=[48, 96]",
        "rare_classes.min_pixels=20", "self_training.ignore_top=2", "self_training.ignore_bottom=4",
        "schedule.steps=1", "workers=0", "loop.device=cpu", "loop.precision=32-true",
    ]  # fmt: skip
    if read(file=file).regularisation is not None:
        small.append(f"regularisation.encoder={{variant: custom, checkpoint: {data / 'sam.pth'}}}")
    assert main(["classes", str(file), *small]) == 0
    assert main(["ssr", str(file), *small]) == 0
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert results["steps"] == 1 and results["label_set"] == "cityscapes19"
    assert set(results["validation"]) == {"cityscapes_val"}
    assert [(one["kind"], one.get("labels", True)) for one in results["data"]] == [
        ("gta5", True), ("cityscapes", False),
    ]  # fmt: skip
    assert (results["sam"] is None) == file.stem.endswith("daformer")
