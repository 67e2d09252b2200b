# SPDX-License-Identifier: Apache-2.0
"""SARTM by the command line, on tiny pairs and a tiny random SAM; continued, in two processes, in parts."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from sartm_runs import CONFIG, write_experiment, write_sam
from torchrun import two_processes

from samseg_ros.labels import MFNET9, STREET11
from training import checkpoint, config
from training.__main__ import main
from training.sartm.sets import held_out, samples
from training.sartm.settings import Settings, Source, Validation
from training.sartm.train import learned_from

ENDINGS = ("", "_rgb_only", "_thermal_only")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_experiment(root)
    return root


@pytest.fixture(scope="module")
def experiment(data: Path) -> Path:
    return data / "sartm.yaml"


@pytest.fixture(scope="module")
def run(experiment: Path, data: Path) -> Path:
    """A finished run of two steps."""
    out = data / "run"
    assert main(["sartm", str(experiment), f"out={out}"]) == 0
    return out


def network(run: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = checkpoint.load(run / checkpoint.NAME)["network"]
    return found


def results(run: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((run / "results.json").read_text())
    return told


def test_a_run_folder_holds_scores_of_every_stream_and_light(run: Path, data: Path) -> None:
    assert {file.name for file in run.iterdir()} == {
        "config.yaml", "checkpoint.pt", "results.json", "drawn.jpg",
    }  # fmt: skip
    told = results(run)
    whole = [f"drawn{ending}" for ending in ENDINGS]
    apart = [f"drawn_{light}{ending}" for ending in ENDINGS for light in ("day", "night")]
    assert list(told["validation"]) == whole + apart
    assert told["steps"] == 2 and told["miou"] == told["validation"]["drawn"]["miou"]
    assert [told["validation"][f"drawn{light}"]["images"] for light in ("", "_day", "_night")] == [4, 2, 2]
    assert set(told["validation"]["drawn"]["iou"]) == set(STREET11.names)
    assert told["backbone"] | {"sha256": ""} == {
        "name": "sam.pth", "kind": "sam", "variant": "custom", "sha256": "",
    }  # fmt: skip
    official = torch.load(data / "sam.pth", weights_only=True)
    frozen = sum(one.numel() for name, one in official.items() if name.startswith("image_encoder."))
    assert told["parameters"]["frozen"] == frozen and told["parameters"]["trainable"] > 0
    sheet = cv2.imread(str(run / "drawn.jpg"))
    assert sheet is not None and sheet.shape[1] == 6 * 360  # two pictures, the truth, three predictions


def test_a_checkpoint_holds_what_learns_and_the_name_of_what_does_not(run: Path) -> None:
    state, told = network(run), results(run)
    assert bytes(state["network.backbone.digest"].tolist()).hex() == told["backbone"]["sha256"]
    assert state["shared.seen"].sum() == 3 and not any("patch_embed" in name for name in state)
    floats = sum(one.numel() for one in state.values() if one.is_floating_point())
    # Besides there are the statistics of normalisation, the prototypes and the decoder's positions.
    kept = floats - told["parameters"]["trainable"]
    assert kept == 2 * 2 * (32 + 64 + 256) + state["shared.mean"].numel() + 2 * 128


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(experiment: Path, tmp_path: Path) -> None:
    words = ["sartm", str(experiment), "schedule={steps: 4, lr: 1e-3, warmup: 0, decay: poly, power: 1e-9}"]
    words.append("validation.0.limit=1")
    assert main([*words, f"out={tmp_path / 'whole'}"]) == 0
    assert main([*words, f"out={tmp_path / 'parts'}", "schedule.steps=2"]) == 0
    # What is looked at on the way chooses nothing: the last weights are the result.
    assert main([*words, f"out={tmp_path / 'parts'}", "loop.validate_every=1"]) == 0
    whole, parts = network(tmp_path / "whole"), network(tmp_path / "parts")
    assert float(whole["shared.mean"].abs().max()) > 0
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-4, atol=1e-5)
    assert results(tmp_path / "parts")["steps"] == 4


def test_another_backbone_is_refused(
    experiment: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sam(tmp_path / "other.pth", seed=1)
    words = ["sartm", str(experiment), f"out={tmp_path}", f"backbone.checkpoint={tmp_path / 'other.pth'}"]
    (tmp_path / "checkpoint.pt").write_bytes((run / "checkpoint.pt").read_bytes())
    assert main(words) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "trained on another backbone" in said and "start another run" in said


def test_a_run_starts_from_where_another_ended(
    experiment: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sartm", str(experiment), f"init={run}", "validation.0.limit=1"]
    assert main([*words, f"out={tmp_path / 'on'}", "schedule={steps: 1, lr: 1e-12}"]) == 0
    found = network(tmp_path / "on")
    for name, value in network(run).items():
        if name.startswith("network.") and "running" not in name and "batches" not in name:
            torch.testing.assert_close(found[name], value)
    # What it learned before counts as well.
    assert len(results(tmp_path / "on")["data"]) == len(results(run)["data"]) + 1
    capsys.readouterr()
    assert main([*words, f"out={tmp_path / 'other'}", "backbone.rank=3"]) == 2
    assert "of another network" in capsys.readouterr().err


def test_without_any_of_its_parts_in_half_precision(experiment: Path, tmp_path: Path) -> None:
    bare = ["fusion=none", "auxiliary=null", "language=null", "distillation=null", "backbone.rank=0"]
    seen = ["validation.0.limit=1", "loop.precision=bf16-mixed", "loop.average=0.9"]
    assert main(["sartm", str(experiment), f"out={tmp_path / 'run'}", *bare, *seen]) == 0
    assert {name.split(".")[1] for name in network(tmp_path / "run")} == {"backbone", "decoder"}
    # One light is no reason to tell it apart.
    assert list(results(tmp_path / "run")["validation"]) == [f"drawn{ending}" for ending in ENDINGS]


def test_all_of_its_parts_in_half_precision(experiment: Path, tmp_path: Path) -> None:
    words = ["loop.precision=bf16-mixed", "backbone.checkpointing=true", "validation.0.limit=1"]
    assert main(["sartm", str(experiment), f"out={tmp_path / 'run'}", *words]) == 0
    assert all(value.isfinite().all() for value in network(tmp_path / "run").values())


def test_two_processes_learn_from_all_of_the_batch(experiment: Path, tmp_path: Path) -> None:
    two_processes("sartm", str(experiment), f"out={tmp_path / 'two'}", "validation.0.limit=1")
    found = network(tmp_path / "two")
    assert found["shared.seen"].sum() == 3 and all(value.isfinite().all() for value in found.values())
    assert 0 <= results(tmp_path / "two")["validation"]["drawn"]["miou"] <= 1


def test_day_and_night_by_the_names_of_mfnet(tmp_path: Path) -> None:
    for folder in ("images", "labels"):
        (tmp_path / "mfnet" / folder).mkdir(parents=True)
    for stem in ("00001D", "00002N"):
        four = np.random.default_rng(0).integers(0, 255, (32, 32, 4), np.uint8)
        assert cv2.imwrite(str(tmp_path / f"mfnet/images/{stem}.png"), four)
        assert cv2.imwrite(str(tmp_path / f"mfnet/labels/{stem}.png"), np.ones((32, 32), np.uint8))
    (tmp_path / "mfnet/val.txt").write_text("00001D\n00002N\n")
    part = held_out(Validation(name="a", kind="mfnet", path=Path("mfnet")), tmp_path, MFNET9)
    assert list(part.lights) == ["day", "night"]
    assert [sample.thermal_coding for sample in part.samples] == ["alpha", "alpha"]


@pytest.mark.parametrize(
    ("kind", "folders"),
    [
        ("pst900", ("rgb", "thermal_raw", "labels")),
        ("fmb", ("Visible", "Infrared", "Label")),
        ("msrs", ("vi", "ir", "Segmentation_labels")),
    ],
)
def test_each_set_is_read_by_its_own_reader(kind: str, folders: tuple[str, ...], tmp_path: Path) -> None:
    for folder in folders:
        (tmp_path / kind / "train" / folder).mkdir(parents=True)
        for stem in ("1", "2"):
            cv2.imwrite(str(tmp_path / kind / "train" / folder / f"{stem}.png"), np.ones((8, 8), np.uint8))
    source = Source.model_validate({"kind": kind, "path": kind, "thermal_folder": "thermal_raw", "skip": 1})
    (found,) = samples(source, tmp_path, MFNET9)
    assert found.image == tmp_path / kind / "train" / folders[0] / "2.png"
    assert found.thermal == tmp_path / kind / "train" / folders[1] / "2.png"


def test_what_the_backbone_learned_from_is_told_too(data: Path, tmp_path: Path) -> None:
    small = [
        {"kind": "world", "path": "old", "images": 9, "weight": 1.0, "masks": "instances"},
        {"kind": "pictures", "path": "seen", "images": 3, "weight": 1.0, "masks": "felzenszwalb"},
    ]
    (tmp_path / "results.json").write_text(json.dumps({"data": small}))
    backbone = {**CONFIG["backbone"], "checkpoint": tmp_path / "sam.pth"}
    wanted = Settings.model_validate({**CONFIG, "backbone": backbone, "language": None})
    found = learned_from(wanted, [samples(wanted.data[0], data, STREET11)])
    assert [(one["path"], one.get("labels", True)) for one in found] == [
        ("old", True), ("seen", False), ("drawn", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["backbone.checkpoint=nowhere.pth"], "nowhere.pth"),
        (["backbone.variant=vit_h"], "is no vit_h"),
        (["backbone={kind: sam2, folder: nowhere}"], "nowhere lacks config.json"),
        (["crop=[40, 40]"], "multiples of 16"),
        (["language.text.file=nowhere.pth"], "nowhere.pth"),
        (["language.text.rows=cityscapes19"], "19 names"),
        (["language.text.dimension=512"], "dimension 8, expected 512"),
        (["language.text={kind: clip, folder: nowhere}"], "nowhere lacks"),
        (["data.0.kind=mfnet"], "train.txt"),
        (["data.0.skip=9"], "leaves none of the 4 samples"),
        (["validation.0.path=nowhere"], "nowhere"),
        (["label_set=street12"], "no known label set"),
        (["loop.device=cuda"], "cuda"),
    ],
)
def test_mistakes_end_in_a_sentence(
    overrides: list[str], words: str, experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "cuda" in words and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert main(["sartm", str(experiment), f"out={tmp_path / 'run'}", *overrides]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said and said.startswith("sartm: ") and "\n" not in said
    assert not (tmp_path / "run/checkpoint.pt").exists()


def test_thermal_that_is_missing_everywhere_or_of_another_size(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_experiment(tmp_path)
    words = ["sartm", str(file), f"out={tmp_path / 'run'}"]
    for picture in (tmp_path / "drawn/thermal").iterdir():
        cv2.imwrite(str(picture), np.zeros((8, 8), np.uint16))
    assert main(words) == 2
    assert "thermal must be registered onto its picture" in capsys.readouterr().err
    for picture in (tmp_path / "drawn/thermal").iterdir():
        picture.unlink()
    assert main(words) == 2
    assert "No set of data has thermal pictures" in capsys.readouterr().err


def test_the_settings_of_a_run_are_those_that_were_given(run: Path, experiment: Path) -> None:
    given = config.read(experiment, Settings)
    assert config.read(run / "config.yaml", Settings) == given.model_copy(update={"out": run})
