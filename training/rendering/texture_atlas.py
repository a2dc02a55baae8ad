# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""All textures of a scene in one flat array, with mip levels, for vectorised lookups."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.rendering.mesh import Array, Material

LEVELS = 8


class TextureAtlas:
    """Mip-mapped textures of several materials.

    Args:
        materials: the materials.
        material: int [t], the material of each triangle.
        vertices: float32 [t, 3, 3]; uv: float32 [t, 3, 2]. They set each triangle's texels per
            metre, from which a lookup chooses its mip level.
    """

    def __init__(
        self,
        materials: Sequence[Material],
        material: NDArray[np.int32],
        vertices: Array,
        uv: Array,
    ) -> None:
        texels: list[Array] = []
        start = np.zeros((len(materials), LEVELS), np.int64)
        size = np.ones((len(materials), LEVELS, 2), np.int64)
        total = 0
        shared: dict[int, int] = {}
        for k, entry in enumerate(materials):
            if id(entry.texture) in shared:
                start[k], size[k] = (
                    start[shared[id(entry.texture)]],
                    size[shared[id(entry.texture)]],
                )
                continue
            shared[id(entry.texture)] = k
            image = entry.texture
            for level in range(LEVELS):
                height, width = image.shape[:2]
                start[k, level], size[k, level] = total, (height, width)
                texels.append(image.reshape(-1, 3))
                total += height * width
                if height == width == 1:
                    start[k, level:], size[k, level:] = start[k, level], (1, 1)
                    break
                image = cv2.resize(
                    image, (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA
                ).reshape(max(height // 2, 1), max(width // 2, 1), 3)
        self._texels = np.concatenate(texels).astype(np.float32)
        self._start, self._size = start, size
        a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
        pixels = size[material, 0].prod(-1)
        area_uv = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) * pixels
        area = np.linalg.norm(
            np.cross(vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0]), axis=-1
        )
        self._density = np.sqrt(area_uv / np.maximum(area, 1e-10)).astype(np.float32)

    def lookup(
        self,
        material: NDArray[np.int32],
        triangle: NDArray[np.int64],
        uv: Array,
        footprint: Array,
    ) -> Array:
        """Bilinear reflectance [n, 3] at `uv`, averaged over `footprint` metres of surface."""
        spread = np.maximum(self._density[triangle] * footprint, 1.0)
        level = np.minimum(np.log2(spread).astype(np.int64), LEVELS - 1)
        start = self._start[material, level]
        height, width = self._size[material, level].T
        x = uv[:, 0] * width - 0.5
        y = (1.0 - uv[:, 1]) * height - 0.5
        x0, y0 = np.floor(x), np.floor(y)
        fx, fy = (x - x0)[:, None].astype(np.float32), (y - y0)[:, None].astype(np.float32)
        x0, y0 = x0.astype(np.int64) % width, y0.astype(np.int64) % height
        x1, y1 = (x0 + 1) % width, (y0 + 1) % height
        t = self._texels
        top = t[start + y0 * width + x0] * (1 - fx) + t[start + y0 * width + x1] * fx
        bottom = t[start + y1 * width + x0] * (1 - fx) + t[start + y1 * width + x1] * fx
        return top * (1 - fy) + bottom * fy
