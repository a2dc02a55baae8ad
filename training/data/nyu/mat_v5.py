# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""MATLAB's files before version 7.3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from training.data.labelled_frames import DatasetError


def read_mat_v5(path: Path, names: Sequence[str]) -> list[npt.NDArray[Any]]:
    """Arrays of a small MAT-file by their names.

    Raises:
        DatasetError: if it is no such file, is damaged or lacks one.
    """
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise DatasetError(f"{path} needs SciPy: pip install scipy") from error
    try:
        # Everything that the parser can meet in a damaged file, whatever it raises then.
        content = loadmat(path, variable_names=list(names))
    except Exception as error:
        raise DatasetError(f"{path} is no readable MAT-file ({error}); get it anew") from error
    missing = [name for name in names if name not in content]
    if missing:
        raise DatasetError(f"{path} lacks {' and '.join(missing)}; get it anew")
    return [content[name] for name in names]
