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
    """RGB image (H, W, 3) uint8 from radiance (3, H, W).  wrap: left and right edges join (erp)."""
    h, w = radiance.shape[1:]
    gain = np.array(light.white, np.float32) * np.float32(light.exposure)
    kernel = cv2.getGaussianKernel(3, lens.blur).astype(np.float32)
    tones = []
    for plane, k in zip(radiance, gain, strict=True):
        image = np.minimum(plane, np.float32(60)) * k
        bright = np.clip(image - np.float32(1.6), 0, 25)
        if bright.any():
            small = cv2.resize(bright, (w // 4, h // 4), interpolation=cv2.INTER_AREA)
            image += lens.glare * cv2.GaussianBlur(small_up(small, w, h), (0, 0), 1)
            wide = cv2.GaussianBlur(small, (0, 0), w / 4 * 0.02)
            image += (lens.glare * 1.5) * small_up(wide, w, h)
        if not wrap and lens.vignette > 0:
            y, x = np.ogrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
            image *= (1 - lens.vignette * np.clip((x * x + y * y) / 2, 0, 1)).astype(np.float32)
        image = np.asarray(cv2.sepFilter2D(image, -1, kernel, kernel))
        shot = np.sqrt(np.clip(image, 0, 1))
        shot += np.float32(0.4)
        shot *= rng.standard_normal(image.shape, np.float32)
        shot *= np.float32(light.noise)
        image += shot
        np.maximum(image, 0, out=image)
        image *= np.float32(-1.25)
        tone = np.float32(1.06) - np.float32(1.06) * np.asarray(cv2.exp(image))
        tones.append(np.asarray(cv2.pow(np.clip(tone, 1e-8, 1), 1 / lens.gamma)))
    grey = (tones[0] + tones[1] + tones[2]) * np.float32((1 - light.saturation) * light.contrast / 3)
    grey += np.float32(0.45 - 0.45 * light.contrast)
    out = np.empty((h, w, 3), np.uint8)
    for channel in range(3):
        tone = tones[channel] * np.float32(light.saturation * light.contrast)
        tone += grey
        tone *= np.float32(255)
        tone += np.float32(0.5)
        out[..., channel] = np.clip(tone, 0, 255, out=tone)
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
