# SPDX-License-Identifier: Apache-2.0
"""Which settings of a finished run have to be those that are wanted."""

from pathlib import Path
from typing import Any

import pytest

from training import config
from training.ssr.settings import Settings
from training.study.comparison import compare

SOURCE = {"kind": "world", "path": "a", "size": [32, 32]}
TREE = {
    "name": "one", "size": [32, 32], "crop": [32, 32], "source": [SOURCE], "self_training": None,
    "schedule": {"steps": 3}, "network": {"init": "/here/start_seed0"},
}  # fmt: skip


def made(run: Path) -> None:
    config.write(run / "config.yaml", Settings.model_validate(TREE))
    (run / "results.json").write_text("{}")


@pytest.mark.parametrize(
    "changed",
    [
        {"network": {"init": "/there/start_seed0"}},
        {"data_root": "elsewhere", "workers": 3, "out": "run"},
        {"loop": {"threads": 1, "save_every": 7, "device": "cpu"}},
    ],
)
def test_where_and_how_fast_does_not_matter(tmp_path: Path, changed: dict[str, Any]) -> None:
    made(tmp_path)
    compare(tmp_path, Settings.model_validate(TREE | changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"network": {"init": "/here/start_seed1"}}, "network.init start_seed0 instead of start_seed1"),
        ({"source": [SOURCE | {"path": "b"}]}, "source.0.path a instead of b"),
        ({"source": [SOURCE, SOURCE]}, "source.1.kind None instead of world"),
        ({"loop": {"average": None}}, "loop.average 0.999 instead of None"),
    ],
)
def test_what_comes_out_does(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    made(tmp_path)
    with pytest.raises(ValueError, match=f"was made with {message}"):
        compare(tmp_path, Settings.model_validate(TREE | changed))


def test_an_unfinished_run_is_not_compared(tmp_path: Path) -> None:
    config.write(tmp_path / "config.yaml", Settings.model_validate(TREE))
    compare(tmp_path, Settings.model_validate(TREE | {"crop": [64, 64], "size": [64, 64], "source": [
        SOURCE | {"size": [64, 64]}
    ]}))  # fmt: skip
