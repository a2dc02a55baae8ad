# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where in the image a network's features lie."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureGrid:
    """Feature i lies at pixel ``first_centre + stride * i``, in columns and rows alike.

    What decides is how the network brings its features back to the image's size, as that is what it
    was trained with: bilinear upsampling by an integer factor with ``align_corners=False`` is
    :meth:`from_edges`, with ``align_corners=True`` :meth:`aligned_corners`.

    Attributes:
        stride: pixels from one feature to the next, at least 1.
        first_centre: pixel at which the first feature's centre lies, pixel centres at integers.
    """

    stride: int
    first_centre: float

    @classmethod
    def from_edges(cls, stride: int) -> FeatureGrid:
        """Each feature in the middle of its `stride` x `stride` pixels, from the image's edge on.

        Where the image ends within a cell, the cell's centre may lie outside of it.
        """
        return cls(stride, (stride - 1) / 2)

    @classmethod
    def aligned_corners(cls, stride: int) -> FeatureGrid:
        """The first and the last feature in the middle of the image's first and last pixel.

        That is only where a side has a multiple of `stride` and one more pixels: 473 = 8 * 59 + 1.
        """
        return cls(stride, 0.0)

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the features of an image, each side by the stride rounded up.

        Raises:
            ValueError: if corners are aligned and a side of the image is no multiple of the stride
                and one more: features then lie less than `stride` or more than it apart.
        """
        if self.first_centre == 0 and ((height - 1) % self.stride or (width - 1) % self.stride):
            raise ValueError(
                f"with aligned corners and a stride of {self.stride}, an image's sides are a "
                f"multiple of {self.stride} and 1 more pixels, not {width}x{height}"
            )
        return -(-height // self.stride), -(-width // self.stride)


PIXELS = FeatureGrid(1, 0.0)
"""One cell for each pixel."""
