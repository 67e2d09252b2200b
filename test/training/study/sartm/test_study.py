# SPDX-License-Identifier: Apache-2.0
"""The table of SARTM: which runs it makes, with which settings, and what it makes of their results."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from training import config
from training.__main__ import main
from training.foundation.pretrain.settings import Settings as Foundation
from training.modalities import presences
from training.sartm.settings import Settings
from training.study import command as command_line
from training.study import process
from training.study.drawing import LIGHTS
from training.study.publish import BEGIN, END
from training.study.sartm.rows import FOUNDATION_WORLDS, NAMES, ROWS, WORLDS, Row
from training.study.sartm.study import study as run_study
from training.study.sartm.words import Where, row_words
from training.supervised.settings import Settings as Supervised

CONFIGS = Path(command_line.__file__).parent / "sartm"
SSR = CONFIGS.parent / "ssr"
BY_NAME = {row.name: row for row in ROWS}
OF_SARTM = [row for row in ROWS if row.command == "sartm"]
PAIRS = [f"world {name}" for name in WORLDS]
PINHOLES = [f"world {name}" for name in FOUNDATION_WORLDS]
DIGEST = hashlib.sha256(b"SAM").hexdigest()
# mIoU of each run by day from all that it knows, by its name and its seed; a missing stream costs something.
SCORES = {
    "rgb": (0.30, 0.34),
    "thermal": (0.40, 0.41),
    "four_channels": (0.40, 0.42),
    "sartm": (0.45, 0.49),
}
MISSING = {"": 0.0, "_rgb_only": 0.1, "_thermal_only": 0.12}


def study(root: Path, **changed: Any) -> None:
    given = {"seeds": [0], "only": None, "overrides": [], "configs": CONFIGS}
    run_study(root, results=root / "sartm.json", readme=root / "README.md", **(given | changed))


def settings(row: Row, configs: Path = CONFIGS) -> Any:
    path, *words = row_words(Where(Path("/study"), configs), row, 0)
    return config.read(Path(path), Settings if row.command == "sartm" else Supervised, words)


def report(name: str, seed: int, light: str, ending: str) -> dict[str, Any]:
    miou = SCORES.get(name, (0.5, 0.5))[seed] - (0.05 if light == "night" else 0.0)
    miou -= 0.0 if name == "thermal" else MISSING[ending]
    return {"miou": miou, "iou": {"road": miou, "car": None}, "images": 32}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the study did, in order; nothing is trained."""
    done: list[str] = []

    def command(module: str, words: Sequence[str], lock: int | None = None) -> float:
        if module == "training":
            file = Path(words[2]) / "manifest.json"
            file.parent.mkdir(parents=True)
            file.write_text("{}")
            done.append(f"{words[0]} {file.parent.name}")
        else:
            assert module == "training.study.sartm.cost"
            counted = {"trainable": 1_230_000, "frozen": 4_560_000}
            told = {"parameters": counted, "size": [192, 256], "gflops": 7.891}
            (Path(words[0]) / "cost.json").write_text(json.dumps(told))
            done.append(f"cost {Path(words[0]).name}")
        return 1.0

    def measured(module: str, words: Sequence[str], run: Path, lock: int) -> None:
        kind, path, *overrides = words
        kinds = {"foundation": Foundation, "sartm": Settings, "supervised": Supervised}
        told = config.read(Path(path), kinds[kind], overrides)
        run.mkdir(parents=True, exist_ok=True)
        config.write(run / "config.yaml", told)
        (run / "memory.json").write_text('{"peak_memory_gb": 2.5}')
        results: dict[str, Any] = {"steps": 300, "seconds": 120.0}
        if isinstance(told, Foundation):
            (run / "sam.pth").write_bytes(b"SAM")
            results["data"] = [{"images": 760}, {"images": 800}]
        else:
            name, _, seed = run.name.rpartition("_seed")
            results["validation"] = {
                f"{one.name}{ending}": report(name, int(seed), one.name, ending)
                for one in told.validation
                for ending in presences(not isinstance(told, Supervised) or told.with_thermal)
            }
            results["data"] = [{"images": 7}, *({"images": 160} for _ in told.data)]
            results["backbone"] = {"sha256": DIGEST}
        (run / "results.json").write_text(json.dumps(results))
        done.append(run.name)

    monkeypatch.setattr(process, "command", command)
    monkeypatch.setattr(process, "measured", measured)
    return done


