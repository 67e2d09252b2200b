# SPDX-License-Identifier: Apache-2.0
"""Sliding windows over a panorama: where they lie, cutting them out, and stitching them together again.

GoodSAM slides along the horizon only (windows as high as the panorama), GoodSAM++ in both directions; a
panorama of 360° goes on at its left edge where it ends on the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: rows top … top + height - 1, columns left … left + width - 1.

    left + width may exceed the panorama's width: the window continues on the other side.
    """

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Grid:
    """Where the windows of a panorama lie; together they cover all of it.

    Attributes:
        size: (height, width) of the panorama in pixels.
        window: (height, width) of each window.
        stride: (vertical, horizontal) distance from one window to the next.
        wrap: whether windows continue from the right edge to the left one.

    Raises:
        ValueError: a length below 1, a window larger than the panorama, or a stride that leaves gaps.
    """

    size: tuple[int, int]
    window: tuple[int, int]
    stride: tuple[int, int]
    wrap: bool = True

    def __post_init__(self) -> None:
        if min(*self.size, *self.window, *self.stride) < 1:
            raise ValueError(
                f"A grid has the size {list(self.size)}, windows of {list(self.window)} and the stride "
                f"{list(self.stride)}: all must be 1 or more."
            )
        if self.window[0] > self.size[0] or self.window[1] > self.size[1]:
            raise ValueError(
                f"Windows of {list(self.window)} are larger than the panorama of {list(self.size)}, (height, "
                "width) each: choose smaller windows."
            )
        if self.stride[0] > self.window[0] or self.stride[1] > self.window[1]:
            raise ValueError(
                f"The stride {list(self.stride)} is larger than the windows of {list(self.window)}, which "
                "leaves gaps between them: choose a stride up to the window's height and width."
            )

    @cached_property
    def tops(self) -> tuple[int, ...]:
        """First row of each row of windows; the last one ends with the panorama."""
        return _flush(self.size[0], self.window[0], self.stride[0])

    @cached_property
    def lefts(self) -> tuple[int, ...]:
        """First column of each column of windows."""
        if self.wrap:
            return tuple(range(0, self.size[1], self.stride[1]))
        return _flush(self.size[1], self.window[1], self.stride[1])

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """All windows, row by row."""
        return tuple(Window(top, left, *self.window) for top in self.tops for left in self.lefts)

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Neighbours that overlap, as indices into `windows`.

        Horizontal ones first, the second to the right of the first, across the seam too with `wrap`; then
        vertical ones, the second below the first. Two windows that go all around are neighbours twice, as
        (0, 1) and as (1, 0): `overlap` gives another part for each.
        """
        columns, width = len(self.lefts), self.size[1]
        found = []
        for row in range(len(self.tops)):
            for column in range(columns if self.wrap and columns > 1 else columns - 1):
                right = (column + 1) % columns
                if (self.lefts[right] - self.lefts[column]) % width < self.window[1]:
                    found.append((row * columns + column, row * columns + right))
        for row in range(len(self.tops) - 1):
            if self.tops[row + 1] - self.tops[row] < self.window[0]:
                found += [(row * columns + c, (row + 1) * columns + c) for c in range(columns)]
        return tuple(found)

    def scaled(self, factor: int) -> Grid:
        """The same grid at 1/factor of the resolution.

        Raises:
            ValueError: a size, window or stride that `factor` does not divide.
        """
        for name, (height, width) in (("size", self.size), ("window", self.window), ("stride", self.stride)):
            if height % factor or width % factor:
                raise ValueError(
                    f"The {name} [{height}, {width}] of the windows is not divisible by {factor}, but needed "
                    f"at 1/{factor} of the resolution: choose multiples of {factor}."
                )
        return Grid(
            (self.size[0] // factor, self.size[1] // factor),
            (self.window[0] // factor, self.window[1] // factor),
            (self.stride[0] // factor, self.stride[1] // factor),
            self.wrap,
        )


def crop(panorama: Tensor, window: Window) -> Tensor:
    """One window of a panorama: [..., H, W] → [..., h, w], around the seam where it crosses it.

    A view of the panorama where the window does not cross the seam.
    """
    rows = panorama[..., window.top : window.top + window.height, :]
    beyond = window.left + window.width - panorama.shape[-1]
    if beyond <= 0:
        return rows[..., window.left : window.left + window.width]
    return torch.cat((rows[..., window.left :], rows[..., :beyond]), dim=-1)


def crops(panorama: Tensor, grid: Grid) -> Tensor:
    """All windows of panoramas: [b, c, H, W] → [b, n, c, h, w], of any dtype; differentiable.

    Raises:
        ValueError: the panoramas are not of the grid's size.
    """
    if panorama.ndim != 4 or tuple(panorama.shape[-2:]) != tuple(grid.size):
        raise ValueError(
            f"Windows of panoramas of {list(grid.size)} were asked of a tensor {list(panorama.shape)}: "
            "expected [b, c, H, W] of that height and width."
        )
    return _Cut.apply(panorama, grid)


def stitch(windows: Tensor, grid: Grid) -> Tensor:
    """Windows put together to panoramas: float [b, n, c, h, w] → [b, c, H, W]; differentiable.

    Where windows overlap it is their mean, so that the weights of every pixel sum to 1 and
    stitch(crops(x)) is x.

    Raises:
        ValueError: not as many windows as the grid has, or of another size.
    """
    count = len(grid.windows)
    if windows.ndim != 5 or windows.shape[1] != count or tuple(windows.shape[-2:]) != tuple(grid.window):
        raise ValueError(
            f"The panorama is made up of {count} windows of {list(grid.window)}, but the tensor is "
            f"{list(windows.shape)}: expected [b, n, c, h, w] with those."
        )
    ones = windows.new_ones(()).expand(1, count, 1, *grid.window)
    return _Sum.apply(windows, grid) / _summed(ones, grid)


def overlap(first: Window, second: Window, width: int) -> tuple[Window, Window]:
    """The common part of two windows of a panorama `width` columns wide, in the coordinates of each.

    Where two windows meet on both sides of the panorama it is the part in which `second` begins inside
    `first`; the other one is that of (second, first).

    Raises:
        ValueError: they have nothing in common.
    """
    top = max(first.top, second.top)
    height = min(first.top + first.height, second.top + second.height) - top
    right = (second.left - first.left) % width
    left = (first.left - second.left) % width
    if right < first.width:
        starts, common = (right, 0), min(first.width - right, second.width)
    else:
        starts, common = (0, left), min(second.width - left, first.width)
    if height < 1 or common < 1:
        raise ValueError(
            f"{first} and {second} do not overlap: ask for the common part of those in Grid.pairs only."
        )
    return (
        Window(top - first.top, starts[0], height, common),
        Window(top - second.top, starts[1], height, common),
    )


def _flush(length: int, window: int, stride: int) -> tuple[int, ...]:
    """0, stride, 2·stride … as long as windows fit, and one flush with the end if they do not reach it."""
    places = list(range(0, length - window + 1, stride))
    if places[-1] != length - window:
        places.append(length - window)
    return tuple(places)


def _cut(panorama: Tensor, grid: Grid) -> Tensor:
    return torch.stack([crop(panorama, window) for window in grid.windows], dim=1)


def _summed(windows: Tensor, grid: Grid) -> Tensor:
    """Overlapping windows added up: [b, n, c, h, w] → [b, c, H, W]."""
    batch, _, channels = windows.shape[:3]
    whole = windows.new_zeros((batch, channels, *grid.size))
    for place, values in zip(grid.windows, windows.unbind(1), strict=True):
        rows = whole[:, :, place.top : place.top + place.height]
        inside = min(place.width, grid.size[1] - place.left)
        rows[..., place.left : place.left + inside] += values[..., :inside]
        if inside < place.width:
            rows[..., : place.width - inside] += values[..., inside:]
    return whole


# Cutting out and adding up are each other's transpose. Without saying so, the gradient of every single
# window would be a whole panorama of zeros.


class _Cut(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, panorama: Tensor, grid: Grid) -> Tensor:
        ctx.grid = grid
        return _cut(panorama, grid)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Sum.apply(gradient, ctx.grid), None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, windows: Tensor, grid: Grid) -> Tensor:
        ctx.grid = grid
        return _summed(windows, grid)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Cut.apply(gradient, ctx.grid), None
