# SPDX-License-Identifier: Apache-2.0
"""Every experiment from pictures to scores by the command line, on tiny trees in the layouts of its data."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from samseg_ros.labels import STANFORD13, label_set
from training import config
from training.__main__ import main
from training.data.stanford2d3d import AREAS
from training.goodsam.settings import Settings
from training.supervised.settings import Settings as Supervised

TRAINING = Path(__file__).parents[3] / "training"
OURS = "goodsam_b0.yaml"  # not one of the paper's benchmarks
EXPERIMENTS = sorted(one for one in (TRAINING / "goodsam").glob("*.yaml") if one.name != OURS)
ASSISTANTS = sorted((TRAINING / "supervised").glob("segformer_b5_*.yaml"))
SIZE, PINHOLE = (48, 128), (32, 64)  # of panoramas and of pinhole pictures


def scene(size: tuple[int, int], kinds: list[int]) -> np.ndarray:
    """Labels uint8: one of `kinds` after another from left to right."""
    return np.broadcast_to(np.repeat(np.array(kinds, np.uint8), size[1] // len(kinds)), size).copy()


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def coloured(labels: np.ndarray) -> np.ndarray:
    return np.stack([labels * 9 + 30, labels * 5 + 60, 220 - labels * 6], axis=2).astype(np.uint8)


def cityscapes(root: Path) -> None:
    labels = scene(PINHOLE, [7, 26, 23, 21])
    for split in ("train", "val"):
        write(root / f"leftImg8bit/{split}/aachen/aachen_0_0_leftImg8bit.png", coloured(labels))
        write(root / f"gtFine/{split}/aachen/aachen_0_0_gtFine_labelIds.png", labels)


def densepass(root: Path) -> None:
    labels = scene(SIZE, [0, 13, 10, 8])
    write(root / "leftImg8bit/val/100_.png", coloured(labels))
    write(root / "gtFine/val/100_labelTrainIds.png", labels)
    for city in ("Amsterdam", "Zurich"):
        write(root / f"leftImg8bit/train/{city}/1.png", coloured(labels))


def wildpass(root: Path) -> None:
    labels = scene(SIZE, [11, 4, 20, 24])
    write(root / "WildPASS/leftImg8bit/val/cs/1.png", coloured(labels))
    write(root / "WildPASS/gtFine/val/cs/1.png", labels)
    for city in ("Amsterdam", "Zurich"):
        write(root / f"WildPASS2K/{city}/1.jpg", coloured(labels))


def stanford(root: Path) -> None:
    (root / "assets").mkdir(parents=True)
    names = [f"{name}_1_office_1_1" for name in STANFORD13.names]
    (root / "assets/semantic_labels.json").write_text(json.dumps(names), encoding="utf-8")
    for area in AREAS:
        for kind, frame, size in (("pano", "equirectangular", SIZE), ("data", "0", PINHOLE)):
            labels = scene(size, [3, 4, 8, 11])
            stem = f"camera_{area}_office_1_frame_{frame}_domain"
            write(root / area / kind / f"rgb/{stem}_rgb.png", coloured(labels))
            coded = np.zeros((*size, 3), np.uint8)
            coded[..., 0] = labels
            write(root / area / kind / f"semantic/{stem}_semantic.png", coded)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    cityscapes(root / "cityscapes")
    densepass(root / "DensePASS")
    wildpass(root)
    stanford(root / "Stanford2D3D")
    return root


@pytest.fixture(scope="module")
def assistants(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs under the names that the experiments ask for."""
    runs = tmp_path_factory.mktemp("runs")
    asked = [(file, []) for file in ASSISTANTS]
    asked += [(TRAINING / "supervised/segformer_b5_cityscapes.yaml", ["label_set=densepass13"])]
    for file, more in asked:
        name = f"{file.stem}13" if more else file.stem
        small = [
            f"data_root={data}", f"out={runs / name}", "network={variant: b0, decoder: 16}", "size=[32, 64]",
            "windows=[{since: 0, size: [32, 32]}]", "batch=2", "schedule.steps=1", "workers=0",
        ]  # fmt: skip
        assert (
            main(["supervised", str(file), *small, "loop.device=cpu", "loop.tensorboard=false", *more]) == 0
        )
    return runs


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_experiments_are_valid(file: Path) -> None:
    settings = config.read(file, Settings)
    assert settings.name == file.stem and not settings.data_root.is_absolute()
    assert settings.size[1] == 2048 and settings.grid.wrap and settings.grid.scaled(4).pairs
    assert {file.stem for file in ASSISTANTS} >= {settings.assistant.name.removesuffix("13")}
    assert len(label_set(settings.label_set)) in (13, 19)


