# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of how images are augmented."""

from __future__ import annotations

from dataclasses import dataclass


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
