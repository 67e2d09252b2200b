# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from samseg_ros.labels import UNLABELED
from training.data import sphere
from training.data.sphere import View

SIZE = (180, 360)  # one pixel a degree


def pasted(view: View, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image = np.repeat(label[..., None] * np.uint8(20), 3, axis=2)
    return sphere.paste(
        image, label, np.full((*SIZE, 3), 7, np.uint8), np.full(SIZE, UNLABELED, np.uint8), view
    )


def quarters() -> np.ndarray:
    """1 2 over 3 4."""
    return np.kron(np.array([[1, 2], [3, 4]], np.uint8), np.ones((50, 50), np.uint8))


def test_a_square_of_ninety_degrees_covers_what_it_must() -> None:
    canvas, label = pasted(View(fov=90.0, yaw=0.0), quarters())
    seen = label != UNLABELED
    # A face of a cube is a sixth of the sphere.
    area = np.cos(np.radians(89.5 - np.arange(180)))[:, None] * seen
    assert area.sum() / np.cos(np.radians(89.5 - np.arange(180))).sum() / 360 == pytest.approx(
        1 / 6, rel=0.02
    )
    # On the horizon it spans 90 columns about the centre; straight up 45 rows.
    assert np.flatnonzero(seen[90]).tolist() == list(range(135, 225))
    assert np.flatnonzero(seen[:, 180]).tolist() == list(range(45, 135))
    assert (canvas[~seen] == 7).all()
    # Left stays left, and up stays up.
    assert [label[80, 170], label[80, 190], label[100, 170], label[100, 190]] == [1, 2, 3, 4]
    assert int(canvas[70, 200, 0]) == 40


@pytest.mark.parametrize(("yaw", "middle"), [(90.0, 90), (-90.0, 270), (180.0, 0), (-170.0, 350)])
def test_yaw_turns_left_and_crosses_the_seam(yaw: float, middle: int) -> None:
    _, ahead = pasted(View(fov=80.0, yaw=0.0), quarters())
    _, turned = pasted(View(fov=80.0, yaw=yaw), quarters())
    different = np.roll(ahead, middle - 180, axis=1) != turned
    assert different.mean() < 0.002


def test_pitch_looks_up() -> None:
    _, label = pasted(View(fov=40.0, yaw=0.0, pitch=20.0), quarters())
    assert np.flatnonzero(label[:, 180] != UNLABELED).tolist() == list(range(50, 90))


def test_the_part_that_is_computed_is_large_enough() -> None:
    random = np.random.default_rng(0)
    for _ in range(60):
        view = sphere.random_view(random)
        _, label = pasted(view, np.ones((60, 80), np.uint8))
        rows, columns = sphere._reach(view, 0.75, SIZE)
        inside = np.zeros(SIZE, bool)
        inside[np.arange(180)[rows][:, None], columns[None]] = True
        border = inside.copy()
        shrunk = np.arange(180)[rows][1:-1][:, None], columns[1:-1][None]
        border[shrunk] = False
        assert not (label[border] == 1).any(), view


def test_pictures_around_leave_the_canvas_between_them() -> None:
    canvas = sphere.blank(SIZE, np.full((2, 2, 3), 50, np.uint8))
    picture = np.full((30, 40, 3), 99, np.uint8), np.ones((30, 40), np.uint8)
    image, label = sphere.surround([picture] * 3, canvas, np.random.default_rng(2))
    assert (image[label == UNLABELED] == 50).all() and (image[label == 1] == 99).all()
    runs = np.count_nonzero(np.diff(np.append(label[90], label[90, :1]).astype(int)) != 0) / 2
    assert runs == 3
    assert (canvas[1] == UNLABELED).all()
