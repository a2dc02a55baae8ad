# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing of image files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file


def encode_image(suffix: str, image: npt.NDArray[Any], options: Sequence[int] = ()) -> bytes:
    """The content of an image file.

    Args:
        suffix: of its name, such as ``.png``.
        image: (H, W), or (H, W, 3) with colours in the order BGR.
        options: of OpenCV's ``imencode``.

    Raises:
        OSError: if OpenCV can't encode such an image.
    """
    done, content = cv2.imencode(suffix, image, list(options))
    if not done:
        raise OSError(f"OpenCV can't encode an image of shape {image.shape} as {suffix}")
    return content.tobytes()


def write_image(path: Path, image: npt.NDArray[Any], options: Sequence[int] = ()) -> Path:
    """Write an image file, encoded by its suffix; it is there whole or not at all.

    Args:
        path: of the file, in a folder that is there.
        image: as for :func:`encode_image`.
        options: likewise.

    Returns:
        The path.

    Raises:
        OSError: if it can't be written. (OpenCV's imwrite is silent about a disk that is full.)
    """
    write_file(path, encode_image(path.suffix, image, options))
    return path
