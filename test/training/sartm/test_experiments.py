# SPDX-License-Identifier: Apache-2.0
"""The experiments that ship, and what their settings refuse."""

from pathlib import Path

import pytest

from samseg_ros.labels import label_set
from samseg_ros.light import light
from training import config
from training.sartm.settings import Settings

FOLDER = Path(__file__).parents[3] / "training" / "sartm"
NAMES = ("mfnet", "pst900", "fmb")


def read(*overrides: str, name: str = "mfnet") -> Settings:
    return config.read(FOLDER / f"{name}.yaml", Settings, overrides)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_those_of_the_authors(name: str) -> None:
    found = read(name=name)
    assert found.backbone.kind == "sam2" and found.backbone.variant == "base_plus"
    assert (found.backbone.rank, found.backbone.scale, found.batch) == (16, 1.0, 8)
    assert found.fusion == "frm_ffm" and found.auxiliary is not None and found.language is not None
    assert found.distillation is not None and found.distillation.decay == 0.9
    weights = (found.segmentation, found.auxiliary.weight, found.language.weight, found.distillation.weight)
    assert weights == (1.0, 1.0, 1.0, 1.0)
    schedule, loop = found.schedule, found.loop
    assert (schedule.lr, schedule.decay, schedule.power, schedule.warmup) == (1e-4, "poly", 0.9, 10 / 500)
    assert (loop.precision, loop.weight_decay, loop.clip, loop.average) == ("32-true", 0.01, None, None)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_can_be_chosen_by_what_is_scored(name: str) -> None:
    found = read(name=name)
    assert all(one.split == "train" for one in found.data)
    assert found.loop.validate_every == found.schedule.steps
    assert not {one.split for one in found.validation} & {one.split for one in found.data}


@pytest.mark.parametrize(
    ("name", "classes", "pairs"), [("mfnet", 9, 784), ("pst900", 5, 597), ("fmb", 15, 1220)]
)
def test_each_has_its_own_classes_and_500_epochs(name: str, classes: int, pairs: int) -> None:
    found = read(name=name)
    assert found.name == f"sartm_{name}" and {one.kind for one in found.data} == {name}
    assert len(label_set(found.label_set)) == classes
    assert found.schedule.steps == 500 * (pairs // 8)  # without the smaller last batch
    assert not found.data_root.is_absolute()


def test_the_street_is_scored_on_what_it_does_not_learn_from() -> None:
    found = read(name="street")
    assert (found.name, found.size, found.label_set) == ("sartm_street", (480, 640), "street11")
    learned = {(one.kind, one.path, one.split) for one in found.data}
    assert not learned & {(one.kind, one.path, one.split) for one in found.validation}
    assert [one.weak_labels is not None for one in found.data if one.kind == "msrs"] == [True]
    held_out = (FOLDER / "msrs_held_out.txt").read_text().split()
    assert len(set(held_out)) == 60 and sum(light(stem) == "night" for stem in held_out) == 30


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["data.0.weak_labels=labels"], "weak_labels are for kind msrs, not for mfnet"),
        (["size=[480, 650]"], "multiples of 32"),
        (["crop=[16, 64]"], "at least 32"),
        (["validation.1.name=mfnet_val"], "different names"),
        (["validation.1.name=mfnet_val_night"], "no other validation set"),
        (["fusion=sum"], "fusion"),
        (["backbone.rank=-1"], "rank"),
        (["backbone={kind: sam3}"], "sam3"),
        (["backbone.checkpoint=a.pth"], "checkpoint"),
        (["data.0.kind=kaist"], "kind"),
        (["distillation.decay=1"], "decay"),
        (["language.text.prompts=[a street]"], "must have one {}"),
        (["thermal.only_rgb=0.6", "thermal.only_thermal=0.6"], "add up to more than 1"),
        (["segmentation=0"], "segmentation"),
        (["auxilary=null"], "did you mean 'auxiliary'"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(overrides: list[str], complaint: str) -> None:
    with pytest.raises(ValueError) as error:
        read(*overrides)
    assert complaint in str(error.value) and "\n" not in str(error.value)
