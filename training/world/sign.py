# SPDX-License-Identifier: Apache-2.0
"""Traffic sign faces, drawn once into an atlas, and the posts that carry them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .classes import Street11
from .part import Material, Part, Piece
from .shape import Shape, box, loft, polygon

TILE = 128
RED, BLUE, WHITE, BLACK, YELLOW, GREEN = (
    (190, 20, 30),
    (15, 70, 165),
    (240, 240, 240),
    (20, 20, 20),
    (245, 195, 20),
    (0, 110, 70),
)
Image = npt.NDArray[np.uint8]


def _text(
    image: Image, text: str, centre: tuple[int, int], scale: float, color: tuple[int, int, int], bold: int
) -> None:
    (w, h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, bold)
    cv2.putText(
        image,
        text,
        (centre[0] - w // 2, centre[1] + h // 2),
        cv2.FONT_HERSHEY_SIMPLEX,
        scale,
        color,
        bold,
        cv2.LINE_AA,
    )


def _arrow(
    image: Image, start: tuple[int, int], end: tuple[int, int], color: tuple[int, int, int], wide: int
) -> None:
    cv2.arrowedLine(image, start, end, color, wide, cv2.LINE_AA, 0, 0.4)


def _glyph(image: Image, which: int, color: tuple[int, int, int]) -> None:
    """A small black picture in the lower middle: person, bend, bump, junction, exclamation mark, works,
    crossing.
    """
    c = (64, 76)
    if which == 0:
        cv2.circle(image, (64, 52), 7, color, -1, cv2.LINE_AA)
        for a, b in (
            ((64, 58), (62, 82)),
            ((62, 82), (50, 102)),
            ((62, 82), (76, 102)),
            ((63, 64), (50, 78)),
            ((63, 64), (77, 76)),
        ):
            cv2.line(image, a, b, color, 7, cv2.LINE_AA)
    elif which == 1:
        cv2.polylines(
            image,
            [np.array([(60, 102), (60, 82), (74, 70), (66, 52)], np.int32)],
            False,
            color,
            9,
            cv2.LINE_AA,
        )
    elif which == 2:
        cv2.ellipse(image, (64, 100), (26, 24), 0, 180, 360, color, -1, cv2.LINE_AA)
    elif which == 3:
        cv2.line(image, (64, 54), (64, 104), color, 11, cv2.LINE_AA)
        cv2.line(image, (46, 82), (82, 82), color, 6, cv2.LINE_AA)
    elif which == 4:
        cv2.line(image, (64, 52), (64, 82), color, 11, cv2.LINE_AA)
        cv2.circle(image, (64, 99), 6, color, -1, cv2.LINE_AA)
    else:
        cv2.circle(image, c, 16, color, -1, cv2.LINE_AA)


def _blank(color: tuple[int, int, int]) -> Image:
    image = np.empty((TILE, TILE, 3), np.uint8)
    image[:] = color
    return image


@lru_cache(maxsize=1)
def faces() -> tuple[npt.NDArray[np.floating[Any]], tuple[str, ...]]:
    """The atlas (N, 128, 128, 3), float32 linear RGB, and each face's outline: round, up, down, square,
    wide, octagon.
    """
    tiles: list[tuple[Image, str]] = []
    for number in ("30", "40", "50", "60", "70", "20"):
        im = _blank(WHITE)
        cv2.circle(im, (64, 64), 56, RED, 15, cv2.LINE_AA)
        _text(im, number, (64, 64), 1.7, BLACK, 6)
        tiles.append((im, "round"))
    im = _blank(RED)
    cv2.rectangle(im, (18, 50), (110, 78), WHITE, -1)
    tiles.append((im, "round"))
    for cross in (False, True):
        im = _blank(BLUE)
        cv2.circle(im, (64, 64), 57, RED, 13, cv2.LINE_AA)
        cv2.line(im, (24, 24), (104, 104), RED, 12, cv2.LINE_AA)
        if cross:
            cv2.line(im, (104, 24), (24, 104), RED, 12, cv2.LINE_AA)
        tiles.append((im, "round"))
    for end in ((64, 22), (104, 64), (30, 100)):
        im = _blank(BLUE)
        cv2.circle(im, (64, 64), 61, WHITE, 4, cv2.LINE_AA)
        _arrow(im, (128 - end[0], 128 - end[1]) if end != (104, 64) else (28, 64), end, WHITE, 13)
        tiles.append((im, "round"))
    im = _blank(BLUE)
    _glyph(im, 0, WHITE)
    tiles.append((im, "round"))
    for which in range(6):
        for ground in (WHITE, YELLOW):
            im = _blank(ground)
            cv2.polylines(
                im, [np.array([(4, 122), (124, 122), (64, 6)], np.int32)], True, RED, 22, cv2.LINE_AA
            )
            _glyph(im, which, BLACK)
            tiles.append((im, "up"))
    im = _blank(WHITE)
    cv2.polylines(im, [np.array([(4, 6), (124, 6), (64, 122)], np.int32)], True, RED, 26, cv2.LINE_AA)
    tiles.append((im, "down"))
    im = _blank(RED)
    cv2.circle(im, (64, 64), 60, WHITE, 4, cv2.LINE_AA)
    _text(im, "STOP", (64, 64), 1.15, WHITE, 5)
    tiles.append((im, "octagon"))
    im = _blank(BLUE)
    _text(im, "P", (64, 64), 3.6, WHITE, 12)
    tiles.append((im, "square"))
    im = _blank(BLUE)
    cv2.fillPoly(im, [np.array([(64, 12), (14, 114), (114, 114)], np.int32)], WHITE)
    _glyph(im, 0, BLACK)
    tiles.append((im, "square"))
    im = _blank(WHITE)
    cv2.fillPoly(im, [np.array([(64, 14), (114, 64), (64, 114), (14, 64)], np.int32)], YELLOW)
    tiles.append((im, "diamond"))
    im = _blank(BLUE)
    _arrow(im, (64, 112), (64, 20), WHITE, 18)
    tiles.append((im, "square"))
    for ground, ink in ((WHITE, BLACK), (GREEN, WHITE), (BLUE, WHITE), (YELLOW, BLACK), (WHITE, BLUE)):
        for words, way in ((("Mitte", "Nord 4"), 1), (("Centre", "Station"), -1)):
            im = _blank(ground)
            cv2.rectangle(im, (3, 3), (124, 124), ink, 3)
            for row, word in enumerate(words):
                _text(im, word, (70 if way < 0 else 54, 42 + 44 * row), 0.85, ink, 2)
            tip = (118, 64) if way > 0 else (10, 64)
            _arrow(im, (96, 64) if way > 0 else (32, 64), tip, ink, 5)
            tiles.append((im, "wide"))
    atlas = np.stack([im for im, _ in tiles]).astype(np.float32) / 255
    return atlas**2.2, tuple(outline for _, outline in tiles)


def face(outline: str, tile: int, size: float) -> Shape:
    """The plate of one sign facing -x, centred on the origin, size metres wide; uv 0..1 on the tile."""
    if outline in ("round", "octagon"):
        n = 16 if outline == "round" else 8
        a = (np.arange(n) + 0.5) / n * 2 * np.pi
        uv = 0.5 + 0.5 * np.stack([np.cos(a), np.sin(a)], -1)
    elif outline == "diamond":
        uv = np.array([(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)])
    else:
        uv = {
            "up": np.array([(0.0, 1), (1, 1), (0.5, 0)]),
            "down": np.array([(0.0, 0), (1, 0), (0.5, 1)]),
        }.get(outline, np.array([(0.0, 0), (1, 0), (1, 1), (0, 1)]))
    tall = size * (0.42 if outline == "wide" else 0.88 if outline in ("up", "down") else 1.0)
    points = np.stack([0 * uv[:, 0], (0.5 - uv[:, 0]) * size, (0.5 - uv[:, 1]) * tall], -1)
    return polygon(points, uv)


def signpost(rng: np.random.Generator, instances: tuple[int, ...]) -> list[Piece]:
    """A post with one or two signs facing -x.  instances: ids for post, upper and lower sign."""
    _, outlines = faces()
    grey = float(rng.uniform(0.2, 0.5))
    pole = Part(Street11.POLE, Material.METAL, (grey, grey, grey), instance=instances[0])
    back = Material.PLAIN
    top = float(rng.uniform(2.2, 3.2))
    tile = int(rng.integers(len(outlines)))
    wide = outlines[tile] == "wide"
    size = float(rng.uniform(1.2, 2.6) if wide else rng.uniform(0.5, 0.95))
    pieces = [Piece(loft([(0, 0, 0), (0, 0, top + 0.25)], rng.uniform(0.03, 0.05), sides=7), pole)]
    if wide:
        pieces.append(Piece(loft([(0, size * 0.4, 0), (0, size * 0.4, top + 0.25)], 0.04, sides=7), pole))
    z = top
    for number, instance in enumerate(instances[1:3]):
        if number == 1:
            if rng.uniform() < 0.55:
                break
            tile = int(rng.choice([i for i, o in enumerate(outlines) if o != "wide"]))
            size = float(rng.uniform(0.45, 0.75))
            z -= size + 0.12 if not wide else size * 0.8 + 0.35
        y = size * 0.2 if outlines[tile] == "wide" else 0.0
        plate = face(outlines[tile], tile, size)
        pieces.append(
            Piece(
                plate.placed(-0.06, y, z),
                Part(
                    Street11.TRAFFIC_SIGN,
                    Material.SIGN,
                    (1.0, 1.0, 1.0),
                    (float(tile), 0, 0, 0),
                    instance=instance,
                ),
            )
        )
        pieces.append(
            Piece(
                plate.placed(-0.048, y, z),
                Part(Street11.TRAFFIC_SIGN, back, (0.3, 0.3, 0.3), instance=instance),
            )
        )
    return pieces


def traffic_light(
    rng: np.random.Generator, instances: tuple[int, ...], arm: float, state: int
) -> list[Piece]:
    """Signal heads facing -x on a mast; arm > 0 also hangs one that many metres left, over the road."""
    dark = float(rng.choice([0.015, 0.03, 0.25]))
    mast = Part(Street11.POLE, Material.METAL, (max(dark, 0.08),) * 3, instance=instances[0])
    height = float(rng.uniform(5.2, 6.2)) if arm > 0 else float(rng.uniform(3.2, 3.7))
    pieces = [Piece(loft([(0, 0, 0), (0, 0, height)], (0.09 if arm > 0 else 0.06), sides=9), mast)]
    heads = [(0.0, 2.75, instances[1])]
    if arm > 0:
        pieces.append(Piece(loft([(0, 0, height - 0.1), (0, arm, height)], 0.05, sides=7), mast))
        heads.append((arm - 0.2, height - 0.55, instances[2]))
    trim = (0.55, 0.4, 0.02) if rng.uniform() < 0.25 else (0.015, 0.018, 0.016)
    for y, z, instance in heads:
        shell = Part(Street11.TRAFFIC_SIGN, Material.PLAIN, trim, instance=instance)
        pieces.append(Piece(box(-0.32, -0.1, y - 0.16, y + 0.16, z - 0.48, z + 0.48, True), shell))
        if rng.uniform() < 0.4:
            pieces.append(Piece(box(-0.2, -0.19, y - 0.28, y + 0.28, z - 0.6, z + 0.6, True), shell))
        for lens, (dim, lit) in enumerate(
            (
                ((0.1, 0.01, 0.01), (14.0, 0.5, 0.2)),
                ((0.1, 0.06, 0.01), (12.0, 6.0, 0.3)),
                ((0.01, 0.09, 0.05), (0.4, 9.0, 5.0)),
            )
        ):
            on = lens == state
            disc = face("round", 0, 0.2).placed(-0.33, y, z + 0.3 - 0.3 * lens)
            pieces.append(
                Piece(
                    disc,
                    Part(
                        Street11.TRAFFIC_SIGN,
                        Material.LAMP if on else Material.PLAIN,
                        lit if on else dim,
                        heat=6.0 if on else 0.0,
                        instance=instance,
                    ),
                )
            )
    return pieces
