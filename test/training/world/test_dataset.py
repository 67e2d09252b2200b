# SPDX-License-Identifier: Apache-2.0
"""The command: what it writes, that workers do not matter, what it refuses."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("embreex")

from training.world import CLASSES, Settings, write_dataset
from training.world.command import add_arguments, parse_size, run


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_same_bytes_on_any_number_of_workers(tmp_path: Path) -> None:
    settings = Settings("pinhole", 48, 64, "b", "mixed", seed=8, frames_per_scene=2)
    one = files(write_dataset(settings, 3, tmp_path / "one", workers=1, progress=False))
    two = files(write_dataset(settings, 3, tmp_path / "two", workers=2, progress=False))
    assert len(one) == 3 * 5 + 1
    assert one == two


def test_command_writes_what_the_manifest_says(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "world"
    assert (
        run(arguments("--out", str(out), "--frames", "1", "--size", "32x64", "--seed", "3", "--workers", "1"))
        == 0
    )
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["classes"] == list(CLASSES) and manifest["settings"]["seed"] == 3
    frame = manifest["frames"][0]
    assert frame["camera"] == "erp" and frame["hfov"] == 360.0 and np.shape(frame["pose"]) == (4, 4)
    depths = {
        "rgb": np.uint8,
        "thermal": np.uint16,
        "label": np.uint8,
        "instance": np.uint16,
        "depth": np.uint16,
    }
    for kind, dtype in depths.items():
        image = cv2.imread(str(out / kind / f"{frame['file']}.png"), cv2.IMREAD_UNCHANGED)
        assert image is not None and image.dtype == dtype and image.shape[:2] == (32, 64)
    assert [p.name for p in out.parent.iterdir()] == ["world"], "no temporary folder is left"


def test_refuses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        write_dataset(Settings("erp", 32, 64), 1, tmp_path, workers=1, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imwrite", lambda *_: False)
    with pytest.raises(OSError, match="could not write"):
        write_dataset(Settings("erp", 32, 64), 1, tmp_path / "out", workers=1, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["512", "512x", "axb", "-4x8", "512x1024x3"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="expected HEIGHTxWIDTH"):
        parse_size(text)


def test_sizes() -> None:
    assert parse_size("512x1024") == (512, 1024)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "100x100"), "twice as wide"),
        (("--hfov", "70"), "drop --hfov"),
        (("--frames", "0"), "frames is 0"),
        (("--workers", "0"), "workers is 0"),
    ],
)
def test_command_refuses(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(arguments("--out", str(tmp_path / "out"), *words))
    assert list(tmp_path.iterdir()) == []
