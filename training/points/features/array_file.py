# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""NumPy's files of one array (``.npy``) and of several by name (``.npz``), never pickled ones."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file
from training.data.labelled_frames import DatasetError


class PointFeaturesError(DatasetError):
    """Point features can't be used; the message is one sentence."""


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays; the same ones give the same bytes.

    Raises:
        OSError: if it can't be written; a file that was there before is then left as it was.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    write_file(path, buffer.getvalue())


def map_array(path: Path) -> npt.NDArray[Any]:
    """The array of a ``.npy`` file, mapped to memory and not writable.

    Raises:
        PointFeaturesError: if it is missing, damaged, pickled or another kind of file.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise PointFeaturesError(f"{path} can't be read: {error.strerror or error}") from error
    # everything that NumPy's parser meets in a damaged file, whatever it raises then
    except Exception as error:
        raise PointFeaturesError(
            f"{path} is no NumPy array (.npy), or damaged; write it anew"
        ) from error


def read_arrays(path: Path, names: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    """Read all arrays of a file.

    Args:
        path: of the file.
        names: those that must be there, with the kinds of numbers that they may be of: letters of
            `numpy.dtype.kind`, such as ``f`` or ``iu``.

    Raises:
        PointFeaturesError: if it is missing, damaged or pickled, or an array is not in it.
    """
    try:
        # Opened here, because NumPy leaves open what it can't read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except OSError as error:
        raise PointFeaturesError(f"{path} can't be read: {error.strerror or error}") from error
    # everything that NumPy and zipfile meet in a damaged file, whatever they raise then
    except Exception as error:
        raise PointFeaturesError(
            f"{path} is no file of NumPy arrays (.npz), or damaged; write it anew"
        ) from error
    for name, kinds in names.items():
        if name not in arrays or arrays[name].dtype.kind not in kinds:
            found = f"of the type {arrays[name].dtype}" if name in arrays else "not there"
            raise PointFeaturesError(f"{path}: the array '{name}' is {found}; write it anew")
    return arrays
