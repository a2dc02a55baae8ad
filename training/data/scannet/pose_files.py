# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""ScanNet's files of 4x4 numbers: poses and camera matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind, unread


def read_4x4(path: Path) -> npt.NDArray[np.float64]:
    """The 4x4 numbers of a text file, infinite ones among them.

    Raises:
        DefectError: if it is missing or holds something else.
    """
    try:
        return np.array(path.read_text(encoding="ascii").split(), np.float64).reshape(4, 4)
    except OSError as error:
        raise unread(path, error) from error
    except ValueError as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} should hold 4x4 numbers"
        ) from error
