# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from samseg_ros.grouping import membership, relabelling
from samseg_ros.labels import CITYSCAPES19, STREET11


def test_each_group_has_a_table_of_its_own() -> None:
    tables = membership({"vulnerable": ("person", "bicycle"), "moving": ("person", "car")}, STREET11)
    assert {name: np.flatnonzero(table).tolist() for name, table in tables.items()} == {
        "vulnerable": [8, 10],
        "moving": [8, 9],
    }
    assert set(tables["moving"]) == {0, 255}
    assert tables["moving"][255] == 0, "unlabelled pixels belong to no group"


def test_groups_as_a_label_set() -> None:
    labels, table = relabelling({"vulnerable": ("bicycle", "person"), "drivable": ("road",)}, STREET11)
    assert labels.names == ("drivable", "vulnerable")
    assert labels.colors == (STREET11.colors[0], STREET11.colors[10])
    expected = np.full(256, 255)
    expected[[0, 8, 10]] = 0, 1, 1
    np.testing.assert_array_equal(table, expected)


@pytest.mark.parametrize("make", [membership, relabelling])
def test_a_class_that_is_not_there_is_named_with_those_that_are(make) -> None:
    with pytest.raises(ValueError, match="lacks") as caught:
        make({"drivable": ("raod",)}, STREET11)
    assert str(caught.value) == (
        "group 'drivable' names class 'raod', which label set 'street11' lacks (did you mean 'road'?); its "
        "classes are: road, sidewalk, building, fence, pole, traffic sign, vegetation, sky, person, car, "
        "bicycle."
    )


def test_one_mask_cannot_hold_a_class_twice() -> None:
    with pytest.raises(ValueError, match="class 'person' is in the groups 'moving' and 'vulnerable'"):
        relabelling({"vulnerable": ("person",), "moving": ("car", "person")}, CITYSCAPES19)


def test_a_class_that_a_group_names_twice_does_no_harm() -> None:
    _, table = relabelling({"drivable": ("road", "road")}, STREET11)
    assert table[0] == 0
