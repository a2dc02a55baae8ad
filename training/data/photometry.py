# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Changes of how a picture was taken.

They imitate what separates rendered rooms from the pictures of small cameras: exposure, white
balance, blur, sensor noise and JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.data.augmentation_config import AugmentationConfig

FloatImage = npt.NDArray[np.float32]


def draw_factor(rng: np.random.Generator, largest: float) -> float:
    """Log-uniformly from [1 / largest, largest]."""
    return float(np.exp(rng.uniform(-1.0, 1.0) * np.log(largest)))


@dataclass(frozen=True)
class _Tone:
    """What is changed of a picture's colours; 1 is nothing, of the hue 0."""

    gains: tuple[float, float]
    saturation: float
    hue: float
    contrast: float
    brightness: float
    gamma: float

    @property
    def neutral(self) -> bool:
        return self == _NEUTRAL


_NEUTRAL = _Tone((1.0, 1.0), 1.0, 0.0, 1.0, 1.0, 1.0)


def _draw_tone(config: AugmentationConfig, rng: np.random.Generator) -> _Tone:
    gains = draw_factor(rng, config.white_balance), draw_factor(rng, config.white_balance)
    saturation = 0.0 if rng.random() < config.grey else rng.uniform(*config.saturation)
    hue = float(np.deg2rad(rng.uniform(-config.hue, config.hue)))
    contrast, brightness = draw_factor(rng, config.contrast), draw_factor(rng, config.brightness)
    return _Tone(gains, saturation, hue, contrast, brightness, draw_factor(rng, config.gamma))


def _toned(image: FloatImage, tone: _Tone) -> FloatImage:
    """White balance, hue, saturation, contrast, brightness and gamma of RGB in [0, 1].

    What is neutral is left out where that changes no byte of any picture. Going to the mean and
    back always happens: it rounds, which shows in what is blurred.
    """
    if tone.gains != _NEUTRAL.gains:
        image = image * np.array([tone.gains[0], 1.0, tone.gains[1]], np.float32)
    if (tone.saturation, tone.hue) != (_NEUTRAL.saturation, _NEUTRAL.hue):
        image = cv2.transform(image, _chroma_map(tone).astype(np.float32))
    mean = float(image.mean())
    image = image - mean
    image *= tone.contrast
    image += mean
    image *= tone.brightness
    np.clip(image, 0.0, 1.0, out=image)
    if tone.gamma == _NEUTRAL.gamma:
        return image
    return cv2.pow(image, tone.gamma).astype(np.float32, copy=False)


def _chroma_map(tone: _Tone) -> npt.NDArray[np.float64]:
    """Rotating the chroma plane of YIQ turns the hue; scaling it changes the saturation."""
    to_yiq = np.array(
        [[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float64
    )
    cosine, sine = tone.saturation * np.cos(tone.hue), tone.saturation * np.sin(tone.hue)
    chroma = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return np.linalg.inv(to_yiq) @ chroma @ to_yiq


def _blur(image: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Gaussian (defocus) or straight motion blur."""
    if rng.random() < 0.6:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8))
    length = int(rng.integers(2, 5)) * 2 + 1
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (length // 2)
    middle = length // 2
    start, end = np.rint(middle - reach).astype(int), np.rint(middle + reach).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def _noise(image: FloatImage, largest: float, rng: np.random.Generator) -> FloatImage:
    """Shot and read noise, part of it shared by the channels and partly coarse as in video."""
    sigma = rng.uniform(0.0, largest) / 255.0
    height, width = image.shape[:2]
    grain = rng.standard_normal((height, width, 3), np.float32)
    grain += rng.standard_normal((height, width, 1), np.float32)
    coarse = rng.random() < 0.5
    if not sigma:
        return image
    if coarse:
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 2.0
    return image + grain * (sigma * np.sqrt(0.3 + 0.7 * image)) * np.float32(0.7)


def _jpeg(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded: npt.NDArray[np.uint8] = cv2.imdecode(encoded, cv2.IMREAD_COLOR)  # type: ignore
    return np.ascontiguousarray(decoded[..., ::-1])


def photometric(
    image: npt.NDArray[np.uint8], config: AugmentationConfig, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Change how a picture was taken, not what it shows; (H, W, 3) RGB uint8 in and out.

    The same array where nothing is changed. Settings that are off cost little, and what others
    give does not depend on that.
    """
    tone = _draw_tone(config, rng)
    blurred = rng.random() < config.blur
    # numbers for the noise are drawn without it too, where those for the compression follow
    noisy = config.noise > 0 or config.jpeg > 0
    if not (blurred or noisy) and tone.neutral:
        return image
    changed = _toned(image.astype(np.float32) / 255.0, tone)
    if blurred:
        changed = _blur(changed, rng)
    if noisy:
        changed = _noise(changed, config.noise, rng)
    result = np.clip(np.rint(changed * 255.0), 0, 255).astype(np.uint8)
    if rng.random() < config.jpeg:
        result = _jpeg(result, int(rng.integers(25, 91)))
    return result
