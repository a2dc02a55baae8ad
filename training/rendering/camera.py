# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where a camera looks, and what a cheap sensor makes of the light that reaches it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.rendering.mesh import Array


def look_at(
    eye: NDArray[np.float64], target: NDArray[np.float64], roll: float = 0.0
) -> NDArray[np.float64]:
    """Camera-to-world pose 4x4 (optical frame: z forward, x right, y down), `roll` in radians."""
    z = np.asarray(target, np.float64) - eye
    z /= np.linalg.norm(z)
    x = np.cross(z, (0.0, 0.0, 1.0))
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    c, s = np.cos(roll), np.sin(roll)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = c * x + s * y, c * y - s * x, z
    pose[:3, 3] = eye
    return pose


@dataclass(frozen=True)
class Sensor:
    """A camera's settings for one recording.

    Attributes:
        gain: factor on the automatic exposure.
        balance: white-balance error, RGB factors.
        vignette: loss of light in the corners, 0..1.
        noise: relative noise of a bright pixel.
        blur: standard deviation of the lens blur in pixels at 320 columns.
        motion: length of motion blur in pixels at 320 columns.
        contrast: exponent of the tone curve around middle grey.
        saturation: factor on colourfulness.
        quality: JPEG quality, 1..100.
    """

    gain: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignette: float = 0.1
    noise: float = 0.01
    blur: float = 0.4
    motion: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    quality: int = 90

    @classmethod
    def sample(cls, rng: Generator) -> Sensor:
        """A plausible cheap camera."""
        warmth = rng.normal(0, 0.07)
        tint = rng.normal(0, 0.02)
        return cls(
            gain=float(np.exp(rng.normal(-0.02, 0.3))),
            balance=(float(1 + warmth), float(1 + tint), float(1 - warmth)),
            vignette=float(rng.uniform(0, 0.35)),
            noise=float(rng.uniform(0.003, 0.035)),
            blur=float(rng.uniform(0.0, 0.9)),
            motion=float(max(0.0, rng.normal(-1.0, 2.0))),
            contrast=float(rng.uniform(0.85, 1.25)),
            saturation=float(rng.uniform(0.7, 1.35)),
            quality=int(rng.integers(60, 96)),
        )

    def expose(
        self,
        radiance: Array,
        rng: Generator,
        exposure: float | None = None,
        motion: tuple[float, float] | None = None,
    ) -> NDArray[np.uint8]:
        """The picture taken of `radiance`: uint8 RGB [h, w, 3].

        Args:
            radiance: float32 [h, w, 3], linear.
            rng: source of the noise.
            exposure: factor on the radiance before `gain`; automatic where None.
            motion: pixels (u, v) over which the camera moves meanwhile; where None it moves by
                `motion` of the sensor in a direction by chance.
        """
        height, width = radiance.shape[:2]
        unit = width / 320
        factor = auto_exposure(radiance) if exposure is None else exposure
        balance = np.array(self.balance, np.float32) * white_balance(radiance)
        image = radiance * (factor * self.gain) * balance
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        image = image * (1 - self.vignette * (x**2 + y**2) / 2)[..., None].astype(np.float32)
        image = np.minimum(image, 6.0)
        if motion is not None:
            image = _motion_blur(image, float(np.hypot(*motion)), float(np.arctan2(*motion[::-1])))
        elif self.motion > 0.5:
            image = _motion_blur(image, self.motion * unit, float(rng.uniform(0, np.pi)))
        if self.blur > 0.05:
            image = cv2.GaussianBlur(image, (0, 0), self.blur * unit)
        grain = rng.standard_normal(image.shape).astype(np.float32)
        image = image + grain * self.noise * np.sqrt(np.maximum(image, 0) + 0.02)
        srgb = np.power(np.clip(tone(image), 0, 1), 1 / 2.2)
        srgb = np.clip(0.5 + (srgb - 0.5) * self.contrast, 0, 1)
        grey = srgb @ np.array([0.299, 0.587, 0.114], np.float32)
        srgb = grey[..., None] + (srgb - grey[..., None]) * self.saturation
        return np.clip(srgb * 255 + 0.5, 0, 255).astype(np.uint8)


def tone(linear: Array) -> Array:
    """A sensor's response: linear up to 0.6, then a shoulder that reaches 1 only slowly."""
    knee = 0.6
    over = np.maximum(linear - knee, 0)
    return np.where(linear <= knee, linear, knee + (1 - knee) * (1 - np.exp(-over / (1 - knee))))


def auto_exposure(radiance: Array) -> float:
    """The factor that brings the middle of the brightness distribution to middle grey."""
    light = np.maximum(radiance.mean(-1), 1e-4)
    key = np.exp(np.mean(np.log(np.minimum(light, np.quantile(light, 0.9)))))
    return float(0.19 / key)


def white_balance(radiance: Array, strength: float = 0.5) -> Array:
    """RGB factors that bring the picture's mean part of the way to grey, float32 [3]."""
    mean = np.minimum(radiance, 4 * np.median(radiance) + 1e-3).mean((0, 1)) + 1e-4
    factors = (mean.mean() / mean) ** strength
    return (factors / factors.mean()).astype(np.float32)


def _motion_blur(image: Array, length: float, angle: float) -> Array:
    if length < 0.5:
        return image
    size = max(3, int(np.ceil(length)) | 1)
    kernel = np.zeros((size, size), np.float32)
    c = (size - 1) / 2
    d = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    cv2.line(
        kernel,
        tuple(np.round(c - d).astype(int).tolist()),
        tuple(np.round(c + d).astype(int).tolist()),
        1.0,
    )
    return cv2.filter2D(image, -1, kernel / kernel.sum())
