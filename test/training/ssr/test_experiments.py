# SPDX-License-Identifier: Apache-2.0
"""The experiments that ship, and what their settings refuse."""

from pathlib import Path

import pytest

from training import config
from training.ssr.settings import Settings

FOLDER = Path(__file__).parents[3] / "training" / "ssr"
FULL = FOLDER / "gta5_to_cityscapes.yaml"


def read(*overrides: str, file: Path = FULL) -> Settings:
    return config.read(file, Settings, overrides)


def test_the_three_experiments_differ_only_in_what_their_names_say() -> None:
    full = read().model_dump()
    daformer = read(file=FOLDER / "gta5_to_cityscapes_daformer.yaml").model_dump()
    mic = read(file=FOLDER / "gta5_to_cityscapes_mic.yaml").model_dump()
    assert {key for key in full if full[key] != daformer[key]} == {"name", "regularisation"}
    assert {key for key in full if full[key] != mic[key]} == {"name", "masking"}
    assert daformer["regularisation"] is None
    assert mic["masking"] == {"block": 32, "ratio": 0.7, "weight": 1.0}


def test_warm_up_is_that_of_the_authors() -> None:
    assert read().schedule.warmup * read().schedule.steps == 1500


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["crop=[512, 2048]"], "does not fit into gta, size"),
        (["crop=[30, 64]"], "at least 32"),
        (["size=[510, 1024]"], "multiples of 4"),
        (["target=[]"], "self_training needs a target"),
        (["self_training=null", "masking={block: 32}"], "masking needs the pseudo-labels"),
        (["self_training.ignore_bottom=500"], "ignores all 512 rows"),
        (["regularisation.cache=embeddings"], "cache needs places"),
        (["regularisation.stages=[3, 1]"], "must be some of 0, 1, 2, 3, in this order"),
        (["regularisation.stages=[]"], "must be some of 0, 1, 2, 3"),
        (["feature_distance.classes=[lorry]"], "lorry"),
        (["network.init=runs/other"], "init and weights both say"),
        (["label_set=nothing"], "no known label set"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(overrides: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as error:
        read(*overrides)
    assert "\n" not in str(error.value)
