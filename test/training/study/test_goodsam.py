# SPDX-License-Identifier: Apache-2.0
"""The table of GoodSAM: which runs it makes, with which settings, and what it makes of their results."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from training import config
from training.__main__ import main
from training.goodsam.settings import Settings
from training.study import process
from training.study.goodsam import unadapted
from training.study.goodsam.rows import ROWS, WORLDS, Row
from training.study.goodsam.study import row_words
from training.study.goodsam.study import study as run_study
from training.study.publish import BEGIN, END
from training.supervised.settings import Settings as Supervised

CONFIGS = Path(unadapted.__file__).parent
BY_NAME = {row.name: row for row in ROWS}
# Student and assistant of each run, by its name and its seed.
SCORES = {
    "unadapted": [(0.30, 0.60), (0.34, 0.62)],
    "plain": [(0.50, 0.60), (0.54, 0.62)],
    "goodsam": [(0.58, 0.64), (0.60, 0.66)],
}


def study(root: Path, **changed: Any) -> None:
    given = {"seeds": [0], "only": None, "overrides": [], "configs": CONFIGS}
    run_study(root, results=root / "goodsam.json", readme=root / "README.md", **(given | changed))


def settings(row: Row) -> Settings:
    path, *words = row_words(Path("/study"), CONFIGS, row, 0, [])
    return config.read(Path(path), Settings, words)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the study did, in order; nothing is trained."""
    done: list[str] = []

    def command(module: str, words: Sequence[str], lock: int | None = None) -> float:
        if words[0] == "world":
            folder = Path(words[2])
            folder.mkdir(parents=True)
            (folder / "manifest.json").write_text("{}")
            done.append(f"world {folder.name}")
        else:
            done.append(f"masks {config.read(Path(words[1]), Settings, words[2:]).cache.name}")
        return 1.0

    def measured(module: str, words: Sequence[str], run: Path, lock: int) -> None:
        model = Supervised if words[0] == "supervised" else Settings
        path, *overrides = words[1:] if module == "training" else words
        told = config.read(Path(path), model, overrides)
        name, _, seed = run.name.rpartition("_seed")
        student, assistant = SCORES.get(name, [(0.5, 0.5)] * 2)[int(seed)]
        run.mkdir(parents=True, exist_ok=True)
        config.write(run / "config.yaml", told)
        scores = [
            {"miou": one, "iou": {"road": one, "car": None}, "images": 60} for one in (student, assistant)
        ]
        results = {
            "steps": 300, "seconds": 120.0, "data": [{"images": 240}],
            "parameters": {"student": 3_700_000, "assistant": 25_000_000},
            "validation": {"panorama_b": scores[0], "panorama_b_assistant": scores[1]},
        }  # fmt: skip
        (run / "results.json").write_text(json.dumps(results))
        (run / "memory.json").write_text('{"peak_memory_gb": 2.5}')
        done.append(run.name)

    monkeypatch.setattr(process, "command", command)
    monkeypatch.setattr(process, "measured", measured)
    return done


def test_a_seed_has_its_starts_then_its_rows_and_the_curve_comes_last(
    tmp_path: Path, made: list[str]
) -> None:
    study(tmp_path, seeds=[0, 1], only=["unadapted", "plain", "goodsam", "goodsam_masks_1"])
    assert made == [
        *(f"world {name}" for name in WORLDS),
        "assistant_seed0", "source_seed0", "unadapted_seed0", "plain_seed0",
        "masks masks_0.3", "goodsam_seed0",
        "assistant_seed1", "source_seed1", "unadapted_seed1", "plain_seed1", "goodsam_seed1",
        "masks masks_1", "goodsam_masks_1_seed0",
    ]  # fmt: skip


