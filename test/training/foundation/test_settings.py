# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from training import config
from training.config import Strict
from training.foundation.settings import MaskSettings, Sam2Masks, SamMasks


class Experiment(Strict):
    masks: MaskSettings


def read(folder: Path, masks: str) -> MaskSettings:
    path = folder / "experiment.yaml"
    path.write_text(f"masks: {masks}", encoding="utf-8")
    return config.read(path, Experiment).masks


def test_the_kind_chooses_the_model(tmp_path: Path) -> None:
    assert read(tmp_path, "{kind: sam, checkpoint: sam.pth}") == SamMasks(checkpoint=Path("sam.pth"))
    second = read(tmp_path, "{kind: sam2, folder: sam2}")
    assert isinstance(second, Sam2Masks) and second.pred_iou_thresh == 0.8


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ("{kind: instances, strenght: 0.5}", "did you mean 'strength'"),
        ("{kind: felzenszwalb, strength: 0.5}", "known keys there: kind, min_size, scale, sigma"),
        ("{kind: instances, strength: 1.5}", "strength' is 1.5"),
        ("{kind: sam}", "missing key 'masks.sam.checkpoint'"),
        ("{kind: sam, variant: vit_x, checkpoint: a.pth}", "'vit_b', 'vit_l', 'vit_h' or 'custom'"),
        ("{kind: slic}", "'sam', 'sam2', 'instances', 'felzenszwalb'"),
        (
            "{kind: sam2, folder: a, crop_n_layers: 6, crop_n_points_downscale_factor: 2}",
            "no point on the smallest crops",
        ),
    ],
)
def test_mistakes_are_told(tmp_path: Path, masks: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, masks)