def test_the_one_that_ships_is_valid() -> None:
    settings = config.read(TRAINING / "goodsam" / OURS, Settings)
    for run, name in (
        (settings.assistant, "street_b0_camera"),
        (settings.student.init, "street_b0_panorama"),
    ):
        other = config.read(TRAINING / "supervised" / f"{name}.yaml", Supervised)
        assert run is not None and run.name == name == other.name
        assert other.label_set == settings.label_set and other.network.variant == "b0"


@pytest.mark.parametrize("file", ASSISTANTS, ids=lambda file: file.stem)
def test_assistants_are_valid(file: Path) -> None:
    settings = config.read(file, Supervised)
    assert settings.name == file.stem and settings.task == "camera" and settings.network.variant == "b5"
    assert f"runs/{settings.name}" in {
        str(config.read(one, Settings).assistant).removesuffix("13") for one in EXPERIMENTS
    }


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_experiments_run(file: Path, data: Path, assistants: Path, tmp_path: Path) -> None:
    settings = config.read(file, Settings)
    small = [
        f"data_root={data}", f"cache={tmp_path / 'cache'}", f"out={tmp_path / 'run'}",
        f"assistant={assistants / settings.assistant.name}", "student.weights=null", "size=[48, 128]",
        "masks={kind: felzenszwalb, min_size: 8}", "wrap=32", "pairs=1", "schedule.steps=1", "workers=0",
        "loop.device=cpu", "loop.tensorboard=false",
    ]  # fmt: skip
    small.append(
        "windows={size: [48, 48], stride: [48, 32]}"
        if settings.fusion.version == 1
        else "windows={size: [32, 32], stride: [16, 16]}"
    )
    assert main(["masks", str(file), *small]) == 0
    assert main(["goodsam", str(file), *small]) == 0
    results = json.loads((tmp_path / "run/results.json").read_text())
    name = settings.validation[0].name
    assert set(results["validation"]) == {name, f"{name}_assistant"}
    assert results["label_set"] == settings.label_set and results["steps"] == 1
    assert results["masks"]["kind"] == "felzenszwalb"
    student = results["validation"][name]
    assert 0 <= student["miou"] <= 1 and set(student["iou"]) == set(label_set(settings.label_set).names)
    target = [part for part in results["data"] if part.get("labels") is False]
    assert [part["kind"] for part in target] == [settings.data[0].kind] and target[0]["images"] >= 2


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("cityscapes_to_densepass", ["student.variant=b1", "student.weights=weights/mit_b1.safetensors"]),
        ("cityscapes_to_densepass", ["student.variant=b2", "name=cityscapes_to_densepass_b2"]),
        (
            "stanford2d3d_pinhole_to_panorama",
            ["label_set=stanford8", "assistant=runs/segformer_b5_stanford8"],
        ),
    ],
)
def test_overrides_that_the_comments_name_are_valid(name: str, more: list[str]) -> None:
    file = TRAINING / "goodsam" / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    config.read(file, Settings, more)
    assert all(part.split("=")[0] in text for part in more)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cityscapes_to_densepass", "expected the layout of DensePASS"),
        ("cityscapes_to_wildpass", "expected a folder of panoramas"),
        ("stanford2d3d_pinhole_to_panorama", "expected the official layout of Stanford 2D-3D-S"),
    ],
)
def test_wrong_layouts_end_in_a_sentence(
    name: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        str(TRAINING / "goodsam" / f"{name}.yaml"),
        f"data_root={tmp_path}",
        "masks={kind: felzenszwalb}",
    ]
    for command in ("masks", "goodsam"):
        assert main([command, *words, "loop.device=cpu"]) == 2
        said = capsys.readouterr().err.strip()
        assert sentence in said and "\n" not in said
