# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""MATLAB's files before version 7.3."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from training.data.labelled_frames import DatasetError

_HEADER = 128
_COMPRESSED = 15


def read_mat_v5(path: Path, names: Sequence[str]) -> list[npt.NDArray[Any]]:
    """Arrays of a small, compressed MAT-file of version 5 (MATLAB's -v7) by their names.

    Raises:
        DatasetError: if it is no such file, is damaged or lacks one.
    """
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise DatasetError(f"{path} needs SciPy: pip install scipy") from error
    try:
        content = path.read_bytes()
        _check(content)
        # Everything that the parser can meet, whatever it raises then.
        arrays = loadmat(io.BytesIO(content), variable_names=list(names))
    except Exception as error:
        what = " ".join(str(error).split())
        raise DatasetError(f"{path} is no readable MAT-file ({what}); get it anew") from error
    missing = [name for name in names if name not in arrays]
    if missing:
        raise DatasetError(f"{path} lacks {' and '.join(missing)}; get it anew")
    return [arrays[name] for name in names]


def _check(content: bytes) -> None:
    """Compare every element with its checksum: SciPy ends the process on some damaged ones."""
    if not content.startswith(b"MATLAB 5.0") or content[124:128] != b"\x00\x01IM":
        raise ValueError("it does not begin as one of version 5")
    place = _HEADER
    while place < len(content):
        kind, size = struct.unpack_from("<II", content, place)
        place += 8
        if kind != _COMPRESSED:
            raise ValueError("it is not compressed; save it with -v7")
        if place + size > len(content):
            raise ValueError("it is cut off")
        zlib.decompress(content[place : place + size])
        place += size
