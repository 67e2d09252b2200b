# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from training.__main__ import main


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """An experiment on three tiny pictures."""
    (tmp_path / "pictures").mkdir()
    for index in range(3):
        picture = np.zeros((32, 64, 3), np.uint8)
        picture[:, 20 + 8 * index : 40] = 200
        cv2.imwrite(str(tmp_path / "pictures" / f"{index}.png"), picture)
    path = tmp_path / "tiny.yaml"
    tree = {
        "name": "tiny",
        "size": [32, 64],
        "data_root": str(tmp_path),
        "data": [{"kind": "pictures", "path": "pictures"}],
        "windows": {"size": [32, 32], "stride": [32, 16]},
        "masks": {"kind": "felzenszwalb"},
        "cache": "masks",
        "assistant": "nowhere",
        "loop": {"device": "cpu"},
        "schedule": {"steps": 1, "lr": 1e-4},
    }
    path.write_text(yaml.safe_dump(tree))
    return path


def test_masks_of_a_whole_set(configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["masks", str(configuration)]) == 0
    folder = configuration.parent / "masks"
    assert len(list(folder.glob("*.npy.xz"))) == 3
    told = capsys.readouterr().out
    assert "3 panoramas (0 found there), 12 windows, " in told and f"Folder of masks: {folder}\n" in told
    assert main(["masks", str(configuration)]) == 0
    assert "3 panoramas (3 found there), " in capsys.readouterr().out


def test_torchrun_shares_it(
    configuration: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, share in (("1", 1), ("0", 2)):
        monkeypatch.setenv("RANK", rank)
        assert main(["masks", str(configuration)]) == 0
        assert f"process {rank} of 2: {share} panoramas (0 found there)" in capsys.readouterr().out
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.delenv("RANK")
    assert main(["masks", str(configuration)]) == 0
    assert "3 panoramas (3 found there)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("masks.scale=50", "were made with masks.scale 100.0 instead of 50.0: set cache= to another folder"),
        ("windows.stride=[32, 8]", "windows.stride [32, 16] instead of [32, 8]"),
        ("windows.stride=[32, 32]", "no two windows overlap"),
        ("cache=pictures", "so it is no folder of masks"),
        ("cache=pictures/0.png", "0.png is a file, no folder of masks"),
        ("masks={kind: instances}", "made with masks.kind felzenszwalb instead of instances: set cache="),
        ("data=[{kind: pictures, path: nowhere}]", "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(
    override: str, words: str, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["masks", str(configuration)]) == 0
    capsys.readouterr()
    assert main(["masks", str(configuration), override]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("masks: ") and words in told
