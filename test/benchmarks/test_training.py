# SPDX-License-Identifier: Apache-2.0
"""That the steps are what they are said to be, on a tiny panorama; not how fast they are."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import report, training


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    world = tmp_path / "panorama_b"
    for kind in ("rgb", "label", "instance"):
        (world / kind).mkdir(parents=True)
    label = np.zeros((64, 128), np.uint8)
    label[:32] = 7
    cv2.imwrite(str(world / "rgb" / "0.png"), report.cloud(np.random.default_rng(0), (64, 128)))
    cv2.imwrite(str(world / "label" / "0.png"), label)
    cv2.imwrite(str(world / "instance" / "0.png"), np.zeros((64, 128), np.uint16))
    manifest = {"label_set": "street11", "settings": {"camera": "erp"}}
    (world / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def test_each_kind_of_masks_is_measured_both_ways(folder: Path) -> None:
    smaller = ["size=[32, 128]", "windows={size: [32, 64], stride: [32, 32]}"]
    kinds = training.teachers(folder, None)
    assert list(kinds) == ["felzenszwalb", "instances", "small random sam"]
    results = {}
    for name in ("instances", "felzenszwalb"):
        results[name] = found = training.measure(folder, kinds[name], 1, smaller)
        assert found["masks"]["kind"] == name and found["panoramas_per_second"]["median"] > 0
        ratio = found["step_ms"]["on_the_way"]["median"] / found["step_ms"]["cached"]["median"]
        assert found["times_faster"]["median"] == pytest.approx(ratio, rel=1e-2)
    # A strip of sky and one of road: two masks, if strength 0.3 leaves them.
    assert 0 < results["instances"]["masks_per_window"] <= 4
    lines = training.table(results).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["instances", "felzenszwalb"]


def test_a_published_sam_takes_the_place_of_the_small_one(tmp_path: Path) -> None:
    kinds = training.teachers(tmp_path, ["vit_b", "weights/sam_vit_b_01ec64.pth"])
    assert list(kinds)[-1] == "sam vit_b" and "variant: vit_b" in kinds["sam vit_b"]
