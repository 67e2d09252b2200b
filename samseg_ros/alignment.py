# SPDX-License-Identifier: Apache-2.0
"""Finds how the thermal pictures of a rig lie on its RGB pictures, from pairs of whatever scene.

What is bright in one may be dark in the other, but edges run the same way in both. So pictures are compared
as *fields*: at each pixel the direction of the gradient, less its sign, as a complex number (the angle is
doubled), its length from 0 to 1. Phase correlation of two fields peaks at the shift between them; and as all
pairs share one geometry, their spectra are added up before the peak is sought, and what is faint in each pair
becomes clear. First that is done for whole pictures at many scales, then block by block, and a homography is
fitted to the shifts of the blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from tqdm import tqdm

from samseg_ros.registration import Homography, Size

Pair = tuple[np.ndarray, np.ndarray]  # RGB as grey, thermal: uint8 [H, W], uint8 [h, w]

FEWEST = 3  # pairs
TOLERANCE = 4.0  # pixels at WIDTH by which an agreeing pair may be off

WIDTH = 640  # of the pictures in which blocks are compared
COARSE_WIDTH = 160  # of those in which the scale is sought
COARSE_PAIRS = 20  # are plenty for the scale
SIDE = 256  # of the square on which they are shifted
SCALES = np.geomspace(0.4, 1.6, 29)  # width of the thermal picture over that of the RGB picture
BLOCK = 128  # pixels
STRIDE = 64
# For each correction, the pixels from the fit beyond which a block's shift is an error.
OUTLIERS = (12.0, 8.0, 8.0)
CLEAR = 8.0  # standard deviations above the rest of the correlation: a peak of many pairs that is one
CLEAR_OF_ONE = 7.0  # the same for a quarter of one pair
FEWEST_BLOCKS = 12  # for 8 unknowns


class AlignmentError(ValueError):
    """Pictures that do not tell how they lie on each other; the message is one sentence."""


@dataclass(frozen=True)
class Alignment:
    """What was found. `errors` are the pairs' own, in pixels of the RGB picture; NaN where one does not tell.

    `agreeing` are the places of the pairs that are off by no more than TOLERANCE, `error` their median.
    """

    homography: Homography
    errors: tuple[float, ...]
    agreeing: tuple[int, ...]
    error: float


def align(pairs: Sequence[Pair]) -> Alignment:
    """The homography of a rig from pairs of pictures, all of one size per camera.

    Found are scales from 0.4 to 1.6, shifts of up to a third of the picture, and rotations of up to some 5
    degrees. AlignmentError where the pictures show too little in common, or fewer agree than FEWEST pairs, or
    than half of those that show at all whether they do.
    """
    if len(pairs) < FEWEST:
        raise AlignmentError(f"there are {len(pairs)} pairs; give {FEWEST} at least, better 20 or more.")
    size = round(WIDTH * pairs[0][0].shape[0] / pairs[0][0].shape[1]), WIDTH
    if min(size) < BLOCK:
        raise AlignmentError("the RGB pictures are more than 5 times as wide as high; give whole pictures.")
    matrix = _start(pairs, size)
    for limit in tqdm(OUTLIERS, desc="correcting", unit="round", leave=False, disable=None):
        matrix = _correction(pairs, size, matrix, limit) @ matrix
    errors = np.array([_error(*fields) for fields in _fields(pairs, size, matrix)])
    agreed = errors <= TOLERANCE  # nan does not
    telling = np.isfinite(errors).sum()
    if agreed.sum() < max(FEWEST, telling / 2):
        raise AlignmentError(
            f"only {agreed.sum()} of {telling} pairs agree on one homography; check that both folders are of "
            "one rig whose cameras were triggered together, and give more pairs of what is far away."
        )
    rgb, thermal = (_size(picture) for picture in pairs[0])
    to_rgb = _scaling(size, rgb) @ matrix
    to_rgb /= to_rgb[2, 2]
    pixel = rgb[1] / WIDTH
    return Alignment(
        Homography(tuple(to_rgb.ravel().tolist()), thermal, rgb),
        tuple((errors * pixel).tolist()),
        tuple(np.flatnonzero(agreed).tolist()),
        float(np.median(errors[agreed]) * pixel),
    )


def field(picture: np.ndarray, sigma: float = 1.5) -> np.ndarray:
    """complex64 [h, w] of a picture uint8 [h, w], smoothed by `sigma` pixels; lengths from 0 to 1."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), sigma)
    gradient = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) + 1j * cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    power = gradient.real**2 + gradient.imag**2
    # Faint edges count as well as strong ones, as long as they stand out of the rest.
    floor = 2.0 * np.median(power) + 1e-6
    return (gradient**2 / (power + floor)).astype(np.complex64)


