# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from training.draft import draft


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_file_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "sheet.jpg"
    with draft(path) as temporary:
        temporary.write_text("new")
        assert not path.exists() and temporary.parent == tmp_path
        # Hidden, and of the suffix that tells OpenCV what to write.
        assert temporary.name.startswith(".") and temporary.suffix == ".jpg"
    assert path.read_text() == "new" and names(tmp_path) == ["sheet.jpg"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), draft(path) as temporary:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and names(tmp_path) == ["a.json"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), draft(tmp_path / "a.json"):
        pass
    assert names(tmp_path) == []
