# SPDX-License-Identifier: Apache-2.0
import itertools

import pytest
import torch

from training.goodsam.windows import Grid, Window, crop, crops, overlap, stitch

GRIDS = [
    Grid((4, 10), (4, 4), (4, 2)),
    Grid((4, 10), (4, 4), (4, 3)),  # the stride does not divide the circle
    Grid((4, 10), (4, 4), (4, 3), wrap=False),  # the last window is flush with the end
    Grid((7, 10), (3, 4), (2, 2)),
    Grid((8, 9), (3, 5), (2, 4), wrap=False),
    Grid((4, 10), (4, 4), (4, 1)),
    Grid((4, 10), (4, 10), (1, 5)),  # every window goes all around
    Grid((4, 10), (4, 10), (4, 10)),
    Grid((5, 6), (1, 1), (1, 1)),
]


def picture(grid: Grid, channels: int = 1) -> torch.Tensor:
    height, width = grid.size
    return torch.arange(2 * channels * height * width, dtype=torch.float64).reshape(
        2, channels, height, width
    )


def test_windows_go_row_by_row_and_around() -> None:
    assert [w.left for w in Grid((4, 10), (4, 4), (4, 2)).windows] == [0, 2, 4, 6, 8]
    assert [w.left for w in Grid((4, 10), (4, 4), (4, 3)).windows] == [0, 3, 6, 9]
    assert [w.left for w in Grid((4, 10), (4, 4), (4, 3), wrap=False).windows] == [0, 3, 6]
    assert [w.left for w in Grid((4, 11), (4, 4), (4, 3), wrap=False).windows] == [0, 3, 6, 7]
    both = Grid((7, 6), (3, 4), (3, 2))
    assert [(w.top, w.left) for w in both.windows] == list(itertools.product([0, 3, 4], [0, 2, 4]))
    assert {(w.height, w.width) for w in both.windows} == {(3, 4)}


def test_a_crop_continues_on_the_other_side() -> None:
    panorama = torch.arange(10).expand(3, 10)
    assert crop(panorama, Window(1, 8, 2, 4)).tolist() == [[8, 9, 0, 1]] * 2
    assert crop(panorama, Window(0, 6, 1, 4)).tolist() == [[6, 7, 8, 9]]


@pytest.mark.parametrize("grid", GRIDS)
def test_stitching_undoes_cutting(grid: Grid) -> None:
    panorama = picture(grid, channels=3)
    cut = crops(panorama, grid)
    assert cut.shape == (2, len(grid.windows), 3, *grid.window)
    for index, window in enumerate(grid.windows):
        assert torch.equal(cut[:, index], crop(panorama, window))
    torch.testing.assert_close(stitch(cut, grid), panorama)


def test_overlapping_windows_are_averaged() -> None:
    grid = Grid((1, 4), (1, 3), (1, 2))  # columns 0 1 2 and 2 3 0
    windows = torch.tensor([[1.0, 2.0, 3.0], [5.0, 7.0, 11.0]]).reshape(1, 2, 1, 1, 3)
    assert stitch(windows, grid).flatten().tolist() == [6.0, 2.0, 4.0, 7.0]


@pytest.mark.parametrize("grid", GRIDS[:5])
def test_gradients(grid: Grid) -> None:
    panorama = torch.rand(1, 2, *grid.size, dtype=torch.float64, requires_grad=True)
    windows = torch.rand(1, len(grid.windows), 2, *grid.window, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: crops(x, grid), panorama)
    assert torch.autograd.gradcheck(lambda x: stitch(x, grid), windows)


def test_labels_and_masks_are_cut_too() -> None:
    grid = GRIDS[3]
    label = picture(grid).to(torch.uint8)
    assert crops(label, grid).dtype == torch.uint8
    assert crops(label > 5, grid).dtype == torch.bool


