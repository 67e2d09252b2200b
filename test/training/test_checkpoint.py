# SPDX-License-Identifier: Apache-2.0
import pickle
from pathlib import Path

import pytest
import torch

from training import checkpoint


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("code ran",)


def test_averaged_weights_are_preferred(tmp_path: Path) -> None:
    state = {"network": {"w": torch.zeros(1)}, "average": {"w": torch.ones(1)}}
    checkpoint.save(tmp_path / checkpoint.NAME, state)
    assert float(checkpoint.weights(tmp_path)["w"]) == 1
    checkpoint.save(tmp_path / checkpoint.NAME, {**state, "average": None})
    assert float(checkpoint.weights(tmp_path)["w"]) == 0
    assert [file.name for file in tmp_path.iterdir()] == [checkpoint.NAME]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / checkpoint.NAME
    checkpoint.save(path, {"step": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        checkpoint.save(path, {"step": lambda: None})
    assert checkpoint.load(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == [checkpoint.NAME]


def test_a_checkpoint_cannot_run_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / checkpoint.NAME
    torch.save({"network": Trap()}, path)
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        checkpoint.load(path)
    assert capsys.readouterr().out == ""


def test_damage_and_absence_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / checkpoint.NAME
    with pytest.raises(FileNotFoundError, match="No checkpoint"):
        checkpoint.load(path)
    for content in (b"\x80torn", b"", b"text", b"\x80\x02junk", b"PK\x03\x04cut short", b"(lp0\n."):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a readable checkpoint"):
            checkpoint.load(path)
    checkpoint.save(path, {"step": 1})
    with pytest.raises(ValueError, match="holds no network"):
        checkpoint.weights(tmp_path)
