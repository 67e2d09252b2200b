# SPDX-License-Identifier: Apache-2.0
"""From pictures to a bundle by the command line, on a tiny CamVid."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from samseg_ros import bundle, engine
from samseg_ros.labels import label_set
from training import config
from training.__main__ import main
from training.class_weights import class_weights
from training.data.memory import Memory
from training.data.mixture import Mixture
from training.supervised.evaluate import Predictor
from training.supervised.sets import samples
from training.supervised.settings import Settings

PARTS = {"data": "", "validation": "name: seen, "}
ROOM = Path(__file__).parents[3] / "training" / "supervised"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of sky over road."""
    root = tmp_path_factory.mktemp("data")
    for split, count in (("train", 4), ("val", 2)):
        for folder in (split, f"{split}annot"):
            (root / "camvid" / folder).mkdir(parents=True)
        for index in range(count):
            horizon = 20 + 4 * index
            label = np.full((48, 64), 3, np.uint8)
            label[:horizon] = 0
            picture = np.where(label[..., None] == 0, np.array([220, 180, 160]), np.array([80, 80, 80]))
            cv2.imwrite(str(root / "camvid" / split / f"{index}.png"), picture)
            cv2.imwrite(str(root / "camvid" / f"{split}annot" / f"{index}.png"), label)
    return root


