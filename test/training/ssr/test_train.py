# SPDX-License-Identifier: Apache-2.0
"""SSR from class statistics to scores by the command line, on tiny pictures; continued, in two processes."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torchrun import two_processes

from samseg_ros.labels import label_set
from training import checkpoint
from training.__main__ import main
from training.foundation.sam import Encoder, build
from training.ssr.student import student_of

LABELS = label_set("street11")
SIZE, CROP = [32, 64], [32, 32]
CONFIG = {
    "name": "tiny", "label_set": "street11", "size": SIZE, "crop": CROP,
    "source": [{"kind": "world", "path": "drawn", "size": SIZE}],
    "target": [{"kind": "pictures", "path": "seen", "size": SIZE}],
    "validation": [{"name": "drawn", "kind": "world", "path": "drawn", "limit": 2}],
    "network": {"variant": "b0", "channels": 16, "drop_path": 0.1}, "batch": 2, "places": 2,
    "self_training": {"alpha": 0.9, "threshold": 0.05, "ignore_top": 2, "ignore_bottom": 2},
    "rare_classes": {"statistics": "classes.json", "temperature": 0.1, "min_pixels": 20},
    "feature_distance": {"classes": ["car", "building"], "min_share": 0.5},
    "regularisation": {"encoder": {"variant": "custom", "checkpoint": ""}},
    "schedule": {"steps": 2, "lr": 1e-3}, "workers": 0,
    "loop": {"device": "cpu", "average": None, "clip": None, "save_every": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sky over houses, a car and road, as the world writes them; pictures of the like; and a random SAM."""
    root = tmp_path_factory.mktemp("data")
    for kind in ("drawn/rgb", "drawn/label", "seen"):
        (root / kind).mkdir(parents=True)
    for index in range(4):
        label = np.full(SIZE, LABELS.names.index("building"), np.uint8)
        label[: 8 + index] = LABELS.names.index("sky")
        label[22:] = LABELS.names.index("road")
        label[16:26, 10 + 8 * index : 26 + 8 * index] = LABELS.names.index("car")
        for folder, light in (("drawn/rgb", 0), ("seen", 40)):
            colours = LABELS.palette()[:, ::-1][label].astype(int) + light
            noise = np.random.default_rng(index).integers(-30, 30, colours.shape)
            picture = np.clip(colours + noise, 0, 255).astype(np.uint8)
            assert cv2.imwrite(str(root / folder / f"{index}.png"), picture)
        assert cv2.imwrite(str(root / f"drawn/label/{index}.png"), label)
    manifest = {"label_set": "street11", "settings": {"camera": "pinhole"}}
    (root / "drawn/manifest.json").write_text(json.dumps(manifest))
    torch.manual_seed(0)
    torch.save(build(Encoder(32, 2, 2, (1,), 64)).state_dict(), root / "sam.pth")
    return root


@pytest.fixture(scope="module")
def experiment(data: Path) -> Path:
    """A configuration whose class statistics are made."""
    given = {**CONFIG, "data_root": str(data)}
    given["regularisation"] = {"encoder": {"variant": "custom", "checkpoint": str(data / "sam.pth")}}
    file = data / "ssr.yaml"
    file.write_text(json.dumps(given))
    assert main(["classes", str(file)]) == 0
    return file


def network(run: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = checkpoint.load(run / checkpoint.NAME)["network"]
    return found


def test_a_run_folder_holds_student_scores_and_pictures(
    experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["ssr", str(experiment), f"out={out}"]) == 0
    printed = capsys.readouterr().out
    assert "drawn: mIoU" in printed and f"Run folder: {out}" in printed
    assert {file.name for file in out.iterdir()} == {
        "config.yaml", "checkpoint.pt", "results.json", "sheet.jpg",
    }  # fmt: skip
    results = json.loads((out / "results.json").read_text())
    assert results["steps"] == 2 and results["validation"]["drawn"]["images"] == 2
    assert results["sam"]["variant"] == "custom" and len(results["sam"]["sha256"]) == 64
    assert [(one["path"], one.get("labels", True)) for one in results["data"]] == [
        ("drawn", True), ("seen", False),
    ]  # fmt: skip
    student = student_of(out, LABELS)
    assert results["parameters"]["student"] == sum(one.numel() for one in student.parameters())
    assert results["parameters"]["regulariser"] > 0
    # What is SAM's is nowhere in the checkpoint.
    assert {name.partition(".")[0] for name in network(out)} == {
        "student", "teacher", "reference", "regulariser", "steps",
    }  # fmt: skip
    sheet = cv2.imread(str(out / "sheet.jpg"))
    assert sheet is not None and sheet.shape == (4 * 256, 7 * 256, 3)


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(experiment: Path, tmp_path: Path) -> None:
    words = ["ssr", str(experiment), "schedule={steps: 4, lr: 1e-3, warmup: 0, decay: poly, power: 1e-9}"]
    assert main([*words, f"out={tmp_path / 'whole'}"]) == 0
    assert main([*words, f"out={tmp_path / 'parts'}", "schedule.steps=2"]) == 0
    assert main([*words, f"out={tmp_path / 'parts'}"]) == 0
    whole, parts = network(tmp_path / "whole"), network(tmp_path / "parts")
    assert int(whole["steps"]) == 4
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-4, atol=1e-6)


