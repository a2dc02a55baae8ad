# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Textures that show something: pictures and prints, rugs, the view from a window."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from training.rendering.mesh import Array, Material
from training.rendering.surfaces import SIZE, any_color, hsv, linear, neutral, noise, vivid


def rug(rng: Generator) -> Material:
    """A bordered rug that fits its quad once."""
    size = SIZE
    image = np.broadcast_to(any_color(rng, 0.5), (size, size, 3)).copy()
    for _ in range(int(rng.integers(1, 4))):
        inset = int(rng.integers(6, size // 4))
        width = int(rng.integers(3, 18))
        cv2.rectangle(
            image, (inset, inset), (size - inset, size - inset), any_color(rng, 0.5).tolist(), width
        )
    if rng.random() < 0.6:
        n = int(rng.integers(3, 9))
        color = any_color(rng, 0.5).tolist()
        for i in range(n):
            for j in range(n):
                c = (int((i + 0.5) * size / n), int((j + 0.5) * size / n))
                cv2.drawMarker(image, c, color, int(rng.integers(0, 4)), size // n // 2, 4)
    pile = 1 + rng.standard_normal((size, size, 1)) * 0.08
    return Material(linear((image * pile).astype(np.float32)))


def picture(rng: Generator) -> Material:
    """What hangs on walls and lies on tables: a landscape, shapes, a print or a page of text."""
    size = 128
    image = np.broadcast_to(any_color(rng, 0.5), (size, size, 3)).copy()
    kind = rng.random()
    if kind < 0.3:
        sky = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
        image = (1 - sky) * hsv(0.58, rng.uniform(0, 0.6), 0.95) + sky * any_color(rng, 0.6)
        image = np.broadcast_to(image, (size, size, 3)).copy()
        for _ in range(int(rng.integers(2, 5))):
            ridge = rng.uniform(0.3, 0.8) * size + noise(rng, size, 3, 4)[0] * 25
            image[np.arange(size)[:, None] > ridge[None]] = any_color(rng, 0.5) * rng.uniform(
                0.3, 1
            )
    elif kind < 0.6:
        for _ in range(int(rng.integers(3, 14))):
            color = any_color(rng, 0.6).tolist()
            p, q = rng.integers(0, size, (2, 2))
            if rng.random() < 0.5:
                cv2.circle(image, p.tolist(), int(rng.integers(4, 40)), color, -1)
            else:
                cv2.rectangle(image, p.tolist(), q.tolist(), color, -1)
    elif kind < 0.8:
        layers = [noise(rng, size, int(rng.integers(2, 6)), 5) for _ in range(3)]
        image = (
            0.5
            + 0.35 * np.stack(layers, -1) * rng.uniform(0.3, 1.2, 3)
            + 0.3 * (any_color(rng, 0.6) - 0.5)
        )
    else:
        image[:] = neutral(rng, 0.8, 1.0)
        for row in range(10, size - 8, int(rng.integers(5, 9))):
            end = int(rng.uniform(0.5, 0.92) * size)
            cv2.line(image, (10, row), (end, row), (0.25, 0.25, 0.3), int(rng.integers(1, 3)))
        if rng.random() < 0.7:
            p = rng.integers(8, size // 2, 2)
            cv2.rectangle(
                image, p.tolist(), (p + rng.integers(20, 60)).tolist(), vivid(rng).tolist(), -1
            )
    return Material(linear(image.astype(np.float32)), rng.choice([0.0, 0.04]))


def _facade(image: Array, horizon: int, rng: Generator) -> None:
    """A house across the yard, of bricks or plaster, drawn over a view."""
    tone = hsv(rng.uniform(0, 0.12), rng.uniform(0.1, 0.65), rng.uniform(0.35, 0.95))
    left = int(rng.integers(0, image.shape[1] // 2))
    right = left + int(rng.integers(60, image.shape[1]))
    wall = image[int(rng.integers(0, 16)) : horizon + 4, left:right]
    y, x = np.mgrid[0 : wall.shape[0], 0 : wall.shape[1]]
    joint = (y % 3 == 0) | ((x + 3 * (y // 3 % 2)) % 6 == 0)
    wall[:] = tone * (1 + 0.1 * rng.standard_normal((*wall.shape[:2], 1)))
    if rng.random() < 0.6:
        wall[joint] = 0.6 * wall[joint] + 0.35
    for column in range(6, wall.shape[1] - 10, int(rng.integers(16, 40))):
        wall[6:16, column : column + 7] = neutral(rng, 0.1, 0.9)


def outdoors(rng: Generator) -> Array:
    """What is seen through windows: linear radiance, float32 [64, 256, 3], row 0 at the zenith."""
    height, width = 64, 256
    sky = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    zenith = hsv(0.58, rng.uniform(0.02, 0.5), 0.9)
    image = (1 - sky) * zenith + sky * np.float32(0.95)
    image = np.broadcast_to(image, (height, width, 3)).copy()
    horizon = height // 2 + int(rng.integers(-2, 3))
    for _ in range(int(rng.integers(8, 30))):
        x, w = int(rng.integers(width)), int(rng.integers(5, 40))
        h = int(rng.integers(1, 14))
        green = rng.random() < 0.5
        tone = hsv(0.28, 0.45, rng.uniform(0.15, 0.5)) if green else neutral(rng, 0.2, 0.8)
        if green:
            cv2.ellipse(image, (x, horizon), (w // 2, h), 0, 0, 360, tone.tolist(), -1)
        else:
            cv2.rectangle(image, (x, horizon - h), (x + w, horizon + 2), tone.tolist(), -1)
    if rng.random() < 0.3:
        _facade(image, horizon, rng)
    image[horizon:] = hsv(rng.uniform(0.1, 0.3), 0.3, rng.uniform(0.2, 0.5))
    image *= 1 + 0.1 * rng.standard_normal((height, width, 1))
    return linear(cv2.GaussianBlur(image.astype(np.float32), (3, 3), 0))
