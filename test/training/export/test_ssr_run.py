# SPDX-License-Identifier: Apache-2.0
"""What is deployed of an SSR run: the plain branch of the student, bit for bit, and nothing else."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
import yaml
from ssr_runs import write_ssr_run
from torch import nn

from samseg_ros import bundle, engine
from training import run_folder
from training.__main__ import main
from training.export.export import read
from training.networks import normalise
from training.ssr.network import SSR


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name in ("seen", "drawn/rgb", "drawn/label"):
        (root / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    for index in range(3):
        coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
        cv2.imwrite(str(root / f"seen/{index}.png"), np.kron(coarse, np.ones((6, 8, 1), np.uint8)))
        cv2.imwrite(str(root / f"drawn/rgb/{index}.png"), np.kron(coarse, np.ones((4, 8, 1), np.uint8)))
        cv2.imwrite(str(root / f"drawn/label/{index}.png"), np.full((32, 64), index, np.uint8))
    manifest = {"label_set": "street11", "settings": {"camera": "pinhole"}}
    (root / "drawn/manifest.json").write_text(json.dumps(manifest))
    return root


@pytest.fixture(scope="module")
def run(data: Path) -> Path:
    return data / "run"


@pytest.fixture(scope="module")
def model(run: Path, data: Path) -> SSR:
    return write_ssr_run(run, data)


def count(module: nn.Module | None) -> int:
    assert module is not None
    return sum(one.numel() for one in module.parameters())


def test_the_network_is_the_plain_branch_bit_for_bit(model: SSR, run: Path) -> None:
    trained = read(run, own_pictures=False)
    ours, theirs = trained.network.state_dict(), model.student.state_dict()
    assert list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)
    picture = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(trained.network(picture), model.student(picture))
        assert model.teacher is not None
        assert not torch.equal(trained.network(picture), model.teacher.eval()(picture))


def test_nothing_of_sam_or_of_the_fusion_is_in_the_graph(model: SSR, run: Path, tmp_path: Path) -> None:
    assert main(["export", str(run), "--out", str(tmp_path / "bundle"), "--full-precision"]) == 0
    made = bundle.load(tmp_path / "bundle")
    # 44 rows are none that the network takes: the next multiple of 32.
    assert (made.task, made.projection, made.size) == ("camera", "pinhole", (64, 64))
    graph = onnx.load(str(made.graph)).graph
    kept = sum(int(np.prod(one.dims)) for one in graph.initializer)
    norms = [one for one in model.student.modules() if isinstance(one, nn.BatchNorm2d)]
    # A normalisation becomes part of its convolution and its bias; 6 are mean and deviation of pictures.
    assert norms and not any(node.op_type == "BatchNormalization" for node in graph.node)
    assert kept == count(model.student) - sum(one.num_features for one in norms) + 6
    assert count(model.regulariser) > 0 and count(model) > 2 * count(model.student)


def test_onnx_runtime_gives_the_same_labels(model: SSR, run: Path, data: Path, tmp_path: Path) -> None:
    assert main(["export", str(run), "--out", str(tmp_path / "bundle"), "--size", "64", "96"]) == 0
    picture = cv2.resize(np.asarray(cv2.imread(str(data / "seen/0.png"))), (96, 64))
    with torch.no_grad():
        logits = model.student(normalise(torch.from_numpy(picture)[None]))
        full = nn.functional.interpolate(logits, scale_factor=4, mode="bilinear")
    expected = full[0].argmax(0).numpy()
    labels = engine.load(bundle.load(tmp_path / "bundle"), runtime="onnxruntime").infer(image=picture).labels
    assert len(np.unique(expected)) > 2 and (labels == expected).mean() > 0.995


def test_the_card_says_what_it_learned_from_and_without(model: SSR, run: Path, tmp_path: Path) -> None:
    assert main(["export", str(run), "--out", str(tmp_path / "bundle")]) == 0
    card = " ".join((tmp_path / "bundle/card.md").read_text().split())
    for words in (
        "Network: DAFormer with MiT-b0 at 64x64, trained from the weights mit_b0.safetensors.",
        "as in DAFormer, and on masked pictures (MIC): from the labelled pictures of drawn to seen, none of",
        "stages 1, 3 of its encoder (0 is the finest) were also joined with the embedding of",
        "no part of that model or of the fusion with it is in the graph",
        "seen: 2 pictures of several owners, whose licences are theirs; none of their labels",
        "Scores are those of pictures seen at 64x44.",
    ):
        assert words in card
    told = yaml.safe_load((tmp_path / "bundle/bundle.yaml").read_text())["training"]
    assert told["sam"]["sha256"] == "0" * 64 and told["config"]["regularisation"]["stages"] == [1, 3]
    assert "gone" not in (tmp_path / "bundle/bundle.yaml").read_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"self_training": None, "masking": None, "regularisation": None, "target": []},
            ["Learned from the labelled pictures of drawn, and from no others.", "No foundation model"],
        ),
        (
            {"regularisation": {"encoder": {"checkpoint": "a.pth", "redraw": 1}}, "masking": None},
            ["as in DAFormer: from", "(ViT-B) with random weights, a control that knows nothing, and had"],
        ),
    ],
)
def test_the_card_of_a_baseline(
    changes: dict[str, Any], words: list[str], data: Path, tmp_path: Path
) -> None:
    write_ssr_run(tmp_path / "run", data, **changes)
    trained = read(tmp_path / "run", own_pictures=True)
    assert all(each in " ".join(trained.method) for each in words)
    folder = "seen" if trained.told["config"]["self_training"] else "drawn/rgb"
    assert [one.parent for one, _ in trained.pictures] == [data / folder] * 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("encoder: {width: 8}\n", "`python -m training supervised`, `ssr`, `goodsam` or `sartm` made"),
        ("- 1\n", "`python -m training supervised`, `ssr`, `goodsam` or `sartm` made"),
        ("a: [\n", "is not readable YAML"),
        ("source: []\n", "is no run of `python -m training ssr`"),
    ],
)
def test_what_is_no_run_is_one_sentence(
    text: str, words: str, model: SSR, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in run.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / run_folder.CONFIG).write_text(text)
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "bundle")]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said and "\n" not in said


def test_pictures_that_are_gone_are_asked_for(
    model: SSR, run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ssr_run(tmp_path / "run", tmp_path / "nowhere")
    words = ["export", str(tmp_path / "run"), "--out", str(tmp_path / "bundle")]
    assert main(words) == 2
    assert "give --pictures FOLDER" in capsys.readouterr().err
    assert main([*words, "--pictures", str(data / "seen")]) == 0
