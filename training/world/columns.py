# SPDX-License-Identifier: Apache-2.0
"""Many vectors (N, 3) kept column by column in memory, so that one number for each scales them quickly.

Such an array is used as any other; these functions are for what numpy does slowly with it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .shape import Reals

Numbers = npt.NDArray[np.intp]


def zeros(n: int, width: int = 3) -> Reals:
    """An array (n, width) float32 of zeros, column by column."""
    return np.zeros((width, n), np.float32).T


def pick(vectors: Reals, i: npt.NDArray[np.integer]) -> Reals:
    """Rows i of vectors (N, 3), column by column whatever the layout of the source."""
    return vectors.T.take(i, 1).T


def put(vectors: Reals, i: Numbers, values: Reals) -> None:
    """Sets rows i of vectors (N, 3) to values (len(i), 3)."""
    for k in range(vectors.shape[1]):
        vectors[:, k][i] = values[:, k]


def scale(vectors: Reals, i: Numbers, by: Reals) -> None:
    """Multiplies rows i of vectors (N, 3) by the numbers (len(i),)."""
    for k in range(vectors.shape[1]):
        column = vectors[:, k]
        column[i] = column[i] * by


def dot(a: Reals, b: Reals) -> Reals:
    """Dot products (N,) of the rows of a (N, 3) with those of b (N, 3), or with one vector (3,)."""
    out = a[:, 0] * b[..., 0]
    out += a[:, 1] * b[..., 1]
    out += a[:, 2] * b[..., 2]
    return out
