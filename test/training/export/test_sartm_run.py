# SPDX-License-Identifier: Apache-2.0
"""What is deployed of a SARTM run: the trained network with LoRA merged, of either stream or of both."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
import yaml
from sartm_runs import LABELS, write_experiment, write_sam, write_sam2

from samseg_ros import bundle, engine
from training import checkpoint
from training.__main__ import main
from training.export import sartm_run
from training.export.export import read
from training.modalities import presences
from training.sartm.network import SARTM
from training.supervised.evaluate import Predictor

SIZE = (64, 96)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_experiment(root)
    return root


@pytest.fixture(scope="module")
def run(data: Path) -> Path:
    out = data / "run"
    assert main(["sartm", str(data / "sartm.yaml"), f"out={out}", "validation.0.limit=2"]) == 0
    as_after_long_training(out)
    return out


@pytest.fixture(scope="module")
def made(run: Path, data: Path) -> bundle.Bundle:
    words = ["export", str(run), "--out", str(data / "bundle"), "--size", *map(str, SIZE), "--full-precision"]
    assert main(words) == 0
    return bundle.load(data / "bundle")


def as_after_long_training(run: Path) -> None:
    """LoRA that matters, and logits that are far apart."""
    state = checkpoint.load(run / checkpoint.NAME)
    generator = torch.Generator().manual_seed(0)
    for name, value in state["network"].items():
        if ".b_query." in name or ".b_value." in name or "mask_tokens" in name:
            value.normal_(std=0.5, generator=generator)
        if "hypernetworks" in name and name.endswith("layers.2.weight"):
            value.mul_(20)
    checkpoint.save(run / checkpoint.NAME, state)


def trained(run: Path) -> SARTM:
    """As it was trained: nothing is merged."""
    return sartm_run.load(run, sartm_run.settings_of(run), LABELS)


def picture(data: Path, index: int) -> np.ndarray:
    colours = cv2.imread(str(data / f"drawn/rgb/{index:06d}.png"))
    assert colours is not None
    warmth = np.random.default_rng(index).integers(0, 256, (8, 12), np.uint8)
    shown = [cv2.resize(one, SIZE[::-1]) for one in (colours, warmth)]
    return np.ascontiguousarray(np.dstack(shown))


def test_folding_changes_nothing_but_the_adapters(run: Path, data: Path) -> None:
    plain, folded = (
        trained(run),
        sartm_run.read(run, {**json.loads((run / "results.json").read_text())}, pictures=False),
    )
    assert folded.fold is not None and folded.presence
    folded.fold(SIZE)
    names = [name for name, _ in folded.network.named_parameters()]
    assert not any("a_query" in name for name in names)
    image = torch.randn(1, 4, *SIZE)
    with torch.no_grad():
        for present in presences(True).values():
            streams = torch.tensor([present])
            shown = image * streams[:, [0, 0, 0, 1], None, None]
            torch.testing.assert_close(
                folded.network(shown, streams), plain(shown, streams), rtol=1e-3, atol=1e-3
            )


def test_onnx_runtime_agrees_from_both_streams_and_from_either(
    run: Path, data: Path, made: bundle.Bundle
) -> None:
    expected = Predictor(trained(run), SIZE, pad=0, presence=True)
    runtime = engine.load(made, runtime="onnxruntime")
    found = {}
    for ending, present in presences(True).items():
        for index in range(2):
            seen = picture(data, index)
            truth = expected(seen, present)
            labels = runtime.infer(
                image=np.ascontiguousarray(seen[..., :3]),
                thermal=np.ascontiguousarray(seen[..., 3]),
                present=np.array(present, np.float32),
            ).labels.copy()
            assert (labels == truth).mean() > 0.995
            found[ending, index] = labels
    assert len(np.unique(found["", 0])) > 2
    assert (found["", 0] != found["_rgb_only", 0]).any() and (found["", 0] != found["_thermal_only", 0]).any()


def test_what_a_missing_stream_shows_changes_nothing_on_the_robot(data: Path, made: bundle.Bundle) -> None:
    runtime = engine.load(made, runtime="onnxruntime")
    one, other = picture(data, 0), picture(data, 1)
    for present, mixed in (
        ((1, 0), np.dstack([one[..., :3], other[..., 3]])),
        ((0, 1), np.dstack([other[..., :3], one[..., 3]])),
    ):
        told = []
        for seen in (one, mixed):
            answer = runtime.infer(
                image=np.ascontiguousarray(seen[..., :3]),
                thermal=np.ascontiguousarray(seen[..., 3]),
                present=np.array(present, np.float32),
            )
            told.append((answer.labels.copy(), answer.confidence.copy()))
        assert all(np.array_equal(*pair) for pair in zip(*told, strict=True))


def test_the_graph_has_what_is_needed_and_no_more(made: bundle.Bundle) -> None:
    assert (made.task, made.projection, made.size) == ("rgbt", "pinhole", SIZE)
    graph = onnx.load(str(made.graph)).graph
    # Positions are those of one size: only the logits are resized.
    assert [node.op_type for node in graph.node].count("Resize") == 1
    # The auxiliary head has taught and is gone.
    assert not any("auxiliary" in one.name or "a_query" in one.name for one in graph.initializer)
    assert not any(node.op_type == "RandomNormal" for node in graph.node)


def test_the_card_says_how_it_learned_and_hides_where(made: bundle.Bundle, data: Path) -> None:
    card = " ".join((made.path / "card.md").read_text().split())
    for words in (
        "in registered pairs of RGB and thermal pictures",
        "Network: SARTM on Segment Anything (of another size than the published ones) at 96x64",
        "adapted by LoRA of rank 2, which is merged into it here",
        "fused by FRM and FFM at three scales",
        "taught by an auxiliary head and the likeness of the classes' names to CLIP and prototypes",
        "All its thermal pictures are drawn",
        "drawn_thermal_only",
    ):
        assert words in card
    text = (made.path / "bundle.yaml").read_text()
    told = yaml.safe_load(text)["training"]
    assert len(told["backbone"]["sha256"]) == 64 and told["config"]["backbone"]["rank"] == 2
    assert told["parameters"]["frozen"] > 0 and str(data) not in text


def test_a_run_that_went_on_from_another_and_adjusts_its_logits(
    run: Path, data: Path, tmp_path: Path
) -> None:
    words = ["sartm", str(data / "sartm.yaml"), f"out={tmp_path / 'run'}", "validation.0.limit=2"]
    assert main([*words, f"init={run}", "logit_adjustment=9", "schedule={steps: 1, lr: 1e-12}"]) == 0
    told = json.loads((tmp_path / "run/results.json").read_text())
    assert sum(told["class_shares"].values()) == pytest.approx(1)
    assert main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "bundle"), "--full-precision"]) == 0
    made = bundle.load(tmp_path / "bundle")
    card = " ".join((made.path / "card.md").read_text().split())
    assert "From RGB alone its logits are adjusted by 9 times the log shares" in card
    assert "published ones), after another run of 2 steps in 0 minutes." in card
    text = (made.path / "bundle.yaml").read_text()
    assert str(data) not in text and str(tmp_path) not in text
    # So strong that on the robot, too, classes that no picture shows win, but without thermal alone.
    unseen = [id_ for id_, name in enumerate(LABELS.names) if told["class_shares"][name] == 0]
    image = {"image": np.full((32, 64, 3), 90, np.uint8), "thermal": np.full((32, 64), 90, np.uint8)}
    loaded = engine.load(made, runtime="onnxruntime")
    masks = [loaded.infer(**image, present=np.float32(one)).labels for one in ((1, 0), (1, 1))]
    assert np.isin(masks[0], unseen).all() and not np.isin(masks[1], unseen).all()


def test_another_backbone_or_none_is_one_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in run.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = yaml.safe_load((run / "config.yaml").read_text())
    for name, words in (("other.pth", "trained on another backbone"), ("gone.pth", "gone.pth")):
        config["backbone"]["checkpoint"] = str(tmp_path / name)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        write_sam(tmp_path / "other.pth", seed=1)
        assert main(["export", str(tmp_path), "--out", str(tmp_path / "bundle")]) == 2
        said = capsys.readouterr().err.strip()
        assert words in said and "\n" not in said and "--pictures" not in said


def test_results_from_before_logits_were_adjusted_are_one_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    config = tmp_path / "run/config.yaml"
    config.write_text(config.read_text().replace("logit_adjustment: 0.0", "logit_adjustment: 0.5"))
    assert main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "bundle")]) == 2
    assert "was scored without logit_adjustment" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_pictures_that_are_gone_are_asked_for(run: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    for file in run.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**config, "data_root": "nowhere"}))
    with pytest.raises(FileNotFoundError, match="give --pictures FOLDER"):
        read(tmp_path, own_pictures=True)
    assert read(tmp_path, own_pictures=False).pictures == ()


def test_a_sam2_run_scored_on_mfnet_is_exported_too(data: Path, tmp_path: Path) -> None:
    write_sam2(tmp_path / "sam2")
    for folder in ("images", "labels"):
        (tmp_path / "mfnet" / folder).mkdir(parents=True)
    four = np.random.default_rng(0).integers(0, 255, (48, 64, 4), np.uint8)
    cv2.imwrite(str(tmp_path / "mfnet/images/00001N.png"), four)
    cv2.imwrite(str(tmp_path / "mfnet/labels/00001N.png"), np.ones((48, 64), np.uint8))
    (tmp_path / "mfnet/val.txt").write_text("00001N\n")
    words = ["sartm", str(data / "sartm.yaml"), f"out={tmp_path / 'run'}", "schedule.steps=1"]
    words.append(f"validation=[{{name: mfnet, kind: mfnet, path: {tmp_path / 'mfnet'}}}]")
    words.append(f"backbone={{kind: sam2, variant: custom, folder: {tmp_path / 'sam2'}, rank: 2}}")
    assert main(words) == 0
    as_after_long_training(tmp_path / "run")
    words = ["export", str(tmp_path / "run"), "--out", str(tmp_path / "bundle"), "--full-precision"]
    assert main(words) == 0
    made = bundle.load(tmp_path / "bundle")
    assert list(made.scores) == ["mfnet", "mfnet_rgb_only", "mfnet_thermal_only"]
    assert "Segment Anything 2 (of another size" in (made.path / "card.md").read_text()
    answer = engine.load(made, runtime="onnxruntime").infer(
        image=np.full((32, 64, 3), 90, np.uint8),
        thermal=np.full((32, 64), 90, np.uint8),
        present=np.ones(2, np.float32),
    )
    assert answer.labels.shape == (32, 64)