def _start(pairs: Sequence[Pair], size: Size) -> np.ndarray:
    """Thermal pixels → pixels of the RGB picture at `size`, by scale and shift alone: float64 [3, 3]."""
    few = pairs[:: -(-len(pairs) // COARSE_PAIRS)]
    spectra = np.zeros((len(SCALES), SIDE, SIDE), np.complex64)
    for rgb, thermal in tqdm(few, desc="looking for the scale", unit="pair", leave=False, disable=None):
        scaled = np.array([_on_square(thermal, COARSE_WIDTH * scale) for scale in SCALES])
        spectra += _cross(_on_square(rgb, COARSE_WIDTH)[None], scaled)
    peaks = _peaks(spectra)
    best = int(peaks[:, 2].argmax())
    thermal_size = _size(pairs[0][1])
    factor = WIDTH * SCALES[best] / thermal_size[1]
    shift = peaks[best, :2] * (WIDTH / COARSE_WIDTH)
    return _shift(_middle(size) + shift) @ np.diag([factor, factor, 1.0]) @ _shift(-_middle(thermal_size))


def _on_square(picture: np.ndarray, width: float) -> np.ndarray:
    """complex64 [SIDE, SIDE]: the field of a picture at this width, its middle in the middle."""
    size = round(width * picture.shape[0] / picture.shape[1]), round(width)
    small = field(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA), 1.0)
    small = _window(size) * (small - small.mean())
    square = np.zeros((SIDE, SIDE), np.complex64)
    (of_rows, to_rows), (of_columns, to_columns) = (_centred(length) for length in size)
    square[to_rows, to_columns] = small[of_rows, of_columns]
    return square


def _centred(length: int) -> tuple[slice, slice]:
    """Which part of so many pixels lies on the square, and where, when the middles coincide."""
    before = (SIDE - length) // 2
    first, last = max(0, -before), min(length, SIDE - before)
    return slice(first, last), slice(first + before, last + before)


def _fields(pairs: Sequence[Pair], size: Size, matrix: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The fields of each pair, both at `size`, thermal as the matrix lays it: complex64 [*size] each."""
    for rgb, thermal in pairs:
        method = cv2.INTER_AREA if rgb.shape[1] >= WIDTH else cv2.INTER_LINEAR
        moved = cv2.warpPerspective(thermal, matrix, size[::-1], borderMode=cv2.BORDER_REPLICATE)
        seen = cv2.warpPerspective(np.ones_like(thermal), matrix, size[::-1])
        # Where the thermal picture ends is no edge of anything.
        seen = cv2.erode(seen, np.ones((9, 9), np.uint8), borderType=cv2.BORDER_REPLICATE)
        yield field(cv2.resize(rgb, size[::-1], interpolation=method)), field(moved) * seen


def _correction(pairs: Sequence[Pair], size: Size, matrix: np.ndarray, limit: float) -> np.ndarray:
    """What is to be done after `matrix`, float64 [3, 3], in pixels of `size`."""
    corners = _corners(size)
    spectra = np.zeros((len(corners), BLOCK, BLOCK), np.complex64)
    for rgb, thermal in _fields(pairs, size, matrix):
        spectra += _cross(_blocks(rgb, corners), _blocks(thermal, corners))
    peaks = _peaks(spectra)
    clear = peaks[:, 2] >= CLEAR
    if clear.sum() < FEWEST_BLOCKS:
        raise AlignmentError(
            f"the pictures show too little in common (in {clear.sum()} of {len(corners)} parts of them); "
            "check that names pair what one rig took together, and give more pairs of what is far away."
        )
    middles = corners[clear] + (BLOCK - 1) / 2
    found, _ = cv2.findHomography(middles, middles + peaks[clear, :2], cv2.RANSAC, limit)
    if found is None:
        raise AlignmentError("the parts of the pictures are shifted without rule; is the rig rigid?")
    return found


def _error(rgb: np.ndarray, thermal: np.ndarray) -> float:
    """By how many pixels two fields are off: the median of the quarters of what both show; NaN where none
    tells.
    """
    corners = _corners(_size(rgb))
    shown = np.array([thermal[y : y + BLOCK, x : x + BLOCK].any() for x, y in corners])
    if not shown.any():
        return np.nan
    corners = corners[shown]
    spectra = _cross(_blocks(rgb, corners), _blocks(thermal, corners))
    right, lower = (corners > np.median(corners, axis=0)).T
    quarters = np.array([spectra[(right == i) & (lower == j)].sum(axis=0) for i in (0, 1) for j in (0, 1)])
    peaks = _peaks(quarters)
    clear = peaks[:, 2] >= CLEAR_OF_ONE
    return float(np.median(np.hypot(peaks[clear, 0], peaks[clear, 1]))) if clear.any() else np.nan


def _corners(size: Size) -> np.ndarray:
    """int [n, 2]: x and y of the upper left pixel of each block."""
    rows, columns = (
        np.linspace(0, side - BLOCK, 1 + -(-(side - BLOCK) // STRIDE)).round().astype(int) for side in size
    )
    return np.array([(x, y) for y in rows for x in columns])


def _blocks(picture: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """[n, BLOCK, BLOCK], less their means, and fading out to their edges."""
    blocks = np.array([picture[y : y + BLOCK, x : x + BLOCK] for x, y in corners])
    return (blocks - blocks.mean(axis=(1, 2), keepdims=True)) * _window((BLOCK, BLOCK))


def _cross(still: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """complex64 [n, h, w]: the phases of the cross spectrum, strong where both have something."""
    spectrum = _fourier(still) * _fourier(moved).conj()
    strength = np.abs(spectrum)
    return spectrum / (strength + 0.1 * strength.mean(axis=(1, 2), keepdims=True) + np.float32(1e-9))


def _fourier(pictures: np.ndarray, flags: int = 0) -> np.ndarray:
    """complex64 [n, h, w] of as much; OpenCV does it in a tenth of the time that NumPy takes."""
    planes = np.ascontiguousarray(pictures, np.complex64).view(np.float32).reshape(*pictures.shape, 2)
    return np.array([cv2.dft(plane, flags=flags) for plane in planes]).view(np.complex64)[..., 0]


def _peaks(spectra: np.ndarray) -> np.ndarray:
    """float64 [n, 3] of cross spectra [n, h, w]: the shift of what moved to what stands still (x, y, in parts
    of a pixel), and how clear it is, in standard deviations of the correlation.
    """
    found = []
    for correlation in _fourier(spectra, cv2.DFT_INVERSE).real:
        surface = cv2.GaussianBlur(np.fft.fftshift(correlation), (0, 0), 1.0)
        surface = (surface - surface.mean()) / (surface.std() + 1e-12)
        inner = surface[1:-1, 1:-1]
        y, x = (int(place) + 1 for place in np.unravel_index(inner.argmax(), inner.shape))
        height, width = surface.shape
        found.append(
            (
                x - width // 2 + _vertex(*surface[y, x - 1 : x + 2]),
                y - height // 2 + _vertex(*surface[y - 1 : y + 2, x]),
                float(surface[y, x]),
            )
        )
    return np.array(found)


def _vertex(before: float, at: float, after: float) -> float:
    """Where the parabola through three values at −1, 0 and 1 has its vertex, for a maximum at 0."""
    bend = before - 2.0 * at + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0.0 else 0.0


def _window(size: Size) -> np.ndarray:
    return np.outer(np.hanning(size[0]), np.hanning(size[1])).astype(np.float32)


def _size(picture: np.ndarray) -> Size:
    return picture.shape[0], picture.shape[1]


def _middle(size: Size) -> np.ndarray:
    """(x, y)."""
    return (np.array(size[::-1]) - 1) / 2


def _shift(by: np.ndarray) -> np.ndarray:
    return np.array([[1.0, 0.0, by[0]], [0.0, 1.0, by[1]], [0.0, 0.0, 1.0]])


def _scaling(of: Size, to: Size) -> np.ndarray:
    """float64 [3, 3]: pixels of a picture at one size → at another."""
    across, down = to[1] / of[1], to[0] / of[0]
    return np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2], [0.0, 0.0, 1.0]])
