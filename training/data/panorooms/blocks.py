# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Blocks of 128x128x128 voxels cut from rooms, on which networks are trained from scratch.

A block's file has arrays of its N voxels near surfaces, all others are free:

- ``targetsdf128loc`` integer (N, 3): their indices, 0 to 127.
- ``targetsdf128`` float (N,): signed distance, already times -3, so above -3 up to 3.
- ``targetsdf128color`` float (N, 3): RGB, 0 to 1.
- ``semanticlabel`` (N,): class 0 to 29, already mapped; integers, or whole floats, which the
  published code casts.

Blocks are called ``<scene>_<anything>.npz`` and lie in one folder, or in folders in it: the
published code reads ``train/*.npz`` and ``val/*.npz``.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file
from training.data.labelled_frames import DatasetError
from training.data.manifest_paths import manifest_path
from training.data.panorooms.arrays import damaged, read_arrays, unknown_labels
from training.data.panorooms.classes import CLASS_NAMES
from training.data.panorooms.rooms import FREE, RoomVolume

BLOCK_SIZE = 128
BLOCK_ARRAYS = ("targetsdf128loc", "targetsdf128", "targetsdf128color", "semanticlabel")
BLOCKS_JSON = "blocks.json"
"""List of a prepared scene's usable blocks: their paths, relative to the list's folder."""


def read_block(path: Path) -> RoomVolume:
    """Read a block: arrays of (128, 128, 128) voxels.

    Raises:
        DefectError: if it is missing or damaged: an array missing, of another shape or out of
            range, a class above 29, or no surface at all.
    """
    arrays = read_arrays(path, BLOCK_ARRAYS)
    where, values, colors, classes = (arrays[name] for name in BLOCK_ARRAYS)
    count = len(values) if values.ndim == 1 else -1
    shapes = ((count, 3), (count,), (count, 3), (count,))
    for name, shape in zip(BLOCK_ARRAYS, shapes, strict=True):
        if arrays[name].shape != shape:
            found = {name: array.shape for name, array in arrays.items()}
            raise damaged(path, f"has arrays of the shapes {found}, not (N, 3), (N,), (N, 3), (N,)")
    if not count:
        raise damaged(path, "has no surface, every voxel is free")
    if where.dtype.kind == "f":
        raise damaged(path, f"has {BLOCK_ARRAYS[0]} of {where.dtype}, not of integers")
    if classes.dtype.kind == "f" and (classes != np.floor(classes)).any():
        raise damaged(path, f"has {BLOCK_ARRAYS[3]} with numbers that are not whole")
    if where.min() < 0 or where.max() >= BLOCK_SIZE:
        raise damaged(path, f"has {BLOCK_ARRAYS[0]} outside of 0 to {BLOCK_SIZE - 1}")
    if np.abs(values).max() > -FREE:
        raise damaged(path, f"has {BLOCK_ARRAYS[1]} outside of {FREE:g} to {-FREE:g}")
    if colors.min() < 0 or colors.max() > 1:
        raise damaged(path, f"has {BLOCK_ARRAYS[2]} outside of 0 to 1")
    unknown = unknown_labels(path, classes, len(CLASS_NAMES))
    if unknown is not None:
        raise unknown
    shape = (BLOCK_SIZE,) * 3
    index = tuple(where.astype(np.int64).T)
    block = RoomVolume(
        np.full(shape, FREE, np.float32),
        np.full((*shape, 3), -1, np.float32),
        np.zeros(shape, np.uint8),
    )
    block.sdf[index] = values
    block.colors[index] = colors.astype(np.float32) * 2 - 1
    block.labels[index] = classes
    return block


def block_arrays(
    sdf: npt.NDArray[np.float32], colors: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a block's file.

    Args:
        sdf: (X, Y, Z), at most 128 each, times -3 as in :class:`RoomVolume`.
        colors: uint8 (X, Y, Z, 3).
        labels: uint8 (X, Y, Z), classes.
    """
    near = sdf > FREE
    return {
        "targetsdf128loc": np.argwhere(near).astype(np.int32),
        "targetsdf128": sdf[near].astype(np.float32),
        "targetsdf128color": colors[near].astype(np.float32) / 255,
        "semanticlabel": labels[near].astype(np.uint8),
    }


def block_files(folder: Path, beginning: str = "") -> list[Path]:
    """Files of blocks in a folder and in the folders in it, in order of their paths.

    Args:
        folder: of the blocks.
        beginning: of their names.
    """
    pattern = f"{glob.escape(beginning)}*.npz"
    return sorted([*folder.glob(pattern), *folder.glob(f"*/{pattern}")])


def block_scene(stem: str, scenes: Container[str]) -> str | None:
    """The scene that a block is of: the longest name that its own begins with; None for none."""
    name = stem
    while name:
        if name in scenes:
            return name
        name = name.rpartition("_")[0]
    return None


def write_block_list(folder: Path, blocks: Iterable[Path]) -> None:
    """Write ``blocks.json`` of a prepared scene, whose folder is made.

    Raises:
        OSError: if it can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [manifest_path(block, folder) for block in blocks]
    write_file(folder / BLOCKS_JSON, json.dumps(names).encode())


def read_block_list(folder: Path) -> list[Path]:
    """The usable blocks of a prepared scene, none where it has no list.

    Args:
        folder: ``unpacked/<scene>`` of the prepared data set.

    Raises:
        DatasetError: if the list is malformed.
    """
    path = folder / BLOCKS_JSON
    try:
        return [folder / name for name in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(
            f"{path} is malformed; make it anew with 'python -m training prepare'"
        ) from error
