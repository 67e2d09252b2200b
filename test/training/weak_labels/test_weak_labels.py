# SPDX-License-Identifier: Apache-2.0
"""Labels of pairs that have boxes: what guides say, what GrabCut finds, and the command around both."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from samseg_ros import engine
from samseg_ros.boxes import Box
from samseg_ros.labels import UNLABELED, label_set
from training.__main__ import main
from training.weak_labels.boxes import inside, views
from training.weak_labels.guides import Said, believed
from training.weak_labels.labels import REACH, label

STREET = label_set("street11")
ROAD, BUILDING, PERSON, CAR, BICYCLE = (
    STREET.names.index(name) for name in ("road", "building", "person", "car", "bicycle")
)
SIZE = (96, 128)


def box(name: str, rows: tuple[int, int], columns: tuple[int, int]) -> Box:
    return Box(name, (rows[1] - rows[0]) * (columns[1] - columns[0]), slice(*rows), slice(*columns))


def said(labels: list[int], confidence: list[int]) -> Said:
    return Said(np.array([labels], np.uint8), np.array([confidence], np.uint8))


def guide(labels: np.ndarray, confidence: int = 250):
    return lambda rgb, thermal: Said(labels.copy(), np.full(labels.shape, confidence, np.uint8))


def pair(hot: tuple[slice, slice] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture with noise, and a cold one in which `hot` is hot."""
    random = np.random.default_rng(0)
    rgb = random.integers(90, 110, (*SIZE, 3), dtype=np.uint8)
    thermal = random.integers(30, 50, SIZE, dtype=np.uint8)
    if hot is not None:
        thermal[hot] += 180
    return rgb, thermal


def test_of_guides_that_differ_a_sure_one_is_believed() -> None:
    #           agree       the surer     both unsure   one is silent, the other unsure
    first = said([ROAD, ROAD, ROAD, UNLABELED], [10, 200, 100, 255])
    second = said([ROAD, BUILDING, BUILDING, BUILDING], [20, 160, 90, 30])
    assert believed([first, second], sure=0.6).tolist() == [[ROAD, ROAD, UNLABELED, BUILDING]]
    assert believed([second, first], sure=0.6).tolist() == [[ROAD, ROAD, UNLABELED, BUILDING]]
    assert believed([first], sure=0.6).tolist() == [[ROAD, ROAD, ROAD, UNLABELED]]


def test_grab_cut_finds_what_is_warm_in_a_box() -> None:
    warm = slice(20, 70), slice(40, 56)
    rgb, thermal = pair(warm)
    found = inside(views(rgb, thermal), box("person", (16, 74), (34, 62)))
    truth = np.zeros(SIZE, bool)
    truth[warm] = True
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    again = inside(views(rgb, thermal), box("person", (16, 74), (34, 62)))
    np.testing.assert_array_equal(found, again)


