# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation of image and label pairs.

Geometry is one affine warp of both. The photometric part imitates what separates rendered rooms
from the pictures of small cameras: exposure, white balance, blur, sensor noise and JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.resizing import Affine

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True)
class AugmentationConfig:
    """Ranges; each factor is drawn log-uniformly from [1 / x, x] unless said otherwise.

    Attributes:
        scale: smallest and largest zoom.
        aspect: stretch of the width.
        rotation: largest angle, degrees, either way.
        rotation_chance: of a rotation.
        flip: probability of mirroring left and right.
        brightness: factor on all channels.
        contrast: factor on the distance from the mean.
        saturation: smallest and largest factor, uniform.
        hue: largest shift either way, degrees.
        white_balance: factor on red and on blue.
        gamma: exponent.
        blur: probability of a Gaussian or motion blur.
        noise: largest standard deviation of the noise, of 255; uniform from 0.
        jpeg: probability of JPEG compression at quality 25 to 90.
        grey: probability of a picture without colour.
    """

    scale: tuple[float, float] = (0.7, 2.0)
    aspect: float = 1.15
    rotation: float = 6.0
    rotation_chance: float = 1.0
    flip: float = 0.5
    brightness: float = 1.5
    contrast: float = 1.4
    saturation: tuple[float, float] = (0.3, 1.6)
    hue: float = 12.0
    white_balance: float = 1.35
    gamma: float = 1.6
    blur: float = 0.35
    noise: float = 14.0
    jpeg: float = 0.5
    grey: float = 0.05


UNCHANGED = AugmentationConfig(
    scale=(1.0, 1.0),
    aspect=1.0,
    rotation=0.0,
    flip=0.0,
    brightness=1.0,
    contrast=1.0,
    saturation=(1.0, 1.0),
    hue=0.0,
    white_balance=1.0,
    gamma=1.0,
    blur=0.0,
    noise=0.0,
    jpeg=0.0,
    grey=0.0,
)
"""Nothing but the crop."""


def _factor(rng: np.random.Generator, largest: float) -> float:
    return float(np.exp(rng.uniform(-1.0, 1.0) * np.log(largest)))


