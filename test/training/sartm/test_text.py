# SPDX-License-Identifier: Apache-2.0
"""Embeddings of class names, by a CLIP that knows no words, and from files."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from samseg_ros.labels import CITYSCAPES19, STREET11
from training import config
from training.config import Strict
from training.sartm import text
from training.sartm.text import class_embeddings
from training.sartm.text_settings import ClipText, MatrixText, TextSettings

VECTORS = {"car": (3.0, 4.0), "a car.": (0.0, 2.0), "big {car}": (5.0, 0.0), "a big {car}.": (5.0, 0.0)}


class Words:
    """Stands for the encoder, tested on its own."""

    def __init__(self, folder: Path) -> None:
        assert folder == Path("clip")

    def __call__(self, texts: list[str]) -> Tensor:
        return functional.normalize(torch.tensor([VECTORS[one] for one in texts]), dim=1)


def matrix(path: Path, **changes: Any) -> MatrixText:
    return MatrixText.model_validate({"file": path, "rows": ["car", "road", "sky"], **changes})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Rows for car, road and sky, each of another length."""
    path = tmp_path / "text.pth"
    torch.save(torch.tensor([[2.0, 0.0], [0.0, 0.5], [3.0, 4.0]]), path)
    return path


def test_names_are_bare_unless_there_are_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "TextEncoder", Words)
    bare = class_embeddings(ClipText(folder=Path("clip")), ["big {car}", "car"])
    assert bare.tolist() == [pytest.approx([1, 0]), pytest.approx([0.6, 0.8])]
    # Two unit vectors, (0.6, 0.8) and (0, 1): their sum is (0.6, 1.8).
    both = ClipText(folder=Path("clip"), prompts=["{}", "a {}."], dimension=2)
    found = class_embeddings(both, ["car", "big {car}"])
    assert found.tolist() == [pytest.approx([1 / 10**0.5, 3 / 10**0.5]), pytest.approx([1, 0])]


def test_rows_are_picked_by_name(saved: Path, tmp_path: Path) -> None:
    expected = [[0, 1], [1, 0]]
    assert class_embeddings(matrix(saved), ["road", "car"]).tolist() == expected
    assert class_embeddings(matrix(saved), ["sky"]).tolist() == [pytest.approx([0.6, 0.8])]
    other = tmp_path / "text.safetensors"
    save_file({"embeddings": torch.load(saved).half()}, other)
    found = class_embeddings(matrix(other), ["road", "car"])
    assert found.tolist() == expected and found.dtype == torch.float32


def test_rows_of_a_label_set_serve_another_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    rows = functional.normalize(torch.randn(19, 6), dim=1)
    torch.save(rows, tmp_path / "text.pth")
    settings = matrix(tmp_path / "text.pth", rows="cityscapes19", dimension=6)
    found = class_embeddings(settings, STREET11.names)
    assert found.shape == (11, 6)
    for name, row in zip(STREET11.names, found, strict=True):
        torch.testing.assert_close(row, rows[CITYSCAPES19.names.index(name)])


def test_a_name_without_a_row(saved: Path) -> None:
    with pytest.raises(ValueError, match=r"no row for bump, curve \(its rows are car, road, sky\)"):
        class_embeddings(matrix(saved), ["bump", "car", "curve"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension": 512}, "of dimension 2, expected 512"),
        ({"rows": ["car", "road"]}, "has 3 rows of 2 numbers, but 2 names"),
        ({"rows": "cityscapes19"}, "but 19 names"),
    ],
)
def test_a_matrix_of_another_size(saved: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        class_embeddings(matrix(saved, **changes), ["car"])


@pytest.mark.parametrize("content", [torch.zeros(3), torch.ones(3, 2, dtype=torch.int64), {"a": 1}, "text"])
def test_a_file_that_holds_no_matrix(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "text.pth")
    with pytest.raises(ValueError, match="does not hold one matrix of real numbers"):
        class_embeddings(matrix(tmp_path / "text.pth"), ["car"])


def test_files_that_are_missing_damaged_or_hold_two_matrices(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No matrix of embeddings"):
        class_embeddings(matrix(tmp_path / "none.pth"), ["car"])
    tensors = tmp_path / "text.safetensors"
    save_file({"a": torch.ones(3, 2), "b": torch.ones(3, 2)}, tensors)
    with pytest.raises(ValueError, match="does not hold one matrix"):
        class_embeddings(matrix(tensors), ["car"])
    for path in (saved, tensors):
        path.write_bytes(path.read_bytes()[:40])
        with pytest.raises(ValueError, match="is not a readable file of tensors"):
            class_embeddings(matrix(path), ["car"])


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_row_that_is_no_embedding(tmp_path: Path, value: float) -> None:
    torch.save(torch.tensor([[1.0, 0.0], [value, 0.0], [0.0, 1.0]]), tmp_path / "text.pth")
    with pytest.raises(ValueError, match="no embedding for road: its row has length"):
        class_embeddings(matrix(tmp_path / "text.pth"), ["car", "road"])


class Experiment(Strict):
    text: TextSettings


def read(folder: Path, words: str) -> TextSettings:
    path = folder / "experiment.yaml"
    path.write_text(f"text: {words}", encoding="utf-8")
    return config.read(path, Experiment).text


def test_the_kind_chooses_the_source(tmp_path: Path) -> None:
    assert read(tmp_path, "{kind: clip, folder: clip}") == ClipText(folder=Path("clip"), prompts=["{}"])
    told = read(tmp_path, "{kind: matrix, file: a.pth, rows: [car, road]}")
    assert isinstance(told, MatrixText) and told.row_names == ("car", "road")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{kind: clip}", "missing key 'text.clip.folder'"),
        ("{kind: clip, folder: a, prompts: []}", "at least 1 item"),
        ("{kind: clip, folder: a, prompts: ['{} of {}']}", "must have one {}"),
        ("{kind: clip, folder: a, prompts: [a photo]}", "must have one {}"),
        ("{kind: clip, folder: a, rows: street11}", "known keys there: dimension, folder, kind, prompts"),
        ("{kind: matrix, file: a.pth, rows: street12}", "'street12' is no known label set; choose one of"),
        ("{kind: matrix, file: a.pth, rows: [car, road, car]}", "rows name car more than once"),
        ("{kind: words}", "'clip', 'matrix'"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, words: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, words)