def test_nothing_to_tell_apart_gives_an_ellipse_within_the_box() -> None:
    flat = np.full((*SIZE, 3), 100, np.uint8)
    for rows, columns in (((10, 60), (20, 50)), ((0, 6), (0, 4)), ((0, SIZE[0]), (0, SIZE[1]))):
        found = inside(flat, box("car", rows, columns))
        part = found[slice(*rows), slice(*columns)]
        assert found.sum() == part.sum() and 0.25 <= part.mean() <= 0.95
        assert part[part.shape[0] // 2, part.shape[1] // 2]


def test_things_are_in_their_boxes_and_nowhere_else() -> None:
    rgb, thermal = pair((slice(20, 70), slice(40, 56)))
    seen = np.full(SIZE, BUILDING, np.uint8)
    seen[60:] = ROAD
    seen[80:90, 100:110] = CAR  # there is no such box
    seen[20:70, 36:60] = CAR  # it is a person
    drawn = [box("person", (16, 74), (34, 62))]
    told = label(rgb, thermal, drawn, [guide(seen)], STREET)
    assert (told == CAR).sum() == 0 and (told[80:90, 100:110] == ROAD).all()
    person = told == PERSON
    assert person[30:60, 42:54].all() and not person[:, :34].any() and not person[:, 62:].any()
    assert (told[20:70, 36:38] == UNLABELED).all()  # in the box, not in the person


def test_a_guide_that_sees_no_thing_speaks_for_one_that_does() -> None:
    rgb, thermal = pair()
    wrong, right = np.full(SIZE, CAR, np.uint8), np.full(SIZE, ROAD, np.uint8)
    told = label(rgb, thermal, [], [guide(wrong), guide(right, confidence=5)], STREET)
    assert (told == ROAD).all()
    assert (label(rgb, thermal, [], [guide(wrong)], STREET) == UNLABELED).all()


def test_labels_are_carried_no_further_than_they_reach() -> None:
    rgb, thermal = pair()
    seen = np.full(SIZE, CAR, np.uint8)
    seen[:, 0] = ROAD
    told = label(rgb, thermal, [], [guide(seen)], STREET)
    assert (told[:, : REACH + 1] == ROAD).all() and (told[:, REACH + 1 :] == UNLABELED).all()


def test_what_is_in_front_lies_above() -> None:
    rgb, thermal = pair()
    road = guide(np.full(SIZE, ROAD, np.uint8))
    drawn = [
        box("person", (30, 60), (40, 60)),
        box("car", (10, 90), (10, 110)),
        box("bicycle", (40, 60), (70, 90)),
    ]
    told = label(rgb, thermal, drawn, [road], STREET)
    assert told[45, 50] == PERSON and told[50, 80] == BICYCLE and told[70, 30] == CAR


@pytest.fixture
def folder(tmp_path: Path, hot_bundle) -> Path:
    """Three pairs in which the lower half is hot, with one box of a person, and a bundle."""
    hot_bundle(tmp_path / "hot")
    for stem in ("1D", "2D", "3N"):
        rgb, thermal = pair((slice(48, 96), slice(0, 128)))
        for kind, picture in (("visible", rgb), ("thermal", thermal)):
            (tmp_path / kind).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / kind / f"{stem}.png"), picture)
        (tmp_path / "boxes").mkdir(exist_ok=True)
        (tmp_path / "boxes" / f"{stem}.txt").write_text("0 0.5 0.75 0.25 0.25\n")
    return tmp_path


def command(folder: Path, *words: str) -> list[str]:
    return [
        "weak_labels", "--pairs", str(folder), "--boxes", str(folder / "boxes"),
        "--guide", str(folder / "hot"), "--out", str(folder / "labels"), *words,
    ]  # fmt: skip


def test_the_command_labels_what_is_not_held_out_and_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = folder / "held_out.txt"
    held_out.write_text("2D\n")
    assert main(command(folder, "--held-out", str(held_out))) == 0
    assert "2 pairs labelled, 0 found labelled" in capsys.readouterr().out
    assert sorted(path.name for path in (folder / "labels").iterdir()) == ["1D.png", "3N.png"]
    told = cv2.imread(str(folder / "labels/1D.png"), cv2.IMREAD_UNCHANGED)
    assert told.shape == SIZE and told[72, 64] == PERSON and told[10, 64] == ROAD
    assert (told[:, :40] != PERSON).all()  # the bundle says so, but there is no box
    (folder / "labels/1D.png").unlink()
    assert main(command(folder)) == 0
    assert "2 pairs labelled, 1 found labelled" in capsys.readouterr().out


def test_mistakes_end_in_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_runtime(*told: object) -> None:
        raise engine.EngineError("no runtime here")

    def fails(words: str, *more: str) -> None:
        assert main(command(folder, *more)) == 2
        told = capsys.readouterr().err.strip()
        assert words in told and told.startswith("weak_labels: ") and "\n" not in told
        assert not list((folder / "labels").glob("*"))

    (folder / "held_out.txt").write_text("7D\n")
    fails("7D, which is no pair", "--held-out", str(folder / "held_out.txt"))
    fails("nowhere", "--guide", "nowhere")
    fails("is for panoramas", "--guide", "street_b0_panorama")
    with monkeypatch.context() as patched:
        patched.setattr(engine, "load", no_runtime)
        fails("no runtime here")
    (folder / "boxes/1D.txt").write_text("person here\n")
    fails("line 1 is 'person here'")
    (folder / "boxes/1D.txt").unlink()
    fails("1D.png has no file of boxes")
    (folder / "boxes/1D.txt").write_text("")
    cv2.imwrite(str(folder / "thermal/1D.png"), np.zeros((8, 8), np.uint8))
    fails("must be registered and the same size")
