# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writer of a folder of point features; docs/point_features.md describes the files."""

from __future__ import annotations

import fcntl
import glob
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from seg3d2d_ros.atomic_file import replacing, write_file
from seg3d2d_ros.labels import LabelSpace
from training.points.features.array_file import PointFeaturesError, write_arrays
from training.points.features.features_description import (
    CLASSIFIER,
    DESCRIPTION,
    LABEL_SPACE,
    SCENES,
    STATISTICS,
    FeaturesDescription,
)
from training.points.features.features_record import FeaturesRecord
from training.points.features.moments import Moments
from training.projection.scene_file import scene_path

LARGEST_HALF = 65504.0
LOCK = ".lock"
_ROWS = 65536


def start_folder(
    folder: Path,
    description: FeaturesDescription,
    label_space: LabelSpace,
    weight: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
) -> None:
    """Write what does not depend on scenes; a folder of the same teacher is gone on with.

    Args:
        folder: made if absent.
        description: of the features.
        label_space: the classifier's classes.
        weight: of the classifier, [classes, width].
        bias: of the classifier, [classes].

    Raises:
        PointFeaturesError: if the folder holds features of another teacher or scale, or something
            else.
        OSError: if something can't be written.
    """
    if (folder / DESCRIPTION).exists():
        there = FeaturesDescription.read(folder)
        if there.teacher_sha256 != description.teacher_sha256:
            raise PointFeaturesError(
                f"{folder} holds features of another teacher ({there.teacher}); name another folder"
                ", or remove that one"
            )
        if there.scale != description.scale:
            raise PointFeaturesError(
                f"{folder} holds features of the scale {there.scale:g}, not {description.scale:g}; "
                "give the same --scale, name another folder, or remove that one"
            )
    elif folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise PointFeaturesError(
            f"{folder} holds something else than point features; name a folder of their own"
        )
    folder.mkdir(parents=True, exist_ok=True)
    description.write(folder)  # first, so that what is unfinished is known for what it is
    space = yaml.safe_dump(label_space.to_mapping(), sort_keys=False, allow_unicode=True)
    write_file(folder / LABEL_SPACE, space.encode())
    write_arrays(
        folder / CLASSIFIER,
        {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)},
    )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder until the block ends, or this process does.

    Raises:
        PointFeaturesError: if another run writes to it.
        OSError: if the file system has no locks.
    """
    with (folder / LOCK).open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PointFeaturesError(
                f"another run is writing to {folder}; wait for its end, or name another folder"
            ) from error
        yield


def to_half(
    features: npt.NDArray[np.float32], where: str, scale: float = 1.0
) -> npt.NDArray[np.float16]:
    """Features as they are stored.

    Args:
        features: [n, width].
        where: scene, for the message.
        scale: that they were multiplied by, for the message.

    Raises:
        PointFeaturesError: if one is no finite number, or beyond what float16 holds.
    """
    stored = np.empty(features.shape, np.float16)
    for start in range(0, len(features), _ROWS):
        block = features[start : start + _ROWS]
        # written so that NaN is refused too
        fits = np.abs(block) <= LARGEST_HALF
        if not fits.all():
            point, channel = np.argwhere(~fits)[0]
            value = block[point, channel]
            reason = (
                f"beyond the {LARGEST_HALF:.0f} that float16 holds; scale the teacher's features "
                "down and its classifier's weight up: 'points features --scale "
                f"{scale * _scale_for(float(abs(value)))}' into another folder does"
                if np.isfinite(value)
                else "no finite number; check the teacher's weights"
            )
            raise PointFeaturesError(
                f"{where}: the feature of point {start + point} in channel {channel} is "
                f"{value:.6g}, {reason}"
            )
        stored[start : start + _ROWS] = block
    return stored


def _scale_for(largest: float) -> float:
    """A power of two that brings a feature below a quarter of what float16 holds."""
    return float(2.0 ** math.floor(math.log2(LARGEST_HALF / 4 / largest)))


def write_scene(
    folder: Path,
    scene: str,
    features: npt.NDArray[np.float16],
    points_sha256: str,
    *,
    inputs_sha256: str = "",
    confusion: npt.NDArray[np.int64] | None = None,
) -> FeaturesRecord:
    """Write a scene's features, and last its record: with that they are finished.

    Args:
        folder: of the features.
        scene: name.
        features: [n, width], a row for each point of the scan.
        points_sha256: of the scan, see :func:`training.projection.scene_file.points_sha256`.
        inputs_sha256: of all that the features depend on.
        confusion: see :class:`~training.points.features.features_record.FeaturesRecord`.

    Raises:
        DatasetError: if the scene's name leads out of the folder.
        OSError: if something can't be written.
    """
    array, record = (scene_path(folder / SCENES, scene, ending) for ending in (".npy", ".npz"))
    array.parent.mkdir(parents=True, exist_ok=True)
    for path in (array, record):
        for left in path.parent.glob(
            f".{glob.escape(path.name)}.*"
        ):  # by a process that was killed
            left.unlink(missing_ok=True)
    record.unlink(missing_ok=True)
    features = np.ascontiguousarray(features)
    header = np.lib.format.header_data_from_array_1_0(features)
    with replacing(array) as file:
        np.lib.format.write_array_header_1_0(file, header)
        # np.save does not say why a write failed
        for start in range(0, len(features), _ROWS):
            file.write(features[start : start + _ROWS].data)
    written = FeaturesRecord(Moments.of(features), points_sha256, inputs_sha256, confusion)
    written.write(record)
    return written


def write_statistics(folder: Path, moments: Moments) -> None:
    """Write the statistics of the training scenes.

    Raises:
        OSError: if they can't be written.
    """
    arrays: dict[str, npt.NDArray[Any]] = {
        "mean": moments.mean,
        "variance": moments.variance,
        "count": np.array(moments.count, np.int64),
    }
    write_arrays(folder / STATISTICS, arrays)