def test_what_is_finished_is_not_done_again(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path)
    assert len([one for one in made if one.endswith("_seed0")]) == len(ROWS) + 2
    made.clear()
    study(tmp_path)
    assert made == []
    (tmp_path / "goodsam" / "plain_seed0" / "results.json").unlink()
    study(tmp_path, overrides=["loop.threads=1"])
    assert made == ["plain_seed0"]


def test_runs_of_other_settings_are_not_mixed_into_a_table(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path, only=["plain"])
    with pytest.raises(ValueError, match=r"assistant_seed0 was made with schedule\.steps \d+ instead of 7:"):
        study(tmp_path, only=["plain"], overrides=["schedule.steps=7"])


def test_the_curve_has_one_seed(tmp_path: Path, made: list[str]) -> None:
    with pytest.raises(ValueError, match="seed 0 alone"):
        study(tmp_path, seeds=[1], only=["goodsam_masks_1"])


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        ("plain", set()),
        ("ctcf", {"assistant_window", "assistant_masked", "window", "masked"}),
        ("consistency", {"assistant_window", "assistant_masked", "window", "masked", "consistency"}),
        ("boundary", {"assistant_window", "assistant_masked", "window", "masked", "boundary"}),
    ],
)
def test_rows_have_the_losses_of_their_parts(name: str, losses: set[str]) -> None:
    weights = settings(BY_NAME[name]).weights
    assert {key for key, value in weights.model_dump().items() if value} == losses | {"whole", "student"}
    assert weights.needs_masks == weights.adapts_assistant == bool(losses)


def test_goodsam_has_all_losses_and_plus_slides_in_two_directions() -> None:
    one, plus = settings(BY_NAME["goodsam"]), settings(BY_NAME["goodsam_plus"])
    assert all(one.weights.model_dump().values()) and plus.weights == one.weights
    assert (one.fusion.version, plus.fusion.version) == (1, 2)
    assert len(one.grid.tops) == 1 and len(plus.grid.tops) == 2
    below = plus.grid.windows.index(next(w for w in plus.grid.windows if w.top > 0))
    assert (0, below) in plus.grid.pairs


def test_masks_are_shared_exactly_where_they_are_the_same() -> None:
    known: dict[Path, tuple[Any, Any]] = {}
    for row in ROWS:
        if row.losses:
            told = settings(row)
            assert known.setdefault(told.cache, (told.masks, told.grid)) == (told.masks, told.grid)
    assert len(set(map(str, known.values()))) == len(known)


