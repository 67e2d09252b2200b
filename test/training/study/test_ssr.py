# SPDX-License-Identifier: Apache-2.0
"""The table of SSR: which runs it makes, with which settings, and what it makes of their results."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from training import config
from training.__main__ import main
from training.foundation.pretrain.settings import Settings as Foundation
from training.ssr.settings import Settings
from training.study import command as command_line
from training.study import process
from training.study.publish import BEGIN, END
from training.study.ssr.rows import DRAWN, NAMES, ROWS, WORLDS, Row
from training.study.ssr.study import study as run_study
from training.study.ssr.words import GOODSAM, Where, foundation_words, row_words, source_words
from training.supervised.settings import Settings as Supervised

CONFIGS = Path(command_line.__file__).parent / "ssr"
BY_NAME = {row.name: row for row in ROWS}
# mIoU of each run, by its name and its seed.
SCORES = {
    "source": (0.30, 0.34),
    "daformer": (0.40, 0.42),
    "ssr": (0.45, 0.49),
    "real_daformer": (0.20, 0.22),
    "real_ssr": (0.23, 0.23),
}
DIGEST = hashlib.sha256(b"SAM").hexdigest()
PINHOLES = [f"world {name}" for name in WORLDS]


def study(root: Path, **changed: Any) -> None:
    given = {"seeds": [0], "only": None, "overrides": [], "configs": CONFIGS, "real": None}
    run_study(root, results=root / "ssr.json", readme=root / "README.md", **(given | changed))


def settings(row: Row, overrides: tuple[str, ...] = ()) -> Settings:
    path, *words = row_words(Where(Path("/study"), CONFIGS, overrides, Path("/real")), row, 0)
    return config.read(Path(path), Settings, words)


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder with CamVid."""
    for split in ("train", "val"):
        for kind in (split, f"{split}annot"):
            (tmp_path / "real" / "camvid" / kind).mkdir(parents=True)
            shape = (36, 48, 3) if kind == split else (36, 48)
            cv2.imwrite(str(tmp_path / "real" / "camvid" / kind / "1.png"), np.zeros(shape, np.uint8))
    return tmp_path / "real"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the study did, in order; nothing is trained."""
    done: list[str] = []

    def command(module: str, words: Sequence[str], lock: int | None = None) -> float:
        if words[0] == "world":
            file = Path(words[2]) / "manifest.json"
        else:
            told = config.read(Path(words[1]), Settings, words[2:])
            assert words[0] == "classes" and told.rare_classes is not None
            file = told.data_root / told.rare_classes.statistics
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
        done.append(f"world {file.parent.name}" if words[0] == "world" else file.name)
        return 1.0

    def measured(module: str, words: Sequence[str], run: Path, lock: int) -> None:
        kind, path, *overrides = words
        kinds = {"foundation": Foundation, "ssr": Settings, "supervised": Supervised}
        told = config.read(Path(path), kinds[kind], overrides)
        run.mkdir(parents=True)
        config.write(run / "config.yaml", told)
        (run / "memory.json").write_text('{"peak_memory_gb": 2.5}')
        results: dict[str, Any] = {"steps": 600, "seconds": 120.0}
        if isinstance(told, Foundation):
            (run / "sam.pth").write_bytes(b"SAM")
            results["data"] = [{"images": 760}, {"images": 800}]
            score = {"iou": 0.5, "oracle_iou": 0.625, "masks": 99, "images": 40}
            results["validation"] = {"pinhole_a": score}
        else:
            name, _, seed = run.name.rpartition("_seed")
            miou = SCORES.get(name, (0.5, 0.5))[int(seed)]
            score = {"miou": miou, "iou": {"road": miou, "car": None}, "images": 80}
            results["validation"] = {one.name: score for one in told.validation}
            results["data"] = [{"images": 7}, {"images": 800}, {"images": 400, "labels": False}]
            results["parameters"] = {"student": 3_700_000, "regulariser": 400_000}
            if isinstance(told, Settings):
                results["sam"] = None if told.regularisation is None else {"sha256": DIGEST}
        (run / "results.json").write_text(json.dumps(results))
        done.append(f"goodsam/{run.name}" if run.parent.name == "goodsam" else run.name)

    monkeypatch.setattr(process, "command", command)
    monkeypatch.setattr(process, "measured", measured)
    return done


def test_each_row_comes_after_what_it_needs(tmp_path: Path, made: list[str], real: Path) -> None:
    study(tmp_path, seeds=[0, 1], only=["source", "ssr", "oracle", "real_ssr"], real=real)
    assert made == [
        *PINHOLES, "goodsam/source_seed0", "statistics_a.json", "start_seed0", "source_seed0",
        "foundation", "ssr_seed0", "statistics_b.json", "oracle_seed0",
        "goodsam/source_seed1", "start_seed1", "source_seed1", "ssr_seed1", "oracle_seed1",
        "statistics_ab.json", "real_ssr_seed0", "real_ssr_seed1",
    ]  # fmt: skip


def test_what_is_finished_is_not_done_again(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path, only=["mic", "ssr"])
    made.clear()
    study(tmp_path, only=["mic", "ssr"], overrides=["loop.threads=1"])
    assert made == []
    shutil.rmtree(tmp_path / "ssr" / "mic_seed0")
    study(tmp_path, only=["mic", "ssr"])
    assert made == ["mic_seed0"]


def test_rows_without_sam_need_no_foundation(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path, only=["mic", "daformer"])
    assert made == [
        *PINHOLES,
        "goodsam/source_seed0",
        "statistics_a.json",
        "start_seed0",
        "daformer_seed0",
        "mic_seed0",
    ]


def test_without_real_pictures_their_rows_are_left_out(
    tmp_path: Path, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path)
    assert {one.removesuffix("_seed0") for one in made if one.endswith("_seed0")} == {
        "goodsam/source", "start", *(row.name for row in DRAWN),
    }  # fmt: skip
    told = "Without --real DIR, real_source, real_daformer, real_ssr are left out."
    assert told in capsys.readouterr().out
    with pytest.raises(ValueError, match="real_ssr adapt to real pictures: say where they are, --real DIR"):
        study(tmp_path, only=["ssr", "real_ssr"])


def test_a_folder_without_camvid_is_refused_before_anything_runs(tmp_path: Path, made: list[str]) -> None:
    with pytest.raises(FileNotFoundError, match="SegNet layout"):
        study(tmp_path, real=tmp_path)
    assert made == []


def test_the_foundation_has_seen_real_pictures_where_there_are_some() -> None:
    def seen(real: Path | None) -> list[Path]:
        path, *words = foundation_words(Where(Path("/study"), CONFIGS, (), real))
        return [one.path for one in config.read(Path(path), Foundation, words).data]

    assert seen(None) == [Path("pinhole_a"), Path("pinhole_b")]
    assert seen(Path("/real")) == [*seen(None), Path("/real/camvid/train")]


def test_a_foundation_that_has_seen_real_pictures_stays(tmp_path: Path, made: list[str], real: Path) -> None:
    study(tmp_path, only=["ssr"], real=real)
    made.clear()
    study(tmp_path, only=["ssr", "mic_ssr"])
    assert made == ["mic_ssr_seed0"]


def test_a_foundation_that_lacks_real_pictures_is_told(tmp_path: Path, made: list[str], real: Path) -> None:
    study(tmp_path, only=["ssr"])
    with pytest.raises(ValueError, match=r"foundation was made with data\.2\.kind None instead of pictures"):
        study(tmp_path, only=["ssr"], real=real)


def test_runs_of_another_sam_are_not_mixed_into_a_table(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path, only=["source", "ssr"])
    (tmp_path / "ssr" / "foundation" / "sam.pth").write_bytes(b"another")
    study(tmp_path, only=["source"])
    with pytest.raises(ValueError, match=r"ssr_seed0 was made with another SAM than .*foundation: delete it"):
        study(tmp_path, only=["source", "ssr"])


def test_rows_differ_in_their_parts_alone() -> None:
    parts = {"self_training", "feature_distance", "masking", "regularisation"}
    told = {row.name: settings(row) for row in ROWS}
    has = {
        name: {part for part in parts if getattr(one, part) is not None} - {"feature_distance"}
        for name, one in told.items()
    }
    assert has["source"] == has["oracle"] == has["real_source"] == set()
    assert has["daformer"] == has["real_daformer"] == {"self_training"}
    assert has["ssr"] == has["ssr_random"] == has["real_ssr"] == {"self_training", "regularisation"}
    assert has["mic"] == {"self_training", "masking"}
    assert has["mic_ssr"] == {"self_training", "masking", "regularisation"}
    same = parts | {"out", "name", "source", "rare_classes"}
    rest = [one.model_dump(exclude=same) for name, one in told.items() if not BY_NAME[name].real]
    assert all(one == rest[0] for one in rest)


def test_stages_are_fused_one_at_a_time_or_all() -> None:
    found = {row.name: settings(row).regularisation for row in ROWS}
    stages = {name: one.stages for name, one in found.items() if one is not None}
    assert [stages[f"ssr_stage{stage}"] for stage in range(4)] == [[0], [1], [2], [3]]
    assert stages["ssr"] == stages["ssr_random"] == stages["mic_ssr"] == [0, 1, 2, 3]


def test_what_knows_nothing_is_kept_apart() -> None:
    random, trained = settings(BY_NAME["ssr_random"]).regularisation, settings(BY_NAME["ssr"]).regularisation
    assert random is not None and trained is not None
    assert random.encoder.redraw is not None and trained.encoder.redraw is None
    assert random.encoder.checkpoint == trained.encoder.checkpoint and random.cache != trained.cache


def test_rows_on_real_pictures_start_from_both_styles_and_are_scored_there() -> None:
    where = Where(Path("/study"), CONFIGS, (), Path("/real"))
    path, *words = source_words(where, 1)
    source, row = config.read(Path(path), Supervised, words), settings(BY_NAME["real_ssr"])
    assert [one.path.name for one in row.source] == ["pinhole_a", "pinhole_b"]
    assert [(one.kind, one.path, one.split) for one in row.validation] == [
        ("camvid", Path("/real/camvid"), "val")
    ]
    assert [(one.path, one.split) for one in row.target] == [(Path("/real/camvid"), "train")]
    assert source.run == Path("/study/goodsam/source_seed1") and source.network.variant == row.network.variant
    assert row.network.init == Path("/study/ssr/start_seed0")


def test_tables_tell_mean_and_deviation_and_compare_seed_by_seed(
    tmp_path: Path, made: list[str], real: Path
) -> None:
    (tmp_path / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rows = ["source", "daformer", "ssr", "real_daformer", "real_ssr"]
    study(tmp_path, seeds=[0, 1], only=rows, real=real)
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| source only | 32.00 ± 2.83 | 2 | 2.0 | 2.5 GB |" in text
    assert "| DAFormer + SSR | DAFormer | style b | +6.00 ± 1.41 |" in text
    assert "| DAFormer | source only | style b | +9.00 ± 1.41 |" in text
    assert "| DAFormer + SSR | DAFormer | CamVid | +2.00 ± 1.41 |" in text
    assert "99 masks of pinhole_a with an IoU of 0.50, the best of its three answers 0.62." in text
    assert "labelled pictures and 2 of 400 without labels, scores on 80 others" in text
    found = json.loads((tmp_path / "ssr.json").read_text())
    assert [row["name"] for row in found["rows"]] == rows[:3]
    assert [row["name"] for row in found["real"]] == rows[3:]
    assert found["rows"][2]["miou"]["each"] == pytest.approx([45, 49])
    assert found["rows"][2]["iou"] == {"road": pytest.approx(47), "car": None}
    # 2 seeds of 5 rows, a start and its encoder, and the foundation.
    assert found["size"]["minutes"] == 2 * (2 * 7 + 1)
    assert found["size"]["daformer"]["labelled"] == 800 and found["size"]["real_daformer"]["labelled"] == 807
    assert found["foundation"]["validation"]["pinhole_a"]["oracle_iou"] == 0.625
    assert str(tmp_path) not in json.dumps(found)


def test_the_command_line(
    tmp_path: Path, made: list[str], real: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["study", "ssr", "--root", str(tmp_path), "--json", str(tmp_path / "a.json")]
    words += ["--readme", str(tmp_path / "a.md")]
    assert main([*words, "--only", "real_daformer", "--seeds", "1", "--real", str(real)]) == 0
    assert made[-3:] == ["start_seed1", "statistics_ab.json", "real_daformer_seed1"]
    assert f"Results: {tmp_path / 'a.json'}, tables: {tmp_path / 'a.md'}" in capsys.readouterr().out
    # A part of a study does not replace the published tables.
    part = ["study", "ssr", "--root", str(tmp_path), "--only", "real_daformer", "--seeds", "1", "--real"]
    assert main([*part, str(real)]) == 0
    assert f"Results: {tmp_path / 'ssr.json'}, tables: {tmp_path / 'ssr.md'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["goodsam", "--only", "ssr_stage0"],
            "The study goodsam has no row ssr_stage0: choose of unadapted,",
        ),
        (["ssr", "--only", "mic", "boundary"], f"has no row boundary: choose of {', '.join(NAMES)}."),
        (["goodsam", "--real", "."], "The study goodsam has no rows on real pictures: leave out --real."),
    ],
)
def test_what_belongs_to_another_study_is_one_sentence(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", *words]) == 2
    assert message in capsys.readouterr().err


def draw(folder: Path, frames: int) -> None:
    """Sky over road and a car, as the world's folders are."""
    for kind in ("rgb", "label", "instance"):
        (folder / kind).mkdir(parents=True)
    colours = np.zeros((11, 3), np.uint8)
    colours[[0, 7, 9]] = (90, 90, 90), (230, 180, 150), (30, 30, 200)
    for index in range(frames):
        label = np.full((32, 48), 7, np.uint8)
        label[16:] = 0
        label[10:22, 8 * index : 8 * index + 12] = 9
        cv2.imwrite(str(folder / "rgb" / f"{index:06d}.png"), colours[label])
        cv2.imwrite(str(folder / "label" / f"{index:06d}.png"), label)
        cv2.imwrite(str(folder / "instance" / f"{index:06d}.png"), (label == 9).astype(np.uint16))
    manifest = {"label_set": "street11", "settings": {"camera": "pinhole"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Drawn data, and the study's configurations on a few small pictures."""
    for name in WORLDS:
        draw(tmp_path / "data" / name, 3)
    (tmp_path / "configs").mkdir()
    for name in ("foundation", "source", "start", "ssr", "real"):
        folder = GOODSAM if name == "source" else CONFIGS
        tree = yaml.safe_load((folder / f"{name}.yaml").read_text())
        tree["schedule"]["steps"] = 1
        if name == "foundation":
            tree["encoder"] = {"width": 16, "depth": 1, "heads": 1, "global_blocks": [0], "image_size": 32}
            tree |= {"batch": 1, "validation": [tree["validation"][0] | {"skip": 2}]}
            tree["data"][0]["limit"] = 2
        elif name == "source":
            tree |= {"size": [32, 64], "windows": [{"since": 0, "size": [32, 32]}], "batch": 2}
            tree["data"][0]["limit"] = tree["validation"][0]["skip"] = 2
        else:
            tree |= {"size": [32, 48], "crop": [32, 32], "network": tree["network"] | {"channels": 16}}
            for one in (*tree["source"], *tree.get("target", ())):
                one["size"] = [32, 48]
        (tmp_path / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path


def test_from_drawn_data_to_tables(tiny: Path, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(module: str, words: Sequence[str], lock: int | None = None) -> float:
        assert module == "training" and main(words) == 0
        return 1.0

    monkeypatch.setattr(process, "command", command)
    study(tiny, only=["mic_ssr", "ssr_random", "oracle", "real_ssr"], configs=tiny / "configs", real=real)
    found = json.loads((tiny / "ssr.json").read_text())
    assert [row["name"] for row in found["rows"]] == ["ssr_random", "mic_ssr", "oracle"]
    assert [row["name"] for row in found["real"]] == ["real_ssr"]
    assert found["rows"][1]["peak_memory_gb"] == 1.0
    assert found["size"]["source"]["labelled"] == 2 and found["size"]["start"]["labelled"] == 3
    assert [one["images"] for one in found["foundation"]["data"]] == [2, 3, 1]
    assert "| MIC + SSR | " in (tiny / "README.md").read_text()
    # Nothing is left to do, and what is there is what is wanted.
    study(tiny, only=["mic_ssr", "ssr_random", "oracle", "real_ssr"], configs=tiny / "configs", real=real)