def test_each_row_comes_after_what_it_needs(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path, seeds=[0, 1], only=["rgb", "sartm"])
    assert made == [
        *PAIRS, *PINHOLES, "foundation",
        "rgb_seed0", "cost rgb_seed0", "sartm_seed0", "cost sartm_seed0",
        "rgb_seed1", "cost rgb_seed1", "sartm_seed1", "cost sartm_seed1",
    ]  # fmt: skip
    assert (tmp_path / "sartm" / "text.safetensors").is_file()
    assert (tmp_path / "ssr" / "foundation" / "results.json").is_file()


def test_networks_without_a_foundation_need_none(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path, only=["cmx"])
    assert made == [*PAIRS, "cmx_seed0", "cost cmx_seed0"]


def test_all_rows_come_seed_by_seed(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path)
    trained = [one for one in made if one.endswith("_seed0") and not one.startswith("cost")]
    assert trained == [f"{name}_seed0" for name in NAMES]


def test_what_is_finished_is_not_done_again(tmp_path: Path, made: list[str]) -> None:
    rows = ["cmx", "lora", "sartm"]
    study(tmp_path, only=rows)
    made.clear()
    study(tmp_path, only=rows, overrides=["loop.threads=1"])
    assert made == []
    shutil.rmtree(tmp_path / "sartm" / "lora_seed0")
    (tmp_path / "sartm" / "cmx_seed0" / "cost.json").unlink()
    study(tmp_path, only=rows)
    assert made == ["cost cmx_seed0", "lora_seed0", "cost lora_seed0"]


def test_a_foundation_of_the_study_of_ssr_is_taken_as_it_is(tmp_path: Path, made: list[str]) -> None:
    words = [str(SSR / "foundation.yaml"), f"data_root={tmp_path / 'data'}"]
    process.measured("training", ["foundation", *words], tmp_path / "ssr" / "foundation", 0)
    made.clear()
    # It has seen real pictures, which are not here, and what it was drawn is not needed any more.
    study(tmp_path, only=["frozen"])
    assert made == [*PAIRS, "frozen_seed0", "cost frozen_seed0"]


def test_runs_of_other_settings_are_not_mixed_into_a_table(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path, only=["rgb"])
    with pytest.raises(ValueError, match=r"rgb_seed0 was made with schedule\.steps \d+ instead of 7:"):
        study(tmp_path, only=["rgb"], overrides=["schedule.steps=7"])


def test_runs_of_another_sam_are_not_mixed_into_a_table(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path, only=["rgb", "lora"])
    (tmp_path / "ssr" / "foundation" / "sam.pth").write_bytes(b"another")
    study(tmp_path, only=["rgb"])
    with pytest.raises(
        ValueError, match=r"lora_seed0 was made with another SAM than .*foundation: delete it"
    ):
        study(tmp_path, only=["rgb", "lora"])


def test_all_rows_see_the_same_pictures_equally_often() -> None:
    known = None
    for row in ROWS:
        told = settings(row)
        sets = [
            (one.kind, one.path, one.weight, one.skip, one.limit) for one in (*told.data, *told.validation)
        ]
        crop = told.crop if row.command == "sartm" else told.windows[0].size
        loop = told.loop.model_dump()
        seen = (
            sets, told.label_set, told.size, crop, told.batch, told.schedule.steps, told.augmentation,
            told.class_weights, told.seed, loop["average"], loop["clip"], loop["weight_decay"],
            loop["precision"],
        )  # fmt: skip
        known = known or seen
        assert seen == known, row.name
        if row.command == "supervised":
            assert told.loss_stride == 1 and len(told.windows) == 1


