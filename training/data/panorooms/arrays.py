# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Named arrays of an .npz file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind

Arrays = dict[str, npt.NDArray[Any]]


def read_arrays(path: Path, names: tuple[str, ...]) -> Arrays:
    """Read arrays of numbers; nothing that is pickled is loaded.

    Raises:
        DefectError: if the file is missing or damaged, lacks one of the arrays, or has one that
            holds something else than finite numbers.
    """
    try:
        # np.load takes a lone array or a pickle too, and says something else of each.
        if not zipfile.is_zipfile(path):
            path.read_bytes()
            raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} is no .npz file")
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise DefectError(
                    DefectKind.DAMAGED_FILE,
                    path,
                    f"{path} lacks the array {', '.join(missing)}; it has "
                    f"{', '.join(archive.files) or 'none'}",
                )
            arrays = {name: np.asarray(archive[name]) for name in names}
    except FileNotFoundError as error:
        raise DefectError(DefectKind.MISSING_FILE, path, f"{path} is not there") from error
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} is no readable .npz file ({error})"
        ) from error
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            problem = f"of {array.dtype}, not of numbers"
        elif not np.isfinite(array).all():
            problem = "with numbers that are not finite"
        else:
            continue
        raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} has an array {name} {problem}")
    return arrays


def damaged(path: Path, text: str) -> DefectError:
    """The defect of a file whose content can't be what it should be."""
    return DefectError(DefectKind.DAMAGED_FILE, path, f"{path} {text}")


def unknown_labels(path: Path, labels: npt.NDArray[Any], count: int) -> DefectError | None:
    """The defect of labels that are not from 0 to ``count`` - 1; None where all are."""
    if labels.size == 0 or (labels.min() >= 0 and labels.max() < count):
        return None
    unknown = np.unique(labels[(labels < 0) | (labels >= count)])
    return DefectError(
        DefectKind.UNKNOWN_LABEL,
        path,
        f"{path} holds the unknown ids {', '.join(map(str, unknown[:5].tolist()))} (0 to "
        f"{count - 1} are known)",
    )
