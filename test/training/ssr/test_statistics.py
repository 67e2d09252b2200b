# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from samseg_ros.labels import CITYSCAPES19, STREET11
from training import config
from training.__main__ import main
from training.ssr import statistics
from training.ssr.sets import labelled
from training.ssr.settings import Settings

ROAD, CAR, SKY = 7, 26, 23  # ids of Cityscapes


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """An experiment on three pictures of GTA5, the second with a car."""
    for index, right in enumerate((ROAD, CAR, 0), start=1):
        label = np.full((32, 40), SKY, np.uint8)
        label[16:] = ROAD
        label[16:, 30:] = right
        for folder, picture in (("images", np.zeros((32, 40, 3), np.uint8)), ("labels", label)):
            (tmp_path / "gta5" / folder).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(tmp_path / "gta5" / folder / f"{index}.png"), picture)
    tree = {
        "name": "tiny",
        "size": [32, 40],
        "crop": [32, 32],
        "data_root": str(tmp_path),
        "source": [{"kind": "gta5", "path": "gta5", "size": [32, 40]}],
        "self_training": None,
        "rare_classes": {"statistics": "counts/gta5.json", "min_pixels": 100},
        "schedule": {"steps": 1},
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path / "tiny.yaml"


def read(experiment: Path, *overrides: str) -> np.ndarray:
    settings = config.read(experiment, Settings, overrides)
    labels = CITYSCAPES19 if settings.label_set == "cityscapes19" else STREET11
    sets = [labelled(one, settings.data_root, labels) for one in settings.source]
    return statistics.read(settings, sets, labels)


def test_classes_are_counted_and_told(experiment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classes", str(experiment)]) == 0
    counts = read(experiment)
    assert counts.dtype == np.int64 and counts.shape == (3, 19)
    road, car, sky = (CITYSCAPES19.names.index(name) for name in ("road", "car", "sky"))
    assert counts[:, [road, car, sky]].tolist() == [[640, 0, 640], [480, 160, 640], [480, 0, 640]]
    assert counts.sum() == 3 * 32 * 40 - 160
    told = capsys.readouterr().out.splitlines()
    assert told[1 + road].split() == ["road", "43.48%", "3", "0.00%"]
    assert told[1 + car].split() == ["car", "4.35%", "1", "100.00%"]
    assert told[-1] == f"Class statistics of 3 pictures: {experiment.parent / 'counts/gta5.json'}"
    assert [one.name for one in (experiment.parent / "counts").iterdir()] == ["gta5.json"]


def test_a_part_of_the_counted_pictures_is_found(experiment: Path) -> None:
    assert main(["classes", str(experiment)]) == 0
    assert read(experiment, "source.0.skip=1", "source.0.limit=1")[:, 13].tolist() == [160]
    twice = "source.1={kind: gta5, path: gta5, size: [64, 80], skip: 1}"
    assert read(experiment, twice)[:, 13].tolist() == [0, 160, 0, 160, 0]


@pytest.mark.parametrize(
    ("content", "override", "words"),
    [
        (None, "name=tiny", r"There are no class statistics .*gta5\.json: run `python -m training classes`"),
        ("{", "name=tiny", "holds no class statistics of this version: run"),
        ({"format": "samseg class statistics 0"}, "name=tiny", "of this version: run"),
        ({"pictures": {"gta5/gta5/images/1.png": [-1]}}, "name=tiny", "of this version: run"),
        ({}, "label_set=street11", "counts cityscapes19, not street11: run"),
        ({"pictures": {}}, "name=tiny", r"lacks 3 of 3 source .* gta5/gta5/images/1\.png: run `python -m"),
        ({"pictures": {"gta5/gta5/images/2.png": [1]}}, "name=tiny", "lacks 3 of 3 source pictures"),
        ({}, "rare_classes=null", r"set rare_classes\.statistics to a file"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(
    experiment: Path, content: object, override: str, words: str
) -> None:
    assert main(["classes", str(experiment)]) == 0
    file = experiment.parent / "counts/gta5.json"
    if isinstance(content, dict):
        file.write_text(json.dumps({**json.loads(file.read_text()), **content}))
    elif isinstance(content, str):
        file.write_text(content)
    else:
        file.unlink()
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        read(experiment, override)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("rare_classes=null", "draws its pictures evenly: set rare_classes.statistics to a file"),
        ("rare_classes.min_pixels=9999", "rare_classes.min_pixels=9999 pixels of any class: lower it"),
        ("source.0.path=nowhere", "expected the official layout of GTA5"),
    ],
)
def test_bad_input_is_one_sentence(
    experiment: Path, override: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classes", str(experiment), override]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("classes: ") and words in told


def test_a_bad_label_leaves_no_file(experiment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(experiment.parent / "gta5/labels/3.png"), np.full((32, 40), 99, np.uint8))
    assert main(["classes", str(experiment)]) == 2
    assert "holds id 99" in capsys.readouterr().err
    assert not (experiment.parent / "counts/gta5.json").exists()
