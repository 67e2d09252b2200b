# SPDX-License-Identifier: Apache-2.0
"""The video and the contact sheet of a demonstration."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from samseg_ros import drawing
from samseg_ros.errors import UserError
from samseg_ros.labels import UNLABELED, LabelSet

_WIDTH = 768  # of the video; a multiple of 16
_INK, _PAPER, _FAINT = (235, 235, 235), (24, 22, 20), (150, 150, 150)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BAR = 32  # height of a caption in pixels


def shown(image: np.ndarray, mask: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The overlay and the coloured mask of a picture, BGR uint8 at the picture's size."""
    if mask.shape != image.shape[:2]:
        mask = cv2.resize(mask, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_NEAREST)
    color = drawing.colorize(mask, table)
    overlay = drawing.overlay(image, color, 0.55)
    # Void keeps the picture as it was.
    overlay[mask == UNLABELED] = image[mask == UNLABELED]
    return overlay, color


class Video:
    """A WebM (VP8, which every browser plays) of overlay above picture and mask; a context manager."""

    def __init__(self, path: Path, hz: float, aspect: float, labels: LabelSet) -> None:
        """`aspect` is height / width of the frames. UserError where OpenCV cannot write WebM."""
        half = _WIDTH // 2
        self._large = (_WIDTH, _even(_WIDTH * aspect))
        self._small = (half, _even(half * aspect))
        self._table = drawing.bgr_table(labels)
        size = (_WIDTH, _BAR + self._large[1] + self._small[1])
        with _quiet():
            self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), hz, size)
        if not self._writer.isOpened():
            raise UserError("this OpenCV cannot write WebM video; pip install opencv-python-headless.")
        self._last: np.ndarray | None = None

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.release()

    def add(self, image: np.ndarray, mask: np.ndarray | None, caption: str) -> None:
        """One frame; one without a mask shows the last one's, greyed, as a consumer would have it."""
        if mask is None:
            panels = _gray(self._last) if self._last is not None else self._panels(image, None)
        else:
            panels = self._last = self._panels(image, mask)
        self._writer.write(np.vstack((_caption(caption, _WIDTH), panels)))

    def _panels(self, image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        if mask is None:
            mask = np.full(image.shape[:2], UNLABELED, np.uint8)
        overlay, color = shown(image, mask, self._table)
        below = np.hstack((_fit(image, self._small), _fit(color, self._small, cv2.INTER_NEAREST)))
        return np.vstack((_fit(overlay, self._large), below))


class ContactSheet:
    """Rows of picture, mask, overlay, and truth where it is known; a legend below."""

    CELL = 640

    def __init__(self, title: str, labels: LabelSet) -> None:
        self._labels = labels
        self._table = drawing.bgr_table(labels)
        self._title = title
        self._rows: list[np.ndarray] = []

    def add(self, image: np.ndarray, mask: np.ndarray, truth: np.ndarray | None, caption: str) -> None:
        """One row for one frame."""
        size = (self.CELL, round(self.CELL * image.shape[0] / image.shape[1]))
        overlay, color = shown(image, mask, self._table)
        cells = [_fit(image, size), _fit(overlay, size), _fit(color, size, cv2.INTER_NEAREST)]
        names = [caption, "overlay", "mask"]
        if truth is not None:
            cells.append(_fit(drawing.colorize(truth, self._table), size, cv2.INTER_NEAREST))
            names.append("truth")
        bars = [_caption(name, size[0], _FAINT) for name in names]
        self._rows.append(_spaced([np.vstack(pair) for pair in zip(bars, cells, strict=True)], axis=1))

    def write(self, path: Path) -> None:
        """Write the sheet as PNG; UserError where no frame was added or the file cannot be written."""
        if not self._rows:
            raise UserError("no mask came back, so there is nothing to show.")
        width = self._rows[0].shape[1]
        title = _caption(self._title, width, _INK, 0.8, 52)
        sheet = _spaced([title, *self._rows, self._legend(width)], axis=0)
        framed = cv2.copyMakeBorder(sheet, 8, 20, 24, 24, cv2.BORDER_CONSTANT, value=_PAPER)
        if not cv2.imwrite(str(path), framed):
            raise UserError(f"{path} cannot be written; is the disk full?")

    def _legend(self, width: int) -> np.ndarray:
        columns = max(1, width // 230)
        rows = -(-len(self._labels) // columns)
        legend = np.full((rows * 34 + 12, width, 3), _PAPER, np.uint8)
        for i, (name, (r, g, b)) in enumerate(zip(self._labels.names, self._labels.colors, strict=True)):
            x, y = 230 * (i % columns), 12 + 34 * (i // columns)
            cv2.rectangle(legend, (x, y), (x + 22, y + 22), (b, g, r), cv2.FILLED)
            cv2.putText(legend, name, (x + 32, y + 17), _FONT, 0.55, _INK, 1, cv2.LINE_AA)
        return legend


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps C code off stderr, where FFmpeg complains that WebM knows VP8 by another tag."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _caption(
    text: str, width: int, ink: tuple[int, int, int] = _INK, scale: float = 0.5, height: int = _BAR
) -> np.ndarray:
    bar = np.full((height, width, 3), _PAPER, np.uint8)
    # Hershey fonts hold ASCII alone.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(bar, plain, (8, round(height * 0.66)), _FONT, scale, ink, 1, cv2.LINE_AA)
    return bar


def _spaced(parts: list[np.ndarray], axis: int, gap: int = 10) -> np.ndarray:
    shape = list(parts[0].shape)
    shape[axis] = gap
    space = np.full(shape, _PAPER, np.uint8)
    joined = [piece for part in parts for piece in (part, space)][:-1]
    return np.concatenate(joined, axis=axis)


def _fit(image: np.ndarray, size: tuple[int, int], interpolation: int = cv2.INTER_AREA) -> np.ndarray:
    return cv2.resize(image, size, interpolation=interpolation)


def _gray(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def _even(value: float) -> int:
    return 2 * round(value / 2)
