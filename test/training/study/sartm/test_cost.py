# SPDX-License-Identifier: Apache-2.0
"""What a row costs: parameters as they learn, operations as they are deployed."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from sartm_runs import CONFIG, write_sam

from training import config
from training.export.segformer import DeployedSegformer
from training.networks import segformer
from training.sartm.settings import Settings
from training.study.sartm import cost
from training.supervised.settings import Settings as Supervised

SIZE = (32, 64)
B0: dict[str, Any] = {
    "name": "b0", "task": "rgbt", "size": list(SIZE), "schedule": {"steps": 1},
    "data": [{"kind": "world", "path": "a"}], "validation": [{"name": "a", "kind": "world", "path": "a"}],
    "windows": [{"since": 0, "size": [32, 32]}], "network": {"decoder": 16},
}  # fmt: skip


def told(run: Path, settings: Settings | Supervised) -> dict[str, Any]:
    run.mkdir(parents=True)
    config.write(run / "config.yaml", settings)
    return cost.cost(run)


def of_sartm(root: Path, rank: int, **changes: Any) -> dict[str, Any]:
    root.mkdir()
    sam = root / "sam.pth"
    write_sam(sam)
    backbone = {**CONFIG["backbone"], "checkpoint": sam, "rank": rank}
    tree = {**CONFIG, "language": None, **changes, "backbone": backbone}
    return told(root / "run", Settings.model_validate(tree))


def test_operations_are_counted_by_hand() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3, padding=1), torch.nn.BatchNorm2d(5))
    assert cost.operations(network, (4, 8), 3, presence=False) == 2 * 3 * 5 * 9 * 4 * 8


def test_what_the_exporter_computes_once_does_not_count() -> None:
    network = segformer("b0", 11).eval()
    folded = cost.operations(DeployedSegformer(network), SIZE, 3, presence=False)
    assert cost.operations(network, SIZE, 3, presence=False) - cost.composition(network) == folded


def test_two_branches_cost_two_encoders_and_their_fusion(tmp_path: Path) -> None:
    four = told(tmp_path / "four", Supervised.model_validate(B0))
    rgb = told(tmp_path / "rgb", Supervised.model_validate(B0 | {"task": "camera"}))
    cmx = told(
        tmp_path / "cmx", Supervised.model_validate(B0 | {"network": {"decoder": 16, "fusion": "two_branch"}})
    )
    learned = [one["parameters"]["trainable"] for one in (rgb, four, cmx)]
    assert learned[1] - learned[0] == 7 * 7 * 32 and learned[2] > 1.9 * learned[0]
    assert rgb["gflops"] < four["gflops"] < cmx["gflops"] and four["parameters"]["frozen"] == 0
    assert four["size"] == list(SIZE)


def test_lora_learns_and_costs_nothing_when_deployed(tmp_path: Path) -> None:
    frozen, lora = of_sartm(tmp_path / "frozen", 0), of_sartm(tmp_path / "lora", 2)
    assert frozen["gflops"] == lora["gflops"] > 0
    # Two blocks of width 32, two pairs of matrices each.
    assert lora["parameters"]["trainable"] - frozen["parameters"]["trainable"] == 2 * 2 * 2 * 32 * 2
    assert lora["parameters"]["frozen"] == frozen["parameters"]["frozen"] > 0


def test_fusion_costs_something_and_the_auxiliary_head_is_not_deployed(tmp_path: Path) -> None:
    plain, fused = of_sartm(tmp_path / "plain", 2, fusion="none"), of_sartm(tmp_path / "fused", 2)
    bare = of_sartm(tmp_path / "bare", 2, auxiliary=None)
    assert plain["gflops"] < fused["gflops"] == bare["gflops"]
    assert bare["parameters"]["trainable"] < fused["parameters"]["trainable"]


def test_the_command_leaves_a_file_or_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = told(tmp_path / "run", Supervised.model_validate(B0))
    monkeypatch.setattr(sys, "argv", ["cost", str(tmp_path / "run")])
    cost.main()
    assert json.loads((tmp_path / "run" / cost.FILE).read_text()) == expected
    monkeypatch.setattr(sys, "argv", ["cost", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        cost.main()
    said = capsys.readouterr().err
    assert said.startswith("cost: ") and "give the folder of a run" in said
