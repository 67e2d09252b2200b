# SPDX-License-Identifier: Apache-2.0
"""GoodSAM from masks to a bundle on tiny panoramas, by the command line; one process and two."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from ssr_runs import write_ssr_run
from torchrun import two_processes

from samseg_ros import bundle, engine
from samseg_ros.labels import label_set
from training import checkpoint, config, from_bundle
from training.__main__ import main
from training.goodsam import evaluate
from training.goodsam.network import Batch, GoodSAM, window_logits
from training.goodsam.sets import unlabelled
from training.goodsam.settings import Settings
from training.goodsam.train import build_student, load_assistant
from training.networks import segformer

HEIGHT, WIDTH = 32, 128
LABELS = label_set("street11")
LOSSES = ("consistency", "assistant_window", "assistant_masked", "whole", "window", "masked", "boundary")
CONFIG = {
    "name": "tiny", "label_set": "street11", "size": [HEIGHT, WIDTH], "wrap": 32,
    "data": [{"kind": "world", "path": "world"}],
    "validation": [{"name": "world", "kind": "world", "path": "world", "limit": 2}],
    "windows": {"size": [32, 64], "stride": [32, 32]},
    "masks": {"kind": "instances", "strength": 0.2},
    "cache": "masks", "assistant": "", "student": {"drop_path": 0.0}, "freeze_norm": True,
    "batch": 2, "schedule": {"steps": 2, "lr": 1e-3}, "loop": {"device": "cpu", "average": None},
    "workers": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sky over houses, a car and road, as the world writes them; and pinhole pictures of the same."""
    root = tmp_path_factory.mktemp("data")
    for name, camera, size, count in (("world", "erp", (32, 128), 4), ("pinhole", "pinhole", (32, 64), 3)):
        folder = root / name
        for kind in ("rgb", "label", "instance"):
            (folder / kind).mkdir(parents=True)
        for index in range(count):
            label = np.full(size, LABELS.names.index("building"), np.uint8)
            label[: 8 + index] = LABELS.names.index("sky")
            label[22:] = LABELS.names.index("road")
            instance = np.zeros(size, np.uint16)
            label[18:26, 10 + 8 * index : 26 + 8 * index] = LABELS.names.index("car")
            instance[label == LABELS.names.index("car")] = 1
            colours = LABELS.palette()[:, ::-1][label].astype(int)
            noise = np.random.default_rng(index).integers(-30, 30, colours.shape)
            cv2.imwrite(str(folder / f"rgb/{index}.png"), np.clip(colours + noise, 0, 255).astype(np.uint8))
            cv2.imwrite(str(folder / f"label/{index}.png"), label)
            cv2.imwrite(str(folder / f"instance/{index}.png"), instance)
        manifest = {"label_set": "street11", "settings": {"camera": camera}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    return root


@pytest.fixture(scope="module")
def assistant(data: Path) -> Path:
    out = data / "assistant"
    given = {
        "name": "assistant", "task": "camera", "size": [32, 64], "data_root": str(data),
        "data": [{"kind": "world", "path": "pinhole"}],
        "validation": [{"name": "pinhole", "kind": "world", "path": "pinhole", "split": "val"}],
        "network": {"variant": "b0"}, "windows": [{"since": 0, "size": [32, 64]}], "batch": 2,
        "schedule": {"steps": 2, "lr": 1e-3}, "loop": {"device": "cpu"}, "workers": 0,
    }  # fmt: skip
    file = data / "assistant.yaml"
    file.write_text(json.dumps(given))
    assert main(["supervised", str(file), f"out={out}"]) == 0
    return out


@pytest.fixture(scope="module")
def experiment(data: Path, assistant: Path) -> Path:
    """A configuration whose masks are made."""
    file = data / "goodsam.yaml"
    file.write_text(json.dumps({**CONFIG, "data_root": str(data), "assistant": str(assistant)}))
    assert main(["masks", str(file)]) == 0
    return file


def model(experiment: Path, *overrides: str) -> tuple[GoodSAM, Settings]:
    settings = config.read(experiment, Settings, overrides)
    torch.manual_seed(0)
    made = GoodSAM(load_assistant(settings, LABELS), build_student(settings, LABELS), settings)
    return made.train(), settings


def batch(settings: Settings, *, mirrored: bool = False, turn: int = 0) -> Batch:
    image = torch.randint(0, 255, (1, HEIGHT, WIDTH, 3), dtype=torch.uint8)
    changed = (image.flip(2) if mirrored else image).roll(turn, dims=2)
    masks = torch.randint(0, 4, (1, len(settings.grid.windows), *settings.windows.size))
    return Batch(
        image, changed, torch.tensor([mirrored]), torch.tensor([turn]), masks, settings.grid.pairs[:2]
    )


def test_a_run_folder_holds_student_scores_and_pictures(
    experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ["goodsam", str(experiment), f"out={out}", "loop.save_every=1"]
    assert main([*words, "schedule.steps=1"]) == 0
    # A finished shorter run is one that was interrupted, to a longer one.
    assert main([*words, "schedule.steps=2"]) == 0
    printed = capsys.readouterr().out
    assert "world_assistant: mIoU" in printed and f"Run folder: {out}" in printed
    assert {file.name for file in out.iterdir()} == {
        "config.yaml",
        "checkpoint.pt",
        "results.json",
        "sheet.jpg",
    }
    results = json.loads((out / "results.json").read_text())
    assert results["steps"] == 2 and set(results["validation"]) == {"world", "world_assistant"}
    assert results["masks"]["kind"] == "instances" and results["masks"]["strength"] == 0.2
    assert [one.get("labels", True) for one in results["data"]] == [True, False]
    sheet = cv2.imread(str(out / "sheet.jpg"))
    assert sheet is not None and sheet.shape == (6 * 200, 3 * 800, 3)


def test_the_students_bundle_gives_the_students_labels(experiment: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(["goodsam", str(experiment), f"out={out}", "schedule.steps=1"]) == 0
    assert main(["export", str(out), "--out", str(tmp_path / "bundle"), "--full-precision"]) == 0
    made = bundle.load(tmp_path / "bundle")
    assert made.task == "panorama" and made.size == (64, 128)
    card = (tmp_path / "bundle/card.md").read_text()
    assert "trained from random weights" in card
    assert "GoodSAM" in card and "world: 4 pictures" in card and "none of their labels" in card
    settings = config.read(out / "config.yaml", Settings).model_copy(update={"size": (64, 128)})
    student = build_student(settings, LABELS)
    weights = checkpoint.weights(out)
    student.load_state_dict({k[8:]: v for k, v in weights.items() if k.startswith("student.")})
    picture = np.random.default_rng(0).integers(0, 255, (64, 128, 3), np.uint8)
    expected = evaluate.student(student.eval(), settings)(picture)
    labels = engine.load(made, runtime="onnxruntime").infer(image=picture).labels
    assert (labels == expected).mean() > 0.995
    # A whole sphere is scored alike; of a strip nothing is added.
    strip = settings.model_copy(update={"scored_on": "strip"})
    np.testing.assert_array_equal(evaluate.student(student, strip)(picture), expected)
    half = evaluate.student(student, strip.model_copy(update={"size": (32, 128)}))
    assert half(picture[16:48]).shape == (32, 128)


def test_the_students_view_is_undone(experiment: Path) -> None:
    """Mirrored and turned pictures give the same panorama again, as far as the network is symmetric."""
    made, settings = model(experiment)
    made.eval()

    class Brightness(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.avg_pool2d(image, 4)

    made.student = Brightness()  # type: ignore[assignment]
    torch.manual_seed(1)
    plain = batch(settings)
    for mirrored, turn in ((False, 36), (True, 0), (True, 100)):
        changed = (plain.images.flip(2) if mirrored else plain.images).roll(turn, dims=2)
        other = plain._replace(changed=changed, mirrored=torch.tensor([mirrored]), turns=torch.tensor([turn]))
        torch.testing.assert_close(made.study(other), made.study(plain))


def test_each_loss_trains_whom_it_is_for(experiment: Path) -> None:
    off = dict.fromkeys(LOSSES, 0.0)
    for name in off:
        made, settings = model(experiment, f"weights={json.dumps({**off, name: 1.0})}", "fusion.theta=0.0")
        torch.manual_seed(2)
        losses = made(batch(settings))
        assert set(losses) == {"loss", name} and losses[name] > 0
        losses["loss"].backward()
        touched = [
            any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
            for part in (made.assistant, made.student)
        ]
        of_assistant = name in ("consistency", "assistant_window", "assistant_masked")
        assert touched == [of_assistant, not of_assistant], name


def test_the_assistant_is_never_in_training_mode(experiment: Path) -> None:
    made, _ = model(experiment)
    assert made.student.training and not made.assistant.training
    norms = [one for one in made.student.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert norms and not any(one.training for one in norms)
    free, _ = model(experiment, "freeze_norm=false")
    assert all(one.training for one in free.student.modules() if isinstance(one, torch.nn.BatchNorm2d))


def test_the_student_of_an_ssr_run_assists(experiment: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "ssr", tmp_path / "run"
    theirs = write_ssr_run(run, tmp_path)
    made, settings = model(experiment, f"assistant={run}")
    seen = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        assert torch.equal(made.assistant(seen), theirs.student(seen))
    made(batch(settings))["loss"].backward()
    # Nothing that learns is without a gradient, which training in several processes would stop at.
    assert all(one.grad is not None for one in made.parameters())
    assert main(["goodsam", str(experiment), f"out={out}", f"assistant={run}"]) == 0
    results = json.loads((out / "results.json").read_text())
    assert [one["path"] for one in results["data"]] == ["drawn", "seen", "world"]
    # It learned, but the statistics of its normalisation stayed as they were.
    learned, start = checkpoint.weights(out), theirs.student.state_dict()
    changed = {name for name in start if not torch.equal(learned[f"assistant.{name}"], start[name])}
    assert any(name.startswith("encoder.") for name in changed)
    assert "head.classifier.weight" in changed and not any("running" in name for name in changed)
    assert main(["export", str(out), "--out", str(tmp_path / "bundle")]) == 0
    assert "several owners, whose licences are theirs; none of" in (tmp_path / "bundle/card.md").read_text()


def test_an_ssr_run_of_other_labels_does_not_assist(
    experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ssr_run(tmp_path / "ssr", tmp_path, label_set="cityscapes19")
    words = ["goodsam", str(experiment), f"out={tmp_path / 'run'}", f"assistant={tmp_path / 'ssr'}"]
    assert main(words) == 2
    assert "was trained on cityscapes19, not street11" in capsys.readouterr().err


def test_two_processes_equal_one_with_twice_the_batch(
    experiment: Path, assistant: Path, tmp_path: Path
) -> None:
    words = [str(experiment), "seed=3"]
    assert main(["goodsam", *words, f"out={tmp_path / 'one'}"]) == 0
    two_processes("goodsam", *words, f"out={tmp_path / 'two'}", "batch=1")
    one, two = (checkpoint.load(tmp_path / name / checkpoint.NAME)["network"] for name in ("one", "two"))
    start = checkpoint.weights(assistant)
    assert any(not torch.equal(one[f"assistant.{name}"], start[name]) for name in start)
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=2e-4, atol=2e-5)


def test_a_step_with_masks_of_sam(experiment: Path, tmp_path: Path) -> None:
    """Real code of segment-anything, with random weights in the format of the official checkpoints."""
    pytest.importorskip("segment_anything", reason="segment-anything is not installed")
    from training.foundation.sam import Encoder, build

    torch.manual_seed(0)
    torch.save(build(Encoder(32, 2, 2, (1,), 128)).state_dict(), tmp_path / "sam.pth")
    masks = {
        "kind": "sam", "variant": "custom", "checkpoint": str(tmp_path / "sam.pth"), "points_per_side": 4,
        "pred_iou_thresh": 0, "stability_score_thresh": 0, "box_nms_thresh": 1,
    }  # fmt: skip
    words = [str(experiment), f"masks={json.dumps(masks)}", f"cache={tmp_path / 'masks'}", "data.0.limit=2"]
    assert main(["masks", *words]) == 0
    # Training asks the cache, not SAM: the checkpoint may be gone by then.
    (tmp_path / "sam.pth").unlink()
    assert main(["goodsam", *words, f"out={tmp_path / 'run'}", "schedule.steps=1"]) == 0
    results = json.loads((tmp_path / "run/results.json").read_text())
    assert results["masks"]["kind"] == "sam" and len(results["masks"]["sha256"]) == 64


def test_assistant_and_student_start_from_bundles(
    experiment: Path, assistant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, run = tmp_path / "model", tmp_path / "run"
    assert main(["export", str(assistant), "--out", str(model)]) == 0
    words = ["goodsam", str(experiment), f"assistant={model}", f"student.init={model}"]
    assert main([*words, f"out={run}", "schedule.steps=1", "student.subpixel=2"]) == 0
    # Hardly trained, it has too many ties for weights in half precision.
    assert main(["export", str(run), "--out", str(tmp_path / "student"), "--full-precision"]) == 0
    assert from_bundle.network(tmp_path / "student", LABELS).subpixel == 2
    results = json.loads((run / "results.json").read_text())
    assert [one["path"] for one in results["data"]][:2] == ["pinhole", "pinhole"]
    settings = config.read(experiment, Settings, [f"student.init={model}", f"out={tmp_path / 'none'}"])
    panoramas = unlabelled(settings.data[0], settings.data_root, LABELS)
    student, plain = build_student(settings, LABELS, panoramas), build_student(settings, LABELS)
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(student.eval()(picture), plain.eval()(picture), rtol=1e-3, atol=1e-4)
    assert float(student.model.decode_head.batch_norm.running_mean.abs().sum()) > 0
    about = yaml.safe_load((model / "bundle.yaml").read_text())
    (model / "bundle.yaml").write_text(
        yaml.safe_dump({**about, "task": "panorama", "projection": "equirectangular"})
    )
    assert main([*words, f"out={tmp_path / 'other'}"]) == 2
    assert "is for task panorama: choose a bundle of task camera" in capsys.readouterr().err


def test_what_an_assistant_with_finer_logits_says_is_averaged(experiment: Path) -> None:
    settings = config.read(experiment, Settings)
    fine = segformer("b0", len(LABELS), subpixel=2).eval()
    seen = torch.randn(1, 2, 3, 32, 64)
    with torch.no_grad():
        found = window_logits(fine, seen, settings.windows.magnify)
        torch.testing.assert_close(found[0], torch.nn.functional.avg_pool2d(fine(seen[0]), 2))
    assert found.shape == (1, 2, len(LABELS), 8, 16)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["cache=none"], "run `python -m training masks`"),
        (["masks.strength=0.5"], "masks.strength 0.2 instead of 0.5"),
        (["assistant=nowhere"], "no run folder"),
        (["label_set=camvid11"], "was trained on street11, not camvid11"),
        (["windows.size=[32, 256]"], "larger than the panorama"),
        (["windows.size=[16, 64]", "windows.stride=[16, 32]"], "at least 32"),
        (["windows.size=[32, 66]"], "multiples of 4"),
        (["fusion.theta=2"], "'fusion.theta' is 2"),
        (["masks={kind: sam, strength: 1, checkpoint: a.pth}"], "unknown key 'masks.sam.strength'"),
        (["validation=[{name: v, kind: pictures, path: world}]"], "which has no labels"),
        (["data.0.skip=9"], "leaves none of the 4 panoramas"),
        (["data.0.path=pinhole"], "expected panoramas"),
        (["fusion.levels=[0.5, 0.1]"], "the smaller first"),
        (["windows.stride=[32, 64]", "windows.wrap=false"], "no two windows overlap"),
        ([f"weights.{name}=0" for name in LOSSES], "all losses have weight 0"),
        (["student={init: a, weights: b.safetensors}"], "both say what to start from"),
        (["student.init=nowhere"], "nowhere"),
        (["assistant=${other}"], "is a run of `python -m training goodsam`: choose one of"),
        (["student.init=${other}"], "is no run of `python -m training supervised`"),
    ],
)
def test_mistakes_end_in_a_sentence(
    overrides: list[str], words: str, experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "goodsam_run"
    other.mkdir()
    config.write(other / "config.yaml", config.read(experiment, Settings))
    overrides = [one.replace("${other}", str(other)) for one in overrides]
    assert main(["goodsam", str(experiment), f"out={tmp_path / 'run'}", *overrides]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said and "\n" not in said
    assert not (tmp_path / "run/checkpoint.pt").exists()
