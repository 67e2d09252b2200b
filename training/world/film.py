# SPDX-License-Identifier: Apache-2.0
"""From radiance to an image file's pixels: glare, vignette, tone curve, noise; and the thermal detector."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .light import Light
from .texture import Reals


@dataclass(frozen=True)
class Lens:
    """A camera's flaws: blur in pixels, vignette 0 to 1, glare share, JPEG quality (0 keeps it clean),
    gamma.
    """

    blur: float
    vignette: float
    glare: float
    jpeg: int
    gamma: float


def random_lens(rng: np.random.Generator) -> Lens:
    """A plausible lens and camera."""
    return Lens(
        float(rng.uniform(0.3, 0.75)),
        float(rng.uniform(0, 0.3)),
        float(rng.uniform(0.01, 0.06)),
        int(rng.integers(60, 97)) if rng.uniform() < 0.4 else 0,
        float(rng.uniform(2.0, 2.5)),
    )


def develop(
    radiance: Reals, light: Light, lens: Lens, wrap: bool, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """RGB image (H, W, 3) uint8 from radiance (H, W, 3).  wrap: left and right edges join (erp)."""
    h, w = radiance.shape[:2]
    image = np.minimum(radiance, 60.0) * np.array(light.white, np.float32) * np.float32(light.exposure)
    bright = np.maximum(image - 1.6, 0)
    if bright.any():
        small = cv2.resize(np.minimum(bright, 25), (w // 4, h // 4), interpolation=cv2.INTER_AREA)
        sigma = w / 4 * 0.008
        image = image + lens.glare * (
            cv2.GaussianBlur(small_up(small, w, h), (0, 0), 1) * 1.0
            + small_up(cv2.GaussianBlur(small, (0, 0), sigma * 2.5), w, h) * 1.5
        )
    if not wrap and lens.vignette > 0:
        y, x = np.ogrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
        image = image * (1 - lens.vignette * np.clip((x * x + y * y) / 2, 0, 1))[..., None].astype(np.float32)
    k = cv2.getGaussianKernel(3, lens.blur).astype(np.float32)
    image = cv2.sepFilter2D(image, -1, k, k)
    shot = np.sqrt(np.clip(image, 0, 1)) * np.float32(light.noise) + np.float32(light.noise * 0.4)
    image = image + rng.standard_normal(image.shape, np.float32) * shot
    tone = 1 - np.exp(-1.25 * np.clip(image, 0, None))
    tone = np.clip(tone * 1.06, 0, 1) ** np.float32(1 / lens.gamma)
    grey = tone.mean(axis=2, keepdims=True)
    tone = grey + (tone - grey) * np.float32(light.saturation)
    tone = 0.45 + (tone - 0.45) * np.float32(light.contrast)
    out = np.clip(tone * 255 + 0.5, 0, 255).astype(np.uint8)
    if lens.jpeg:
        ok, data = cv2.imencode(".jpg", out[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, lens.jpeg])
        again = cv2.imdecode(data, cv2.IMREAD_COLOR) if ok else None
        if again is None:
            raise RuntimeError(
                "OpenCV could not encode a JPEG, expected a build with JPEG support; reinstall opencv-python."
            )
        out = np.ascontiguousarray(again[..., ::-1]).astype(np.uint8)
    return out


def small_up(image: Reals, width: int, height: int) -> Reals:
    """An image enlarged smoothly."""
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def detect(kelvin: Reals, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Thermal image (H, W) uint16 in hundredths of a kelvin: slight blur and 50 mK of noise."""
    soft = cv2.GaussianBlur(kelvin, (0, 0), 0.6)
    noisy = soft + 0.05 * rng.standard_normal(soft.shape, np.float32)
    return np.clip(noisy * 100 + 0.5, 0, 65535).astype(np.uint16)
