# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From a network's output stride to the image's pixels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def upsample(maps: Tensor, stride: int, align_corners: bool, height: int, width: int) -> Tensor:
    """Bilinear interpolation of maps to every pixel of the image.

    Args:
        maps: [N, C, ceil(height / stride), ceil(width / stride)].
        stride: pixels from one feature to the next.
        align_corners: whether feature i lies at pixel ``stride * i``; else at
            ``stride * i + (stride - 1) / 2``, and the sides are multiples of the stride. Pixels
            beyond the last feature are like the last that is not.
        height: of the image, pixels.
        width: likewise.

    Returns:
        [N, C, height, width].
    """
    if not align_corners:
        return F.interpolate(maps, scale_factor=float(stride), mode="bilinear", align_corners=False)
    rows, columns = ((side - 1) * stride + 1 for side in maps.shape[2:])
    pixels = F.interpolate(maps, (rows, columns), mode="bilinear", align_corners=True)
    below, beside = height - rows, width - columns
    if below == 0 and beside == 0:
        return pixels
    return F.pad(pixels, (0, beside, 0, below), mode="replicate")
