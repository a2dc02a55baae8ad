# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation of image and label pairs.

Geometry is one affine warp of both; what else is done to images is in
:mod:`training.data.photometry`.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.augmentation_config import AugmentationConfig
from training.data.photometry import draw_factor, photometric
from training.data.resizing import Affine


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
    stretch = np.sqrt(draw_factor(rng, config.aspect))
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