def words(data: Path, out: Path, *more: str) -> list[str]:
    return [
        "supervised", str(ROOM / "street_b0_camera.yaml"), f"data_root={data}", f"out={out}",
        "data=[{kind: camvid, path: camvid}]", "size=[64, 64]", "windows=[{since: 0, size: [32, 32]}]",
        "network.decoder=16", "batch=2", "schedule.steps=3", "loop.threads=null", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "camera"
    assert main(words(data, out)) == 0
    return out


def test_a_run_folder_holds_what_the_readme_says(run: Path) -> None:
    assert {file.name for file in run.iterdir()} == {
        "config.yaml", "checkpoint.pt", "results.json", "camvid_val.jpg",
    }  # fmt: skip
    results = json.loads((run / "results.json").read_text())
    scores = results["validation"]["camvid_val"]
    assert scores["images"] == 2 and 0 <= scores["miou"] <= 1 and scores["iou"]["person"] in (None, 0.0)
    assert results["steps"] == 3 and results["data"] == [
        {"kind": "camvid", "path": "camvid", "images": 4, "weight": 1.0}
    ]
    assert config.read(run / "config.yaml", Settings).size == (64, 64)


def test_the_root_of_the_weights_prefers_rare_classes_less(run: Path) -> None:
    settings = config.read(run / "config.yaml", Settings)
    part = samples(settings.data[0], settings.data_root, label_set("street11"))
    mixture, memory = Mixture((part,), (1.0,), 0), Memory(None, 0)
    full = class_weights("enet", mixture, memory, 11)
    root = class_weights("sqrt_enet", mixture, memory, 11)
    assert full is not None and root is not None
    np.testing.assert_allclose(root**2, full, rtol=1e-6)
    person, road = 8, 0  # no pixel is a person here, and about half of them are road
    assert full[person] / full[road] > root[person] / root[road] > 1.0
    assert class_weights("none", mixture, memory, 11) is None


def test_a_bundle_gives_the_runs_labels(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    assert main(["export", str(run), "--out", str(out), "--name", "tiny"]) == 0
    written = bundle.load(out)
    assert (written.name, written.task, written.size) == ("tiny", "camera", (64, 64))
    assert written.scores["camvid_val"]["images"] == 2
    assert "CC BY-NC 4.0" in (out / "card.md").read_text()
    assert str(run.parent) not in (out / "bundle.yaml").read_text()
    prediction = engine.load(written, runtime="onnxruntime").infer(image=np.full((64, 64, 3), 90, np.uint8))
    assert prediction.labels.shape == (64, 64) and prediction.labels.max() < 11


def test_a_run_starts_from_another_and_tells(run: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "second"
    assert main(words(data, out, f"init={run}", "schedule.steps=1", "validation.0.limit=1")) == 0
    assert len(json.loads((out / "results.json").read_text())["data"]) == 2


def test_a_run_that_is_not_finished_is_no_start(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "first")
    (tmp_path / "first/results.json").unlink()
    assert main(words(data, tmp_path / "second", f"init={tmp_path / 'first'}", "schedule.steps=1")) == 2
    assert "which tells what it learned from: let that run finish" in capsys.readouterr().err


def test_a_run_starts_from_a_bundle_and_tells(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, model, finer = tmp_path / "second", tmp_path / "model", ["network.subpixel=2", "jaccard=0.5"]
    assert main(["export", str(run), "--out", str(model)]) == 0
    # With no rate to learn at, what comes out is what went in.
    still = ["schedule={steps: 1, lr: 1.0e-12}", "loop.average=null", *finer, "augmentation.balance=0.5"]
    assert main(words(data, out, f"init={model}", *still)) == 0
    first, second = (json.loads((one / "results.json").read_text()) for one in (run, out))
    assert [one["path"] for one in second["data"]] == ["camvid", "camvid"]
    assert second["validation"]["camvid_val"]["iou"]["sky"] == pytest.approx(
        first["validation"]["camvid_val"]["iou"]["sky"], abs=0.1
    )
    assert main(["export", str(out), "--out", str(tmp_path / "again")]) == 0
    assert "trained from the weights of model." in (tmp_path / "again/card.md").read_text()
    assert main(words(data, tmp_path / "b", f"init={model}", "network.decoder=32")) == 2
    assert "is of another network: choose one with the same" in capsys.readouterr().err
    shutil.rmtree(model)  # a finished run has told what it learned from
    assert main(words(data, out, f"init={model}", *still)) == 0
    assert json.loads((out / "results.json").read_text())["data"] == second["data"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of sky over road, with warm roads, in the world's layout."""
    root = tmp_path_factory.mktemp("drawn") / "world"
    for folder in ("rgb", "label", "thermal"):
        (root / folder).mkdir(parents=True)
    for index in range(3):
        label = np.full((48, 64), 7, np.uint8)
        label[20 + 4 * index :] = 0
        warm = np.where(label == 0, 29500, 26000).astype(np.uint16)
        cv2.imwrite(str(root / "rgb" / f"{index}.png"), np.repeat(label[..., None] * 20, 3, axis=2))
        cv2.imwrite(str(root / "label" / f"{index}.png"), label)
        cv2.imwrite(str(root / "thermal" / f"{index}.png"), warm)
    manifest = {"label_set": "street11", "settings": {"camera": "pinhole"}}
    (root / "manifest.json").write_text(json.dumps(manifest))
    return root


def test_an_rgbt_bundle_from_an_rgb_run(run: Path, data: Path, world: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "rgbt", tmp_path / "model"
    sets = "{kind: camvid, path: camvid}, {kind: world, path: " + str(world) + "}"
    seen = "{name: seen, kind: world, path: " + str(world) + "}"
    more = [f"data=[{sets}]", f"validation=[{seen}, {{name: plain, kind: camvid, path: camvid}}]"]
    assert main(words(data, out, "task=rgbt", f"init={run}", *more)) == 0
    results = json.loads((out / "results.json").read_text())
    assert list(results["validation"]) == ["seen", "seen_rgb_only", "seen_thermal_only", "plain"]
    assert results["miou"] == results["validation"]["seen"]["miou"]
    sheet = cv2.imread(str(out / "seen.jpg"))
    assert sheet.shape[1] == 6 * 360  # two pictures, the truth, three predictions
    assert main(["export", str(out), "--out", str(model)]) == 0
    assert main(["export", str(out), "--out", str(model), "--pictures", str(world)]) == 0
    written = bundle.load(model)
    assert written.task == "rgbt" and "registered pairs" in (model / "card.md").read_text()
    made = engine.load(written, runtime="onnxruntime")
    frame = {"image": np.full((64, 64, 3), 90, np.uint8), "thermal": np.zeros((64, 64), np.uint8)}
    confident = [
        made.infer(**frame, present=np.array(present, np.float32)).confidence.copy()
        for present in ((1, 1), (1, 0), (0, 1))
    ]
    assert (confident[0] != confident[1]).any() and (confident[0] != confident[2]).any()


def test_a_bundle_of_two_branches_knows_what_is_present(data: Path, world: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "cmx", tmp_path / "model"
    sets = [f"{key}=[{{{name}kind: world, path: {world}}}]" for key, name in PARTS.items()]
    more = ["task=rgbt", "network.fusion=two_branch", "schedule.steps=2", *sets]
    assert main(words(data, out, *more)) == 0
    assert main(["export", str(out), "--out", str(model)]) == 0
    assert "CMX on two MiT encoders" in (model / "card.md").read_text()
    made = engine.load(bundle.load(model), runtime="onnxruntime")
    image, thermal = (np.full((64, 64, *rest), 90, np.uint8) for rest in ((3,), ()))
    hidden = np.array([1, 0], np.float32)
    alone = made.infer(image=image, thermal=thermal, present=hidden).confidence.copy()
    assert (made.infer(image=image, thermal=thermal * 0, present=hidden).confidence == alone).all()
    assert (made.infer(image=image, thermal=thermal, present=hidden * 0 + 1).confidence != alone).any()


def test_thermal_needs_a_set_that_has_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(data, tmp_path / "run", "task=rgbt")) == 2
    assert "No set of data has thermal pictures" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["street_b0_camera.yaml", "street_b0_panorama.yaml", "street_b0_rgbt.yaml"])
def test_the_configurations_are_valid(name: str) -> None:
    settings = config.read(ROOM / name, Settings)
    assert settings.name == Path(name).stem and not settings.data_root.is_absolute()


def test_windows_follow_progress() -> None:
    settings = config.read(
        ROOM / "street_b0_camera.yaml",
        Settings,
        ["windows=[{since: 0.5, size: [64, 96]}, {since: 0, size: [32, 32]}]"],
    )
    assert [settings.window(done) for done in (0.0, 0.49, 0.5, 1.0)] == [(32, 32)] * 2 + [(64, 96)] * 2


def test_a_bundle_for_thermal_too_starts_no_rgb_network(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init = ROOM.parents[1] / "models" / "street_b0_rgbt"
    assert main(words(data, tmp_path / "run", f"init={init}")) == 2
    assert "is for RGB and thermal: choose a bundle for RGB alone" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["size=[50, 64]"], "multiples of 32"),
        (["windows.0.since=0.5"], "the first of windows must have since: 0"),
        (["data.0.path=nowhere"], "does not exist: expected the SegNet layout of CamVid"),
        (["data.0.skip=9"], "leaves none of the 4 samples"),
        (["label_set=street12"], "no known label set"),
        (["init=/nowhere"], "give the folder of a run"),
        (["lr=1"], "unknown key 'lr'"),
    ],
)
def test_mistakes_end_in_a_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    assert main(words(data, tmp_path / "run", *more)) == 2
    said = capsys.readouterr().err.strip()
    assert sentence in said and said.startswith("supervised: ") and "\n" not in said


def test_an_unfinished_run_is_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "model")]) == 2
    assert "has no config.yaml" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("task: camera\n")
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "model")]) == 2
    assert "let the run finish" in capsys.readouterr().err
    (tmp_path / "results.json").write_text("{}")
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "model")]) == 2
    assert "has no checkpoint.pt" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_classes_may_be_chosen_at_the_size_of_the_labels() -> None:
    class Slope(nn.Module):
        """Two classes that meet along a diagonal."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            row, column = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
            return torch.stack([row, column + 0.1])[None]

    predictor = Predictor(Slope(), (16, 16), pad=0)
    picture = np.zeros((16, 16, 3), np.uint8)
    fine, deployed = predictor(picture, size=(64, 64)), predictor(picture)
    assert deployed.shape == (16, 16) and fine.shape == (64, 64)
    assert (fine != deployed.repeat(4, axis=0).repeat(4, axis=1)).any()
    np.testing.assert_array_equal(fine[2::4, 2::4], deployed)
