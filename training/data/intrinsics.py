# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The pinhole camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera; pixel centres lie at integers, so the image spans -0.5 to width - 0.5.

    Attributes:
        width: of its images, pixels.
        height: likewise.
        fx: focal length in pixels, horizontally; fy vertically.
        cx: column of the principal point, pixels; cy its row.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def from_fov(cls, width: int, height: int, horizontal_fov: float) -> Intrinsics:
        """Square pixels, the axis in the image's middle; the field of view in radians."""
        focal = width / 2 / float(np.tan(horizontal_fov / 2))
        return cls(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)

    @classmethod
    def from_matrix(
        cls, matrix: npt.ArrayLike, width: int, height: int, *, first_centre: float = 0.0
    ) -> Intrinsics:
        """From a camera matrix of 3x3 or 4x4 elements.

        Args:
            matrix: the camera matrix.
            width: of the images.
            height: likewise.
            first_centre: where the matrix has the first pixel's centre: 0, or 0.5 where it counts
                from the image's corner.

        Raises:
            ValueError: if it is no camera matrix: a wrong shape, skew, a focal length that is not
                above 0, or a number that is not finite.
        """
        k = np.asarray(matrix, np.float64)
        if k.shape not in ((3, 3), (4, 4)) or not np.isfinite(k).all():
            raise ValueError(f"a camera matrix has 3x3 or 4x4 finite numbers, not {k.tolist()}")
        expected = np.eye(len(k))
        expected[0, 0], expected[0, 2], expected[1, 1], expected[1, 2] = (
            k[0, 0],
            k[0, 2],
            k[1, 1],
            k[1, 2],
        )
        if k[0, 0] <= 0 or k[1, 1] <= 0 or np.abs(k - expected).max() > 1e-6:
            raise ValueError(f"{k.tolist()} is not the matrix of a camera without skew")
        return cls(
            width,
            height,
            float(k[0, 0]),
            float(k[1, 1]),
            float(k[0, 2]) - first_centre,
            float(k[1, 2]) - first_centre,
        )

    @classmethod
    def from_row(cls, row: Sequence[float]) -> Intrinsics:
        """From width, height, fx, fy, cx, cy, as manifests hold them."""
        width, height, fx, fy, cx, cy = row
        return cls(int(width), int(height), float(fx), float(fy), float(cx), float(cy))

    def row(self) -> list[float]:
        """Width, height, fx, fy, cx, cy."""
        return [self.width, self.height, self.fx, self.fy, self.cx, self.cy]

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """The 3x3 camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    @property
    def pixel_angle(self) -> float:
        """Angle between neighbouring pixels on the axis, radians."""
        return 1.0 / self.fx

    def scaled(self, width: int, height: int) -> Intrinsics:
        """Of the same images resized to another size.

        Resizing keeps the corners at -0.5, so the principal point moves by half a pixel's
        difference: c' = (c + 0.5) * s - 0.5.
        """
        sx, sy = width / self.width, height / self.height
        return Intrinsics(
            width,
            height,
            self.fx * sx,
            self.fy * sy,
            (self.cx + 0.5) * sx - 0.5,
            (self.cy + 0.5) * sy - 0.5,
        )

    def rays(self, jitter: Array | None = None) -> Array:
        """Directions with z = 1 in the optical frame, float32 [h * w, 3].

        `jitter` moves them within their pixel: float32 [h * w, 2] in pixels.
        """
        v, u = np.mgrid[0 : self.height, 0 : self.width].reshape(2, -1).astype(np.float32)
        if jitter is not None:
            u, v = u + jitter[:, 0], v + jitter[:, 1]
        axis = np.array([self.cx, self.cy])  # so that the difference is of double precision
        directions: npt.NDArray[Any] = np.stack(
            [(u - axis[0]) / self.fx, (v - axis[1]) / self.fy, np.ones_like(u)], -1
        )
        return directions.astype(np.float32)