def test_streams_are_hidden_alike_but_where_there_is_one() -> None:
    hidden = {row.name: settings(row).thermal for row in ROWS}
    assert (hidden["thermal"].only_rgb, hidden["thermal"].only_thermal) == (0.0, 1.0)
    assert settings(BY_NAME["rgb"]).channels == 3
    rest = [one for name, one in hidden.items() if name not in ("rgb", "thermal")]
    assert all(one == rest[0] for one in rest) and rest[0].only_rgb > 0 and rest[0].only_thermal > 0


def test_rows_differ_in_their_parts_alone() -> None:
    told = {row.name: settings(row) for row in OF_SARTM}
    has = {
        name: {
            part
            for part, there in {
                "lora": one.backbone.rank > 0,
                "fusion": one.fusion == "frm_ffm",
                "language": one.language is not None,
                "cmkd": one.distillation is not None,
            }.items()
            if there
        }
        for name, one in told.items()
    }
    fused = {"lora", "fusion"}
    assert has == {
        "frozen": set(), "lora": {"lora"}, "fusion": fused, "language": fused | {"language"},
        "cmkd": fused | {"cmkd"}, "sartm": fused | {"language", "cmkd"},
    }  # fmt: skip
    for one in told.values():
        same = {"auxiliary", "schedule", "thermal", "loop", "decoder_from_sam"}
        assert one.model_dump(include=same) == told["sartm"].model_dump(include=same)
        assert one.backbone.checkpoint == Path("/study/ssr/foundation/sam.pth")
    assert told["language"].language == told["sartm"].language
    assert told["sartm"].language.text.file == Path("/study/sartm/text.safetensors")
    assert told["cmkd"].distillation == told["sartm"].distillation


def test_the_networks_without_a_foundation() -> None:
    fusions = {row.name: settings(row).network.fusion for row in ROWS if row.command == "supervised"}
    assert fusions == {"rgb": "early", "thermal": "early", "four_channels": "early", "cmx": "two_branch"}


def test_published_checkpoints_are_taken_as_the_configuration_names_them(
    tmp_path: Path, made: list[str]
) -> None:
    shutil.copy(CONFIGS / "b0.yaml", tmp_path)
    tree = yaml.safe_load((CONFIGS / "sartm.yaml").read_text())
    tree["backbone"] = {"kind": "sam2", "folder": "weights/sam2"}
    tree["language"] = {"text": {"kind": "clip", "folder": "weights/clip"}}
    (tmp_path / "sartm.yaml").write_text(yaml.safe_dump(tree))
    told = settings(BY_NAME["sartm"], tmp_path)
    assert told.backbone.folder == Path("weights/sam2") and told.language.text.folder == Path("weights/clip")
    study(tmp_path / "root", only=["sartm"], configs=tmp_path)
    assert made == [*PAIRS, "sartm_seed0", "cost sartm_seed0"]
    assert json.loads((tmp_path / "root" / "sartm.json").read_text())["foundation"] is None


def test_a_configuration_that_lacks_a_light(tmp_path: Path, made: list[str]) -> None:
    tree = yaml.safe_load((CONFIGS / "b0.yaml").read_text())
    (tmp_path / "b0.yaml").write_text(yaml.safe_dump(tree | {"validation": tree["validation"][:4]}))
    with pytest.raises(ValueError, match="must have one validation set for each light: day, dusk, night"):
        study(tmp_path, only=["rgb"], configs=tmp_path)
    assert made == []


