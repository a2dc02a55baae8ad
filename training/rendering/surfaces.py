# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Procedural textures: wood, tiles, carpet, paint, stone, fabric, wallpaper, pictures, covers.

Every function returns a `Material` with linear reflectance. Textures tile.
"""

from __future__ import annotations

import colorsys
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator

from training.rendering.mesh import Array, Material, plain

SIZE = 256


def linear(srgb: Array) -> Array:
    """SRGB values in 0..1 as linear reflectance (a plain 2.2 power)."""
    return np.power(np.clip(srgb, 0.0, 1.0), 2.2).astype(np.float32)


def hsv(h: float, s: float, v: float) -> Array:
    """An sRGB colour from hue (any, wraps at 1), saturation and value in 0..1."""
    return np.array(colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0), 1), min(max(v, 0), 1)), np.float32)


def noise(rng: Generator, size: int, cells: int, octaves: int = 4) -> Array:
    """Tileable value noise in -1..1, float32 [size, size], roughly unit spread."""
    total = np.zeros((size, size), np.float32)
    for k in range(octaves):
        n = min(cells * 2**k, size)
        grid = np.pad(rng.standard_normal((n, n)).astype(np.float32), 2, mode="wrap")
        step = size / n
        big = cv2.resize(grid, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        start = round(2 * step)
        total += big[start : start + size, start : start + size] / 2**k
    return np.clip(total / 1.6, -1.0, 1.0)


def neutral(rng: Generator, low: float = 0.3, high: float = 0.95) -> Array:
    """A muted sRGB colour as walls and furniture have it."""
    return hsv(
        rng.choice([rng.uniform(0.05, 0.15), rng.uniform(0, 1)], p=[0.7, 0.3]),
        rng.beta(1.2, 6),
        rng.uniform(low, high),
    )


def vivid(rng: Generator) -> Array:
    """A saturated sRGB colour."""
    return hsv(rng.uniform(0, 1), rng.beta(2.2, 2.2), rng.uniform(0.2, 0.85))


def any_color(rng: Generator, vivid_share: float = 0.3) -> Array:
    """A muted colour, or with probability `vivid_share` a saturated one."""
    return vivid(rng) if rng.random() < vivid_share else neutral(rng, 0.08, 0.95)


def wood_color(rng: Generator) -> Array:
    """An sRGB wood tone between wenge and birch."""
    return hsv(rng.uniform(0.04, 0.11), rng.uniform(0.2, 0.7), rng.uniform(0.22, 0.88))


def _grain(rng: Generator, size: int, along: int = 4) -> Array:
    base = noise(rng, size, 8, 4)
    stretched = cv2.resize(base[:, : size // 16], (size, size), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(
        rng.standard_normal((size, size // 32)).astype(np.float32),
        (size, size),
        interpolation=cv2.INTER_LINEAR,
    )
    return np.clip(0.7 * stretched + 0.18 * fine, -1.5, 1.5)


def wood(rng: Generator, color: Array | None = None, gloss: float | None = None) -> Material:
    """Veneer or solid wood, grain along u; one repetition is about a metre."""
    tone = wood_color(rng) if color is None else color
    pattern = _grain(rng, SIZE) * rng.uniform(0.03, 0.14)
    image = tone * (1 + pattern[..., None] * np.array([0.8, 1.0, 1.2], np.float32))
    return Material(linear(image), rng.uniform(0, 0.05) if gloss is None else gloss)


def planks(rng: Generator) -> Material:
    """A floor of boards with joints; one repetition is two metres."""
    size = 512
    tone = wood_color(rng)
    rows = int(rng.choice([8, 10, 14, 20, 28]))
    image = np.empty((size, size, 3), np.float32)
    grain = _grain(rng, size) * rng.uniform(0.04, 0.14)
    edges = np.linspace(0, size, rows + 1).astype(int)
    joint = rng.uniform(0.35, 0.9)
    spread = rng.uniform(0.02, 0.14)
    for top, bottom in pairwise(edges):
        cuts = np.sort(rng.integers(0, size, rng.integers(1, 4)))
        bounds = [0, *cuts.tolist(), size]
        first = rng.normal(0, spread)
        for k, (left, right) in enumerate(pairwise(bounds)):
            shade = first if k in (0, len(bounds) - 2) else rng.normal(0, spread)
            roll = int(rng.integers(size))
            patch = np.roll(grain, (roll, roll), (0, 1))[top:bottom, left:right, None]
            image[top:bottom, left:right] = tone * (1 + patch + shade)
            image[top:bottom, left : left + 1] *= joint
        image[top : top + (2 if rows < 20 else 1)] *= joint
    return Material(linear(image), rng.choice([0.0, rng.uniform(0.02, 0.08)]))


def tiles(rng: Generator, count: int | None = None, gloss: float | None = None) -> Material:
    """Square or brick-laid tiles with grout; one repetition is `count` tiles."""
    size = 512
    n = int(rng.choice([2, 3, 4, 6, 8])) if count is None else count
    aspect = int(rng.choice([1, 1, 2, 3]))
    tone = any_color(rng, 0.12)
    second = tone if rng.random() < 0.8 else any_color(rng, 0.3)
    grout = neutral(rng, 0.3, 0.95)
    stone = noise(rng, size, 4, 6)[..., None] * rng.uniform(0, 0.1)
    y, x = np.mgrid[0:size, 0:size] / size
    row = np.floor(y * n * aspect).astype(int)
    shift = 0.5 * (row % 2) if aspect > 1 else 0
    fx = x * n + shift
    column = np.floor(fx).astype(int) % n
    shade = rng.normal(0, rng.uniform(0, 0.05), (n * aspect, n))[row, column]
    pick = ((row + column) % 2)[..., None]
    image = (tone * (1 - pick) + second * pick) * (1 + stone + shade[..., None])
    width = rng.uniform(0.008, 0.03) * n / 4
    edge = (np.minimum(fx % 1, 1 - fx % 1) < width) | (
        np.minimum(y * n * aspect % 1, 1 - y * n * aspect % 1) < width * aspect
    )
    image[edge] = grout
    return Material(linear(image), rng.uniform(0.01, 0.12) if gloss is None else gloss)


def carpet(rng: Generator) -> Material:
    """Carpet or rug pile, plain, flecked or striped."""
    tone = neutral(rng, 0.15, 0.8) if rng.random() < 0.8 else vivid(rng)
    image = np.broadcast_to(tone, (SIZE, SIZE, 3)).copy()
    kind = rng.random()
    if kind < 0.25:
        stripes = np.repeat(rng.normal(0, 0.15, 32), SIZE // 32)
        image = image * (1 + stripes[:, None, None]).astype(np.float32)
    elif kind < 0.5:
        blobs = noise(rng, SIZE, int(rng.integers(4, 24)), 2) > rng.uniform(-0.3, 0.5)
        image[blobs] = image[blobs] * rng.uniform(0.5, 0.9) + 0.1 * any_color(rng)
    pile = rng.standard_normal((SIZE, SIZE, 1)) * rng.uniform(0.03, 0.16)
    cloud = noise(rng, SIZE, 3, 3)[..., None] * 0.05
    return Material(linear(image * (1 + pile + cloud)))


def paint(rng: Generator, color: Array | None = None) -> Material:
    """Painted plaster with faint unevenness; one repetition is about three metres."""
    tone = neutral(rng, 0.6, 0.97) if color is None else color
    image = tone * (1 + noise(rng, SIZE, 3, 7)[..., None] * rng.uniform(0.005, 0.04))
    return Material(linear(image))


def wallpaper(rng: Generator) -> Material:
    """Striped, dotted or woven paper."""
    tone = neutral(rng, 0.5, 0.95)
    ink = tone * rng.uniform(0.88, 1.08) + rng.uniform(0, 0.06) * vivid(rng)
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    n = int(rng.integers(4, 16))
    kind = int(rng.integers(3))
    if kind == 0:
        mask = (x * n % 1) < rng.uniform(0.2, 0.6)
    elif kind == 1:
        mask = np.hypot(x * n % 1 - 0.5, y * n % 1 - 0.5) < rng.uniform(0.15, 0.35)
    else:
        mask = noise(rng, SIZE, 2 * n, 2) > 0.25
    image = np.where(mask[..., None], ink, tone) * (1 + noise(rng, SIZE, 16, 3)[..., None] * 0.02)
    return Material(linear(image))


def bricks(rng: Generator) -> Material:
    """Brickwork, bare or painted."""
    size = 512
    y, x = np.mgrid[0:size, 0:size] / size
    row = np.floor(y * 16).astype(int)
    fx = x * 6 + 0.5 * (row % 2)
    shade = rng.normal(0, 0.12, (16, 6))[row, np.floor(fx).astype(int) % 6]
    tone = neutral(rng, 0.7, 0.95) if rng.random() < 0.4 else hsv(rng.uniform(0, 0.06), 0.6, 0.6)
    image = tone * (1 + shade[..., None] + noise(rng, size, 32, 3)[..., None] * 0.1)
    joint = (np.minimum(fx % 1, 1 - fx % 1) < 0.03) | (
        np.minimum(y * 16 % 1, 1 - y * 16 % 1) < 0.08
    )
    image[joint] = 0.75 * image.mean((0, 1)) + 0.2
    return Material(linear(image))


def stone(rng: Generator, gloss: float | None = None) -> Material:
    """Granite, marble, concrete or laminate for counters and floors."""
    tone = neutral(rng, 0.1, 0.9)
    speckle = rng.standard_normal((SIZE, SIZE, 1)) * rng.choice([0.0, rng.uniform(0.03, 0.35)])
    vein = np.abs(noise(rng, SIZE, 3, 6))[..., None] * rng.uniform(-0.3, 0.3)
    image = tone * (1 + cv2.GaussianBlur(speckle, (3, 3), 0)[..., None] + vein)
    return Material(
        linear(image), rng.choice([0.02, rng.uniform(0.04, 0.2)]) if gloss is None else gloss
    )


def fabric(rng: Generator, color: Array | None = None) -> Material:
    """Woven upholstery, curtains, bedding: plain, striped, checked or patterned."""
    tone = any_color(rng, 0.25) if color is None else color
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    weave = 0.04 * np.sin(x * SIZE * 1.3) * np.sin(y * SIZE * 1.3)
    image = tone * (1 + weave[..., None] + noise(rng, SIZE, 4, 5)[..., None] * 0.05)
    kind = rng.random()
    second = any_color(rng, 0.4)
    n = int(rng.integers(3, 14))
    if kind < 0.15:
        image = np.where(((x * n % 1) < 0.4)[..., None], second * (1 + weave[..., None]), image)
    elif kind < 0.25:
        image = np.where(((np.floor(x * n) + np.floor(y * n)) % 2 == 0)[..., None], image, second)
    elif kind < 0.35:
        image = np.where((noise(rng, SIZE, n, 3) > 0.3)[..., None], second, image)
    return Material(linear(image))


def leather(rng: Generator) -> Material:
    """Smooth upholstery with a sheen."""
    tone = hsv(rng.uniform(0.0, 0.12), rng.uniform(0, 0.7), rng.choice([0.1, 0.2, 0.4, 0.6, 0.9]))
    image = tone * (1 + noise(rng, SIZE, 24, 3)[..., None] * 0.06)
    return Material(linear(image), rng.uniform(0.02, 0.08))


def lacquer(rng: Generator, vivid_share: float = 0.3) -> Material:
    """A plain painted or plastic surface, matt or shiny."""
    return plain(linear(any_color(rng, vivid_share)), rng.choice([0.0, rng.uniform(0.02, 0.12)]))


def metal(rng: Generator) -> Material:
    """Chrome, brushed steel or painted metal."""
    value = rng.uniform(0.25, 0.7)
    return plain(linear(hsv(0.1, rng.uniform(0, 0.1), value)), rng.uniform(0.1, 0.5))
