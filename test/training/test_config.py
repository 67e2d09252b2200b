# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from pydantic import Field

from training import config
from training.config import Strict


class Part(Strict):
    rate: float = Field(default=0.1, gt=0)
    names: tuple[str, ...] = ()


class Whole(Strict):
    title: str
    part: Part = Part()
    parts: tuple[Part, ...] = ()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "a.yaml"
    file.write_text("title: one\npart: {rate: 0.5}\nparts:\n  - {rate: 1}\n  - {rate: 2}\n")
    return file


def test_overrides_reach_into_mappings_and_lists(path: Path) -> None:
    words = ["part.names=[a, b]", "parts.1.rate=7", "parts.2={rate: 8}", "title=x=y"]
    whole = config.read(path, Whole, words)
    assert whole.part == Part(rate=0.5, names=("a", "b"))
    assert [one.rate for one in whole.parts] == [1, 7, 8]
    assert whole.title == "x=y"


def test_what_is_written_is_read_back(path: Path, tmp_path: Path) -> None:
    whole = config.read(path, Whole)
    config.write(tmp_path / "b.yaml", whole)
    assert config.read(tmp_path / "b.yaml", Whole) == whole


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("part.rat=1", "unknown key 'part.rat' (did you mean 'rate')"),
        ("parts.0.zzz=1", "unknown key 'parts.0.zzz' (known keys there: names, rate)"),
        ("zzz=1", "(known keys there: part, parts, title)"),
        ("part.rate=0", "'part.rate' is 0: input should be greater than 0"),
        ("part.rate=fast", "'part.rate' is 'fast': input should be a valid number"),
        ("parts.5.rate=1", "addresses entry '5' of a list: give an index from 0 to 1"),
        ("title.deep.er=1", "goes into a plain value"),
        ("title", "write key=value"),
        ("title=[", "is not YAML"),
    ],
)
def test_a_wrong_override_says_what_would_be_right(path: Path, word: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        config.read(path, Whole, [word])
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("part: {}", "missing key 'title'"), ("- 1", "not a mapping"), ("a: [", "is not YAML")],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"wrong\.yaml") as caught:
        config.read(file, Whole)
    assert sentence in str(caught.value)
    with pytest.raises(FileNotFoundError, match="give the path of a YAML file"):
        config.read(tmp_path / "absent.yaml", Whole)