def test_tables_tell_mean_and_deviation_and_compare_seed_by_seed(tmp_path: Path, made: list[str]) -> None:
    (tmp_path / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rows = ["rgb", "thermal", "four_channels", "fusion", "sartm"]
    study(tmp_path, seeds=[0, 1], only=rows)
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    # Over the lights: a fifth of what the night costs.
    assert "| SegFormer-B0, RGB alone | – | 31.00 ± 2.83 | – | 2 |" in text
    assert "| SegFormer-B0, thermal alone | – | – | 39.50 ± 0.71 | 2 |" in text
    assert "| all = SARTM | 46.00 ± 2.83 | 36.00 ± 2.83 | 34.00 ± 2.83 | 2 |" in text
    assert (
        "| all = SARTM | 47.00 ± 2.83 | 47.00 ± 2.83 | 42.00 ± 2.83 | 47.00 ± 2.83 | 47.00 ± 2.83 |" in text
    )
    # The better one at night is the thermal one, with 35 and 36.
    assert (
        "| the better SegFormer-B0 of one stream | both streams | night | +6.50 ± 2.12 | +5 | yes |" in text
    )
    assert "| SegFormer-B0, four channels | both streams | all lights | +6.00 ± 1.41 | +0 | yes |" in text
    assert "| SegFormer-B0, RGB alone | RGB alone | all lights | +5.00 ± 0.00 | -2 | yes |" in text
    assert "| SegFormer-B0, thermal alone | thermal alone | all lights | -5.50 ± 2.12 | -2 | no |" in text
    assert "| all = SARTM | + LoRA, FRM, FFM | -3.00 ± 2.83 | -3.00 ± 2.83 |" in text
    assert "| all = SARTM | 1.23 M | 4.56 M | 7.89 | 2.0 | 2.5 GB |" in text
    assert "SARTM: 300 steps of 4 crops of" in text and "of 800 labelled pairs" in text
    assert "of 1560 pictures by day" in text
    found = json.loads((tmp_path / "sartm.json").read_text())
    assert [row["name"] for row in found["rows"]] == rows
    scores = found["rows"][-1]["scores"]
    assert scores["both"]["night"]["miou"]["each"] == pytest.approx([40, 44])
    assert scores["rgb"]["all"]["iou"] == {"road": pytest.approx(36), "car": None}
    assert list(scores["both"]) == ["all", *LIGHTS] and list(found["rows"][0]["scores"]) == ["rgb"]
    # 2 seeds of 5 rows; what plays SAM is told apart.
    assert found["size"]["minutes"] == 2 * 5 * 2 and found["foundation"]["minutes"] == 2
    assert str(tmp_path) not in json.dumps(found)


def test_aims_compare_the_seeds_that_all_have(tmp_path: Path, made: list[str]) -> None:
    study(tmp_path, seeds=[0, 1], only=["rgb", "sartm"])
    study(tmp_path, seeds=[1], only=["thermal"])
    found = json.loads((tmp_path / "sartm.json").read_text())
    aims = {one["against"]: one["points"]["each"] for one in found["aims"]}
    assert aims["the better SegFormer-B0 of one stream"] == pytest.approx([8])
    assert aims["SegFormer-B0, RGB alone"] == pytest.approx([5, 5])
    assert "SegFormer-B0, four channels" not in aims


def test_the_command_line(tmp_path: Path, made: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["study", "sartm", "--root", str(tmp_path), "--json", str(tmp_path / "a.json")]
    words += ["--readme", str(tmp_path / "a.md")]
    assert main([*words, "--only", "thermal", "--seeds", "1"]) == 0
    assert made[-2:] == ["thermal_seed1", "cost thermal_seed1"]
    assert f"Results: {tmp_path / 'a.json'}, tables: {tmp_path / 'a.md'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--only", "mic"], f"The study sartm has no row mic: choose of {', '.join(NAMES)}."),
        (["--real", "."], "The study sartm has no rows on real pictures: leave out --real."),
        (["--configs", "nowhere"], "No configuration file nowhere"),
    ],
)
def test_mistakes_end_in_a_sentence(
    more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "sartm", "--root", str(tmp_path), *more]) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
