# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images in metres."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.frame_checks import decode, read_bytes
from training.data.manifest import ManifestRow


def read_depth(
    path: Path, row: ManifestRow, dtype: type[np.floating[Any]] = np.float32
) -> npt.NDArray[Any]:
    """A depth image in metres: its numbers divided by ``row.depth_scale``, rounded once.

    Args:
        path: of the file that ``row.depth`` names, relative paths resolved.
        row: says what its numbers mean.
        dtype: of the result, and of the division.

    Returns:
        (h, w) of this type, metres along the optical axis, 0 = no measurement.

    Raises:
        DefectError: if it is missing, damaged or no one-channel image of 16 bits, or the row has
            no usable scale.
    """
    image = decode(read_bytes(path), path)
    if image.ndim != 2 or image.dtype != np.uint16:
        raise DefectError(
            DefectKind.UNREADABLE_IMAGE, path, f"{path} is no one-channel image of 16 bits"
        )
    scale = row.depth_scale
    if not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
        raise DefectError(
            DefectKind.UNREADABLE_IMAGE,
            path,
            f"{path} has the depth_scale {scale!r}, which is no number above 0",
        )
    depth: npt.NDArray[Any] = image.astype(dtype)
    depth /= dtype(scale)
    for number in row.depth_invalid:
        if number:
            depth[image == number] = 0
    return depth
