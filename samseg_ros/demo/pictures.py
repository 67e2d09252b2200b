# SPDX-License-Identifier: Apache-2.0
"""The video and the contact sheet of a drive."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from samseg_ros.errors import UserError
from samseg_ros.labels import LabelSet

_WIDTH = 768  # of the video; a multiple of 16
_INK, _PAPER, _FAINT = (235, 235, 235), (24, 22, 20), (150, 150, 150)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BAR = 32  # height of a caption in pixels
_GAP = 10  # between panels of a sheet
_of_all_threads = threading.Lock()  # they have one stderr


class Video:
    """A WebM (VP8, which every browser plays) of frames as panels; a context manager."""

    def __init__(self, path: Path, hz: float, aspect: float, layout: Sequence[Sequence[str]]) -> None:
        """`aspect` is height / width of the frames, `layout` names the panels of each row.

        UserError where OpenCV cannot write WebM.
        """
        self._rows = [
            [(name, (_WIDTH // len(row), _even(_WIDTH // len(row) * aspect))) for name in row]
            for row in layout
        ]
        size = (_WIDTH, _BAR + sum(row[0][1][1] for row in self._rows))
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

    def add(self, panels: dict[str, np.ndarray], is_fresh: bool, caption: str) -> None:
        """One frame; one that is not fresh, for want of a mask, shows the last one's, greyed."""
        if is_fresh or self._last is None:
            picture = np.vstack([self._row(panels, row) for row in self._rows])
        else:
            picture = _gray(self._last)
        if is_fresh:
            self._last = picture
        self._writer.write(np.vstack((_caption(caption, _WIDTH), picture)))

    def _row(self, panels: dict[str, np.ndarray], row: list[tuple[str, tuple[int, int]]]) -> np.ndarray:
        return np.hstack([_fit(panels[name], size, name) for name, size in row])


class ContactSheet:
    """Rows of panels under a title, one row for each frame, and a legend below."""

    WIDTH = 2590

    def __init__(self, title: str, labels: LabelSet) -> None:
        self._labels = labels
        self._title = title
        self._rows: list[np.ndarray] = []

    def add(self, panels: dict[str, np.ndarray], caption: str) -> None:
        """One row for one frame: its panels from left to right."""
        across = min(640, (self.WIDTH + _GAP) // len(panels) - _GAP)
        height, width = next(iter(panels.values())).shape[:2]
        size = (across, round(across * height / width))
        names = list(panels)
        bars = [_caption(name, across, _FAINT) for name in (f"{names[0]}: {caption}", *names[1:])]
        cells = [_fit(picture, size, name) for name, picture in panels.items()]
        self._rows.append(_spaced([np.vstack(pair) for pair in zip(bars, cells, strict=True)], axis=1))

    def draw(self) -> np.ndarray:
        """The sheet, BGR uint8 [h, w, 3]; UserError where no frame was added."""
        if not self._rows:
            raise UserError("no mask came back, so there is nothing to show.")
        width = self._rows[0].shape[1]
        title = _caption(self._title, width, _INK, 0.8, 52)
        sheet = _spaced([title, *self._rows, self._legend(width)], axis=0)
        return cv2.copyMakeBorder(sheet, 8, 20, 24, 24, cv2.BORDER_CONSTANT, value=_PAPER)

    def _legend(self, width: int) -> np.ndarray:
        columns = max(1, width // 230)
        rows = -(-len(self._labels) // columns)
        legend = np.full((rows * 34 + 12, width, 3), _PAPER, np.uint8)
        for i, (name, (r, g, b)) in enumerate(zip(self._labels.names, self._labels.colors, strict=True)):
            x, y = 230 * (i % columns), 12 + 34 * (i // columns)
            cv2.rectangle(legend, (x, y), (x + 22, y + 22), (b, g, r), cv2.FILLED)
            cv2.putText(legend, name, (x + 32, y + 17), _FONT, 0.55, _INK, 1, cv2.LINE_AA)
        return legend


def write_sheets(path: Path, sheets: Sequence[np.ndarray]) -> None:
    """Write sheets below each other as one PNG."""
    width = max(sheet.shape[1] for sheet in sheets)
    wide = [
        cv2.copyMakeBorder(s, 0, 0, 0, width - s.shape[1], cv2.BORDER_CONSTANT, value=_PAPER) for s in sheets
    ]
    path.write_bytes(cv2.imencode(".png", np.vstack(wide))[1].tobytes())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps C code off stderr, where FFmpeg complains that WebM knows VP8 by another tag."""
    with _of_all_threads:
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


def _spaced(parts: list[np.ndarray], axis: int) -> np.ndarray:
    shape = list(parts[0].shape)
    shape[axis] = _GAP
    space = np.full(shape, _PAPER, np.uint8)
    joined = [piece for part in parts for piece in (part, space)][:-1]
    return np.concatenate(joined, axis=axis)


def _fit(image: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
    """A panel of that name at (width, height): classes are never mixed."""
    nearest = name in ("mask", "truth")
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST_EXACT if nearest else cv2.INTER_AREA)


def _gray(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def _even(value: float) -> int:
    return 2 * round(value / 2)