@pytest.mark.parametrize("grid", GRIDS)
def test_the_overlap_of_a_pair_is_the_same_pixels_in_both(grid: Grid) -> None:
    cut = crops(picture(grid), grid)
    for one, two in grid.pairs:
        first, second = overlap(grid.windows[one], grid.windows[two], grid.size[1])
        assert torch.equal(crop(cut[:, one], first), crop(cut[:, two], second))
        assert first.left + first.width <= grid.window[1] and second.left + second.width <= grid.window[1]


@pytest.mark.parametrize("grid", GRIDS)
def test_pairs_are_all_neighbours_that_share_a_pixel(grid: Grid) -> None:
    rows, columns = len(grid.tops), len(grid.lefts)
    pixels = crops(picture(grid)[:1], grid)[0].flatten(1)
    seen = [set(one.tolist()) for one in pixels]
    expected = []
    for row, column in itertools.product(range(rows), range(columns)):
        right = column + 1
        if right < columns or (grid.wrap and columns > 1):
            expected.append((row * columns + column, row * columns + right % columns))
    for row, column in itertools.product(range(rows - 1), range(columns)):
        expected.append((row * columns + column, (row + 1) * columns + column))
    assert list(grid.pairs) == [(one, two) for one, two in expected if seen[one] & seen[two]]


def test_two_windows_all_around_meet_on_both_sides() -> None:
    grid = Grid((2, 10), (2, 7), (2, 5))
    assert grid.pairs == ((0, 1), (1, 0))
    first, second = grid.windows
    assert overlap(first, second, 10) == (Window(0, 5, 2, 2), Window(0, 0, 2, 2))
    assert overlap(second, first, 10) == (Window(0, 5, 2, 2), Window(0, 0, 2, 2))
    # Here they meet at the seam alone.
    assert Grid((2, 10), (2, 6), (2, 6)).pairs == ((1, 0),)


def test_vertical_neighbours() -> None:
    grid = Grid((5, 4), (3, 2), (2, 2))
    assert grid.pairs == ((0, 2), (1, 3))
    assert overlap(grid.windows[1], grid.windows[3], 4) == (Window(2, 0, 1, 2), Window(0, 0, 1, 2))


def test_windows_that_are_apart_have_no_overlap() -> None:
    with pytest.raises(ValueError, match="do not overlap"):
        overlap(Window(0, 0, 4, 4), Window(0, 4, 4, 4), 20)
    with pytest.raises(ValueError, match="do not overlap"):
        overlap(Window(0, 0, 4, 4), Window(4, 0, 4, 4), 20)


def test_a_grid_at_a_quarter_of_the_resolution() -> None:
    grid = Grid((400, 2048), (400, 400), (400, 200))
    small = grid.scaled(4)
    assert small == Grid((100, 512), (100, 100), (100, 50))
    assert [4 * w.left for w in small.windows] == [w.left for w in grid.windows]
    with pytest.raises(
        ValueError, match=r"stride \[400, 200\] of the windows is not divisible by 3"
    ) as caught:
        Grid((600, 2100), (600, 300), (400, 200)).scaled(3)
    assert "multiples of 3" in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (((4, 10), (5, 4), (4, 2)), "larger than the panorama"),
        (((4, 10), (4, 11), (4, 2)), "larger than the panorama"),
        (((4, 10), (4, 4), (4, 5)), "leaves gaps"),
        (((4, 10), (2, 4), (3, 4)), "leaves gaps"),
        (((4, 10), (4, 4), (0, 4)), "1 or more"),
    ],
)
def test_impossible_grids(sizes: tuple[tuple[int, int], ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Grid(*sizes)


def test_tensors_of_another_grid() -> None:
    grid = GRIDS[0]
    with pytest.raises(ValueError, match="expected \\[b, c, H, W\\]"):
        crops(torch.zeros(1, 1, 4, 11), grid)
    with pytest.raises(ValueError, match="5 windows of"):
        stitch(torch.zeros(1, 4, 1, 4, 4), grid)
