# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from samseg_ros.labels import (
    CAMVID11,
    CITYSCAPES19,
    STREET11,
    UNLABELED,
    LabelSet,
    class_id,
    label_map,
    label_set,
)

SIZES = {
    "cityscapes19": 19, "street11": 11, "densepass13": 13, "wildpass8": 8, "camvid11": 11, "mfnet9": 9,
    "stanford13": 13, "stanford8": 8, "pst900_5": 5, "fmb14": 14, "fmb15": 15,
}  # fmt: skip


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_sets_have_their_published_number_of_classes(name: str, size: int) -> None:
    assert len(label_set(name)) == size


def test_unknown_set_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"'city' is no known label set; choose one of: .*street11"):
        label_set("city")


def test_palette_colours_classes_and_leaves_void_black() -> None:
    palette = STREET11.palette()
    assert palette.shape == (256, 3)
    assert tuple(palette[0]) == (128, 64, 128)
    assert tuple(palette[8]) == (220, 20, 60)
    assert not palette[11:].any()


def test_camvid_files_read_as_street11() -> None:
    table = label_map("camvid", STREET11)
    names = [STREET11.names[i] for i in table[:11]]
    assert names == [
        "sky", "building", "pole", "road", "sidewalk", "vegetation", "traffic sign", "fence", "car", "person",
        "bicycle",
    ]  # fmt: skip
    assert (table[11:] == UNLABELED).all()


def test_cityscapes_files_read_as_their_train_ids() -> None:
    table = label_map("cityscapes", CITYSCAPES19)
    published = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12,
                 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18}  # fmt: skip
    expected = np.full(256, UNLABELED)
    for raw, train in published.items():
        expected[raw] = train
    np.testing.assert_array_equal(table, expected)


def test_densepass13_groups_as_published() -> None:
    published = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 12, 12, 12, 255, 12, 12]
    np.testing.assert_array_equal(label_map("cityscapes19", label_set("densepass13"))[:19], published)


def test_stanford8_leaves_five_of_thirteen_out_as_published() -> None:
    published = [255, 255, 255, 0, 1, 255, 255, 2, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(label_map("stanford13", label_set("stanford8"))[:13], published)


def test_wildpass_files_read_as_the_eight_evaluated_classes() -> None:
    table = label_map("wildpass", label_set("wildpass8"))
    published = {4: 0, 5: 1, 8: 2, 11: 3, 12: 4, 17: 5, 13: 6, 24: 7}
    assert {raw: int(table[raw]) for raw in published} == published
    assert (np.delete(table, list(published)) == UNLABELED).all()


def test_riders_count_as_bicycle_in_street11() -> None:
    table = label_map("cityscapes19", STREET11)
    assert STREET11.names[table[CITYSCAPES19.names.index("rider")]] == "bicycle"


def test_a_class_is_found_by_another_sets_word_for_it() -> None:
    assert class_id(label_set("mfnet9"), "bicycle") == 3 and class_id(CAMVID11, "person") == 9
    assert class_id(label_set("densepass13"), "bicycle") is None  # what it absorbs is no class of its own


def test_a_set_of_its_own_maps_to_itself() -> None:
    own = LabelSet("forest", ("trunk", "crown"), ((1, 2, 3), (4, 5, 6)))
    assert list(label_map("forest", own)[:3]) == [0, 1, UNLABELED]


def test_unknown_map_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"'kitty' is no known label map; choose one of: camvid"):
        label_map("kitty", CAMVID11)


@pytest.mark.parametrize(
    ("names", "colors", "message"),
    [
        ((), (), "0 classes"),
        (("a", "b"), ((0, 0, 0),), "2 names but 1 colours"),
        (("a", "a"), ((0, 0, 0), (1, 1, 1)), "names a class twice"),
    ],
)
def test_impossible_sets_are_refused(names: tuple, colors: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LabelSet("odd", names, colors)
