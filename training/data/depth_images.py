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
            no usable scale or no list of numbers that mean none.
    """
    image = decode(read_bytes(path), path)
    if image.ndim != 2 or image.dtype != np.uint16:
        raise DefectError(
            DefectKind.UNREADABLE_IMAGE, path, f"{path} is no one-channel image of 16 bits"
        )
    _check_meaning(path, row)
    depth: npt.NDArray[Any] = image.astype(dtype)
    depth /= dtype(row.depth_scale)
    for number in row.depth_invalid:
        if number:
            depth[image == number] = 0
    return depth


def _check_meaning(path: Path, row: ManifestRow) -> None:
    """What manifests that `prepare` did not write may have wrong."""
    scale, invalid = row.depth_scale, row.depth_invalid
    wrong = None
    if not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
        wrong = f"depth_scale {scale!r}, which is no number above 0"
    elif not isinstance(invalid, list) or not all(isinstance(n, (int, float)) for n in invalid):
        wrong = f"depth_invalid {invalid!r}, which is no list of numbers"
    if wrong is not None:
        raise DefectError(
            DefectKind.UNREADABLE_IMAGE, path, f"the manifest gives {path} the {wrong}"
        )
