# SPDX-License-Identifier: Apache-2.0
"""From pictures to a SAM checkpoint by the command line, on tiny pictures."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

pytest.importorskip("segment_anything", reason="segment-anything is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")
pytest.importorskip("skimage", reason="scikit-image is not installed")

from training import checkpoint, config
from training.__main__ import main
from training.foundation.embedding import image_embedding
from training.foundation.pretrain import draws
from training.foundation.pretrain.masked import Memory, pictures
from training.foundation.pretrain.network import Pretraining
from training.foundation.pretrain.settings import Settings
from training.foundation.pretrain.train import encoder
from training.foundation.sam import build, load
from training.foundation.settings import EncoderSettings

STUDY = Path(__file__).parents[4] / "training" / "study" / "ssr" / "foundation.yaml"
CONFIG = {
    "name": "tiny",
    "encoder": {"width": 32, "depth": 2, "heads": 2, "global_blocks": [1], "image_size": 64},
    "data": [
        {"kind": "world", "path": "world", "masks": "instances", "weight": 2, "limit": 2},
        {"kind": "pictures", "path": "plain", "masks": "felzenszwalb"},
    ],
    "validation": [{"name": "held_out", "kind": "world", "path": "world", "masks": "instances", "skip": 2}],
    "batch": 2,
    "prompts": 3,
    "schedule": {"steps": 2, "lr": 1e-3},
    "loop": {"device": "cpu"},
    "workers": 0,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sky, road and a car as the world writes them, and pictures without labels in a folder's folder."""
    root = tmp_path_factory.mktemp("data")
    for kind in ("rgb", "label", "instance"):
        (root / "world" / kind).mkdir(parents=True)
    (root / "plain" / "inside").mkdir(parents=True)
    for index in range(3):
        label = np.zeros((48, 64), np.uint8)
        label[: 20 + index] = 7
        label[24:36, 10 + 8 * index : 30 + 8 * index] = 9
        picture = np.ascontiguousarray(np.stack([label * 20 + 40] * 3, axis=2))
        cv2.imwrite(str(root / f"world/rgb/{index}.png"), picture)
        cv2.imwrite(str(root / f"world/label/{index}.png"), label)
        cv2.imwrite(str(root / f"world/instance/{index}.png"), (label == 9).astype(np.uint16))
        cv2.imwrite(str(root / f"plain/inside/{index}.png"), np.repeat(picture, 2, axis=0))
    manifest = {"label_set": "street11", "settings": {"camera": "pinhole"}}
    (root / "world" / "manifest.json").write_text(json.dumps(manifest))
    (root / "tiny.yaml").write_text(yaml.safe_dump({**CONFIG, "data_root": str(root)}))
    return root


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["foundation", str(data / "tiny.yaml"), f"out={out}"]) == 0
    return out


def test_a_run_folder(run: Path) -> None:
    assert {file.name for file in run.iterdir()} == {
        "config.yaml", "checkpoint.pt", "results.json", "sheet.jpg", "sam.pth",
    }  # fmt: skip
    results = json.loads((run / "results.json").read_text())
    scores = results["validation"]["held_out"]
    assert scores["images"] == 1 and scores["masks"] == 3
    assert 0 <= scores["iou"] <= scores["oracle_iou"] == results["miou"] <= 1
    assert [(one["path"], one["images"], one["masks"]) for one in results["data"]] == [
        ("world", 2, "instances"), ("plain", 3, "felzenszwalb"),
    ]  # fmt: skip
    assert cv2.imread(str(run / "sheet.jpg")).shape == (64, 6 * 64, 3)


def test_the_checkpoint_is_a_sam_and_embeds_as_the_run_did(run: Path) -> None:
    settings = config.read(run / "config.yaml", Settings)
    trained = Pretraining(build(encoder(settings)), settings.hidden, settings.weights)
    trained.load_state_dict(checkpoint.weights(run))
    sam = load("custom", run / "sam.pth")
    for name, tensor in trained.sam.state_dict().items():
        assert torch.equal(tensor, sam.state_dict()[name])
    image = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    made = image_embedding(EncoderSettings(variant="custom", checkpoint=run / "sam.pth"))(image)
    torch.testing.assert_close(made, trained.encode(trained.normalised(image)))


def test_a_run_goes_on_where_it_stopped(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("config.yaml", "checkpoint.pt"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    before = checkpoint.load(tmp_path / "checkpoint.pt")
    assert main(["foundation", str(data / "tiny.yaml"), f"out={tmp_path}", "schedule.steps=3"]) == 0
    after = checkpoint.load(tmp_path / "checkpoint.pt")
    assert (before["step"], after["step"]) == (2, 3)
    assert "of the best of three" in capsys.readouterr().out


def test_a_draw_depends_on_its_number_alone(data: Path) -> None:
    settings = config.read(data / "tiny.yaml", Settings)
    sets = [pictures(one, settings.data_root) for one in settings.data]
    warm = Memory(settings.tallest, 2**20)
    both = [draws.batch(first, settings, sets, warm) for first in (0, 1)]
    again = draws.batch(1, settings, sets, Memory(settings.tallest, 0))
    assert all(torch.equal(one, two) for one, two in zip(both[1], again, strict=True))
    assert torch.equal(both[0].image[1], both[1].image[0])
    assert not torch.equal(both[0].image[0], both[0].image[1])


def test_pictures_and_their_masks(data: Path) -> None:
    settings = config.read(data / "tiny.yaml", Settings)
    world, plain = (pictures(one, settings.data_root) for one in settings.data)
    memory = Memory(48, 2**20)
    image, masks = memory.read(world[0])
    # Sky, road and car.
    assert image.shape == (48, 64, 3) and masks.dtype == np.uint16 and masks.max() == 3
    image, segments = memory.read(plain[0])
    assert image.shape == (48, 32, 3) and segments.shape == (48, 32) and segments.min() == 1
    assert memory.read(plain[0])[1] is segments
    # The world's own pictures by colour alone: no label is looked at.
    own = settings.data[0].model_copy(update={"masks": "felzenszwalb"})
    assert all(one.label is None and one.instance is None for one in pictures(own, settings.data_root))


def test_the_studys_configuration_is_valid() -> None:
    settings = config.read(STUDY, Settings)
    assert not settings.data_root.is_absolute() and settings.schedule.max_minutes is None


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["data.1.masks=instances"], "only pictures of kind world have instances"),
        (["data.0.skip=9"], "leaves none of the 3 pictures"),
        (["data.1.path=nowhere"], "does not exist: expected a folder of pictures"),
        (["encoder.heads=5"], "width 32 must be a multiple of heads 5"),
        (["encoder.global_blocks=[2]"], "must be some of 0 to 1"),
        (["encoder.image_size=65"], "multiple of 16"),
        (["crop=[0.8, 0.5]"], "two shares from 0 to 1"),
        (["hiden=0.5"], "did you mean 'hidden'"),
    ],
)
def test_mistakes_end_in_a_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    assert main(["foundation", str(data / "tiny.yaml"), f"out={tmp_path / 'run'}", *more]) == 2
    said = capsys.readouterr().err.strip()
    assert sentence in said and said.startswith("foundation: ") and "\n" not in said


def test_instances_that_are_missing_are_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = (data / "world/instance/1.png").rename(data / "world/instance/1.off")
    try:
        assert main(["foundation", str(data / "tiny.yaml"), f"out={tmp_path / 'run'}"]) == 2
    finally:
        hidden.rename(data / "world/instance/1.png")
    assert "has no instances" in capsys.readouterr().err