def draw_warp(
    shape: tuple[int, int],
    size: tuple[int, int],
    *,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> Affine:
    """A random zoom, stretch, rotation, mirroring and crop.

    Args:
        shape: height and width of the image.
        size: height and width of the result.
        config: ranges.
        rng: source of chance.

    Returns:
        float64 (2, 3): column, row and 1 of the image to column and row of the result, pixel
        centres at integers.
    """
    height, width = shape
    out_height, out_width = size
    zoom = float(np.exp(rng.uniform(*np.log(config.scale))))
    stretch = np.sqrt(_factor(rng, config.aspect))
    angle = np.deg2rad(rng.uniform(-config.rotation, config.rotation))
    if config.rotation_chance < 1 and rng.random() >= config.rotation_chance:
        angle = 0.0
    mirror = -1.0 if rng.random() < config.flip else 1.0
    cosine, sine = np.cos(angle), np.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag(
        [zoom * stretch * mirror, zoom / stretch]
    )
    # Where the result is smaller than the zoomed image, any part of it; else anywhere inside.
    slack = np.abs([out_width - zoom * stretch * width, out_height - zoom / stretch * height]) / 2
    centre_out = np.array([out_width - 1, out_height - 1]) / 2 + rng.uniform(-slack, slack)
    centre_in = np.array([width - 1, height - 1]) / 2
    return np.column_stack([linear, centre_out - linear @ centre_in])


def apply_warp(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[Any],
    matrix: Affine,
    size: tuple[int, int],
    *,
    unlabeled: int,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
    """Move image and labels by one affine map.

    Args:
        image: (H, W, 3) RGB.
        labels: (H, W).
        matrix: (2, 3), of :func:`draw_warp`.
        size: height and width of the result.
        unlabeled: id of pixels that lie outside the image.

    Returns:
        Image (h, w, 3), bilinear, and labels (h, w), nearest; outside the image grey and
        ``unlabeled``.
    """
    warped = cv2.warpAffine(
        image,
        matrix,
        size[::-1],
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(127, 127, 127),
    )
    warped_labels = cv2.warpAffine(
        labels,
        matrix,
        size[::-1],
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=unlabeled,
    )
    return warped, warped_labels


def warp(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[Any],
    size: tuple[int, int],
    *,
    config: AugmentationConfig,
    rng: np.random.Generator,
    unlabeled: int,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
    """Draw a warp and apply it; see :func:`draw_warp` and :func:`apply_warp`."""
    matrix = draw_warp(labels.shape, size, config=config, rng=rng)
    return apply_warp(image, labels, matrix, size, unlabeled=unlabeled)


def _colour(image: FloatImage, config: AugmentationConfig, rng: np.random.Generator) -> FloatImage:
    """White balance, hue, saturation, contrast, brightness and gamma of RGB in [0, 1]."""
    gains = [_factor(rng, config.white_balance), 1.0, _factor(rng, config.white_balance)]
    image = image * np.array(gains, np.float32)
    # Rotating the chroma plane of YIQ turns the hue; scaling it changes the saturation.
    to_yiq = np.array(
        [[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float64
    )
    saturation = 0.0 if rng.random() < config.grey else rng.uniform(*config.saturation)
    angle = np.deg2rad(rng.uniform(-config.hue, config.hue))
    cosine, sine = saturation * np.cos(angle), saturation * np.sin(angle)
    chroma = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    colour_map = np.linalg.inv(to_yiq) @ chroma @ to_yiq
    image = cv2.transform(image, colour_map.astype(np.float32))
    mean = float(image.mean())
    contrast = _factor(rng, config.contrast)
    image = ((image - mean) * contrast + mean) * _factor(rng, config.brightness)
    return cv2.pow(np.clip(image, 0.0, 1.0), _factor(rng, config.gamma)).astype(np.float32)


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
    if rng.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 2.0
    return image + grain * (sigma * np.sqrt(0.3 + 0.7 * image)) * np.float32(0.7)


def _jpeg(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded: npt.NDArray[np.uint8] = cv2.imdecode(encoded, cv2.IMREAD_COLOR)  # type: ignore
    return np.ascontiguousarray(decoded[..., ::-1])


def photometric(
    image: npt.NDArray[np.uint8], config: AugmentationConfig, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Change how a picture was taken, not what it shows; (H, W, 3) RGB uint8 in and out."""
    changed = _colour(image.astype(np.float32) / 255.0, config, rng)
    if rng.random() < config.blur:
        changed = _blur(changed, rng)
    changed = _noise(changed, config.noise, rng)
    result = np.clip(np.rint(changed * 255.0), 0, 255).astype(np.uint8)
    if rng.random() < config.jpeg:
        result = _jpeg(result, int(rng.integers(25, 91)))
    return result


def augment_with_matrix(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[Any],
    size: tuple[int, int],
    *,
    config: AugmentationConfig,
    rng: np.random.Generator,
    unlabeled: int,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any], Affine]:
    """Warp both, then change the picture's photometry; the matrix is for what else must follow.

    See :func:`draw_warp` for the matrix and :func:`apply_warp` for image and labels. The matrix is
    of pixels of `image`: where that was resized, as `load_with_matrix` of
    :class:`training.data.labelled_frames.LabelledFrames` says, places in the file take
    :func:`training.data.resizing.compose` of both.
    """
    matrix = draw_warp(labels.shape, size, config=config, rng=rng)
    image, labels = apply_warp(image, labels, matrix, size, unlabeled=unlabeled)
    return photometric(image, config, rng), labels, matrix


def augment(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[Any],
    size: tuple[int, int],
    *,
    config: AugmentationConfig,
    rng: np.random.Generator,
    unlabeled: int,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
    """Warp both, then change the picture's photometry; see :func:`apply_warp` for the shapes."""
    return augment_with_matrix(image, labels, size, config=config, rng=rng, unlabeled=unlabeled)[:2]