def test_kept_embeddings_change_nothing(experiment: Path, tmp_path: Path) -> None:
    assert main(["ssr", str(experiment), f"out={tmp_path / 'fresh'}"]) == 0
    kept = ["ssr", str(experiment), f"regularisation.cache={tmp_path / 'cache'}"]
    for name in ("filling", "reading"):
        assert main([*kept, f"out={tmp_path / name}"]) == 0
    fresh, filling, reading = (network(tmp_path / name) for name in ("fresh", "filling", "reading"))
    for name in fresh:
        torch.testing.assert_close(reading[name], filling[name], rtol=1e-4, atol=1e-6)
        # Kept ones have half the precision, and the optimiser takes even the smallest gradients in full.
        far = (filling[name].float() - fresh[name].float()).abs() > 2e-3
        assert far.float().mean() < 0.05, name


def test_without_self_training_no_target_is_needed(experiment: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    without = ["self_training=null", "target=[]", "regularisation=null", "feature_distance=null"]
    assert main(["ssr", str(experiment), f"out={out}", *without]) == 0
    assert {name.partition(".")[0] for name in network(out)} == {"student", "steps"}
    # Another run starts where this one ended.
    assert main(["ssr", str(experiment), f"out={tmp_path / 'next'}", f"network.init={out}"]) == 0
    results = json.loads((tmp_path / "next/results.json").read_text())
    assert [one["path"] for one in results["data"]] == ["drawn", "drawn", "seen"]
    reference = {k: v for k, v in network(tmp_path / "next").items() if k.startswith("reference.")}
    start = network(out)
    assert reference
    for name, value in reference.items():
        assert torch.equal(value, start[f"student.encoder.{name.removeprefix('reference.')}"])
    # From then on it stands by itself.
    shutil.rmtree(out)
    words = [f"out={tmp_path / 'next'}", f"network.init={out}", "schedule.steps=3"]
    assert main(["ssr", str(experiment), *words]) == 0 and int(network(tmp_path / "next")["steps"]) == 3


def test_two_processes_learn_from_all_of_the_batch(experiment: Path, tmp_path: Path) -> None:
    two_processes("ssr", str(experiment), f"out={tmp_path / 'two'}", "masking={block: 8}")
    found = network(tmp_path / "two")
    assert int(found["steps"]) == 2 and all(value.isfinite().all() for value in found.values())
    results = json.loads((tmp_path / "two/results.json").read_text())
    assert 0 <= results["validation"]["drawn"]["miou"] <= 1


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["rare_classes.statistics=none.json"], "run `python -m training classes`"),
        (["rare_classes.min_pixels=100000"], "lower it"),
        (["target.0.path=nowhere"], "nowhere"),
        (["source.0.path=seen"], "manifest.json"),
        (["regularisation.encoder.checkpoint=nowhere.pth"], "nowhere.pth"),
        (["regularisation.encoder.variant=vit_h"], "is no vit_h"),
        (["network.init=nowhere"], "nowhere"),
        (["network.init=${begun}"], "was trained on camvid11, not street11"),
        (["network.weights=none.safetensors"], "none.safetensors"),
        (["masking={ratio: 2}"], "'masking.ratio' is 2"),
        (["regularization=null"], "regularisation"),
    ],
)
def test_mistakes_end_in_a_sentence(
    overrides: list[str], words: str, experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "begun").mkdir()
    given = json.loads(experiment.read_text()) | {"label_set": "camvid11", "feature_distance": None}
    (tmp_path / "begun/config.yaml").write_text(json.dumps(given))
    overrides = [one.replace("${begun}", str(tmp_path / "begun")) for one in overrides]
    assert main(["ssr", str(experiment), f"out={tmp_path / 'run'}", *overrides]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said and "\n" not in said
    assert not (tmp_path / "run/checkpoint.pt").exists()