def test_tables_tell_mean_and_deviation_and_compare_seed_by_seed(tmp_path: Path, made: list[str]) -> None:
    (tmp_path / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    study(tmp_path, seeds=[0, 1], only=["unadapted", "plain", "goodsam", "goodsam_masks_1"])
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| source-only student | 32.00 ± 2.83 | – | 2 |" in text
    assert "| teacher assistant | – | 61.00 ± 1.41 | 2 |" in text
    assert "| plain pseudo-labels | 52.00 ± 2.83 | 61.00 ± 1.41 | 2 | 2.0 | 2.5 GB |" in text
    assert "| the student from plain pseudo-labels | +7.00 ± 1.41 |" in text
    assert "| the assistant before it was adapted, on sliding windows | -2.00 ± 0.00 |" in text
    assert (
        "| instances, degraded 0.3 | 58.0 | 64.0 |" in text
        and "| none (plain pseudo-labels) | 50.0 |" in text
    )
    found = json.loads((tmp_path / "goodsam.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["goodsam"]["student"]["miou"]["each"] == pytest.approx([58, 60])
    assert rows["goodsam"]["student"]["iou"] == {"road": pytest.approx(59), "car": None}
    # 2 seeds of 5 runs, and one point of the curve.
    assert found["size"]["minutes"] == 2 * (2 * 5 + 1)
    assert str(tmp_path) not in json.dumps(found)


def test_a_text_without_a_place_for_the_tables(tmp_path: Path, made: list[str]) -> None:
    (tmp_path / "README.md").write_text("nothing\n")
    with pytest.raises(ValueError, match="lacks the lines <!-- study: begin -->"):
        study(tmp_path)
    assert made == []


def draw(folder: Path, camera: str, frames: int, size: tuple[int, int]) -> None:
    """Sky over road and a car, as the world's folders are."""
    for kind in ("rgb", "label", "instance"):
        (folder / kind).mkdir(parents=True)
    colours = np.zeros((11, 3), np.uint8)
    colours[[0, 7, 9]] = (90, 90, 90), (230, 180, 150), (30, 30, 200)
    for index in range(frames):
        label = np.full(size, 7, np.uint8)
        label[size[0] // 2 :] = 0
        label[size[0] // 2 - 6 : size[0] // 2 + 6, 8 * index : 8 * index + 12] = 9
        cv2.imwrite(str(folder / "rgb" / f"{index:06d}.png"), colours[label])
        cv2.imwrite(str(folder / "label" / f"{index:06d}.png"), label)
        cv2.imwrite(str(folder / "instance" / f"{index:06d}.png"), (label == 9).astype(np.uint16))
    manifest = {"label_set": "street11", "settings": {"camera": camera}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Drawn data, and the study's configurations on a few small pictures."""
    draw(tmp_path / "data" / "pinhole_a", "pinhole", 4, (32, 64))
    draw(tmp_path / "data" / "panorama_b", "erp", 2, (128, 256))
    draw(tmp_path / "data" / "panorama_b_val", "erp", 1, (128, 256))
    (tmp_path / "configs").mkdir()
    for name in ("assistant", "source", "goodsam"):
        tree = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
        tree["schedule"]["steps"] = 1
        if name == "goodsam":
            tree |= {"size": [96, 256], "batch": 1}
        else:
            tree |= {"size": [32, 64], "windows": [{"since": 0, "size": [32, 32]}], "batch": 1}
            tree["data"][0]["limit"] = 2
            tree["validation"][0]["skip"] = 2
            tree["network"]["variant"] = "b0"
        (tmp_path / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path


def test_from_drawn_data_to_tables(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(module: str, words: Sequence[str], lock: int | None = None) -> float:
        if module == "training":
            assert main(words) == 0
        else:
            monkeypatch.setattr(sys, "argv", [module, *words])
            unadapted.main()
        return 1.0

    monkeypatch.setattr(process, "command", command)
    study(tiny, only=["unadapted", "goodsam"], configs=tiny / "configs")
    found = json.loads((tiny / "goodsam.json").read_text())
    assert [row["name"] for row in found["rows"]] == ["unadapted", "goodsam"]
    assert found["rows"][1]["peak_memory_gb"] == 1.0
    assert found["size"]["goodsam"] == {
        "size": [96, 256], "network": "b0", "images": 2, "batch": 1, "steps": 1,
    }  # fmt: skip
    assert found["size"]["scored"] == 1 and found["size"]["parameters"]["student"] > 3e6
    assert "| all = GoodSAM |" in (tiny / "README.md").read_text()


def test_starts_that_are_missing_are_one_sentence(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = row_words(tiny, tiny / "configs", BY_NAME["unadapted"], 0, [])
    monkeypatch.setattr(sys, "argv", ["unadapted", *words])
    with pytest.raises(SystemExit, match="2"):
        unadapted.main()
    assert "is no run folder" in capsys.readouterr().err


def test_the_command_line(tiny: Path, made: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(tiny / "data" / "panorama_b_val")
    words = ["study", "goodsam", "--root", str(tiny), "--only", "plain", "--seeds", "1"]
    assert main([*words, "--json", str(tiny / "a.json"), "--readme", str(tiny / "a.md")]) == 0
    assert made == ["world panorama_b_val", "assistant_seed1", "source_seed1", "plain_seed1"]
    assert f"Results: {tiny / 'a.json'}, tables: {tiny / 'a.md'}" in capsys.readouterr().out
