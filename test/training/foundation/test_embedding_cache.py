# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from training.foundation.embedding_cache import DESCRIPTION, EmbeddingCache

SIZE = (4, 6)


class Brightness:
    """Embeds a picture as its mean of each colour, and counts pictures."""

    channels = 3

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.seen = 0

    def identity(self) -> dict[str, Any]:
        return {"kind": "brightness", "redraw": self.seed}

    def __call__(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return images.float().mean((1, 2)).reshape(-1, 3, 1, 1).expand(-1, 3, 2, 2)


def pictures(*levels: int) -> Tensor:
    return torch.stack([torch.full((*SIZE, 3), level, dtype=torch.uint8) for level in levels])


def test_only_what_is_missing_is_computed(tmp_path: Path) -> None:
    embedding = Brightness()
    cache = EmbeddingCache(embedding, tmp_path / "made" / "here", SIZE)
    first = cache(pictures(10, 20), ["a", "b/../x"])
    assert first.shape == (2, 3, 2, 2) and first.dtype == torch.float32 and embedding.seen == 2
    # Pictures already there are not even looked at; order is that of the keys.
    second = cache(pictures(30, 0, 0), ["c", "b/../x", "a"])
    assert embedding.seen == 3 and second[:, 0, 0, 0].tolist() == [30.0, 20.0, 10.0]
    # So it is in another process.
    other = Brightness()
    again = EmbeddingCache(other, tmp_path / "made" / "here", SIZE)(pictures(0), ["c"])
    assert other.seen == 0 and torch.equal(again, second[:1])
    names = [path.name for path in (tmp_path / "made").rglob("*")]
    assert not any(".." in name or name.startswith(".") for name in names)


def test_what_is_computed_equals_what_is_kept(tmp_path: Path) -> None:
    image = torch.randint(0, 256, (1, *SIZE, 3), dtype=torch.uint8)
    cache = EmbeddingCache(Brightness(), tmp_path, SIZE)
    fresh, kept = cache(image, ["a"]), cache(image, ["a"])
    assert torch.equal(fresh, kept)
    torch.testing.assert_close(fresh, Brightness()(image), rtol=1e-3, atol=0)


@pytest.mark.parametrize("damage", ["cut", "empty", "altered"])
def test_damaged_files_are_made_again(tmp_path: Path, damage: str) -> None:
    embedding = Brightness()
    cache = EmbeddingCache(embedding, tmp_path, SIZE)
    whole = cache(pictures(50), ["a"])
    (file,) = tmp_path.rglob("*.bin")
    content = bytearray(file.read_bytes())
    if damage == "altered":
        content[-1] ^= 1
    file.write_bytes({"cut": content[:-2], "empty": b"", "altered": content}[damage])
    assert torch.equal(cache(pictures(50), ["a"]), whole) and embedding.seen == 2
    assert torch.equal(cache(pictures(50), ["a"]), whole) and embedding.seen == 2


def test_embeddings_of_something_else_are_not_used(tmp_path: Path) -> None:
    EmbeddingCache(Brightness(), tmp_path, SIZE)
    EmbeddingCache(Brightness(), tmp_path, SIZE)
    with pytest.raises(ValueError, match="were made with redraw 0 instead of 1: set cache to another"):
        EmbeddingCache(Brightness(1), tmp_path, SIZE)
    with pytest.raises(ValueError, match=r"size \[4, 6\] instead of \[8, 6\]"):
        EmbeddingCache(Brightness(), tmp_path, (8, 6))


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds files but no embeddings\.json"):
        EmbeddingCache(Brightness(), tmp_path, SIZE)
    with pytest.raises(ValueError, match="is a file"):
        EmbeddingCache(Brightness(), tmp_path / "thesis.txt", SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("content", ["", "{", "3", json.dumps(["format"])])
def test_a_damaged_description_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / DESCRIPTION).write_text(content)
    with pytest.raises(ValueError, match="is damaged: delete the folder"):
        EmbeddingCache(Brightness(), tmp_path, SIZE)


def test_pictures_that_do_not_fit_are_told(tmp_path: Path) -> None:
    cache = EmbeddingCache(Brightness(), tmp_path, SIZE)
    with pytest.raises(ValueError, match=r"takes pictures of \[4, 6\] with one key each"):
        cache(torch.zeros(1, 6, 4, 3, dtype=torch.uint8), ["a"])
    with pytest.raises(ValueError, match=r"2 pictures of .* with 1 keys"):
        cache(pictures(1, 2), ["a"])
