# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing frames in the layout of NYU-Depth V2's labelled part.

One file, ``nyu_depth_v2_labeled.mat``, holds all frames; ``splits.mat`` and ``classMapping40.mat``
lie beside it. Pictures are those of NYU's colour camera, without white border. Labels are of NYU's
894 classes: for each of the 40 the class of that name, else the first that belongs to it.
``depths`` is the rendered depth, ``rawDepths`` the same with a Kinect's holes. Scenes are named
after kind and number, such as kitchen_0004. Left out are namesToIds, which is a MATLAB object,
accelData, and the raw recordings that the file names.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from training.data.nyu.camera import color_camera
from training.data.nyu.classes import CLASS_MAPPING, NYU894_NAMES, NYU894_TO_40
from training.data.nyu.labeled_mat import LABELED_MAT
from training.data.nyu.splits import SPLITS_FILE
from training.rendering.layout import FurnishedRoom
from training.rendering.layouts.layout import RoomLayout, finished_folder
from training.rendering.nyu40 import NYU40_NAMES
from training.rendering.room_frames import RenderedFrame, RoomCameras, rendered_frames
from training.rendering.room_job import RoomJob
from training.rendering.rooms_error import RoomsError
from training.rendering.structured_light import measured

try:
    from training.rendering.layouts.matlab_files import MatV73, write_mat_v5
except ModuleNotFoundError as error:
    raise RoomsError(f"--format nyu needs {error.name}: pip install h5py scipy") from error

PARTS = "parts"
"""Folder of the rooms that are rendered while some are not."""


class NyuLayout(RoomLayout):
    """NYU-Depth V2's labelled frames."""

    default_size: ClassVar[tuple[int, int]] = (640, 480)

    def done(self, job: RoomJob) -> bool:
        """Whether the file is there, or the room's part of it."""
        return (job.out / LABELED_MAT).exists() or _part(job).exists()

    def frames_done(self, job: RoomJob) -> bool:
        """Likewise."""
        return self.done(job)

    def write(
        self, job: RoomJob, furnished: FurnishedRoom, rng: np.random.Generator
    ) -> Iterator[int]:
        """Write the room's frames as files of arrays."""
        if job.depth_size != job.size:
            raise RoomsError(
                "NYU's depth is of the pictures' size; leave out --depth-size or choose another "
                "--format"
            )
        camera = color_camera(*job.size)
        fov = 2 * float(np.arctan(camera.width / 2 / camera.fx))
        cameras = RoomCameras(camera, camera, fov)
        with finished_folder(_part(job)) as folder:
            for k, frame in enumerate(rendered_frames(job, furnished, cameras, rng)):
                np.savez_compressed(folder / f"{k:06d}.npz", **_arrays(frame, cameras))
                yield 1

    def finish(self, out: Path, splits: dict[str, list[int]], jobs: Sequence[RoomJob]) -> None:
        """Put the rooms together once all are there."""
        if not (out / LABELED_MAT).exists():
            rooms = sorted(jobs, key=lambda job: job.index)
            if not all(_part(job).exists() for job in rooms):
                return
            files = [(job, file) for job in rooms for file in sorted(_part(job).iterdir())]
            _write_splits(out, splits, [job.index for job, _ in files])
            mapping = {"mapClass": NYU894_TO_40[None, 1:], "allClassName": _row(NYU894_NAMES)}
            write_mat_v5(out / CLASS_MAPPING, {**mapping, "className": _row(NYU40_NAMES[1:])})
            _assemble(out / LABELED_MAT, files)
        shutil.rmtree(out / PARTS, ignore_errors=True)


def raw_labels() -> NDArray[np.uint16]:
    """The label of the 894 classes that stands for each id of 0 to 40, shape (41,)."""
    labels = np.zeros(41, np.uint16)
    for k, name in enumerate(NYU40_NAMES[1:], start=1):
        candidates = np.flatnonzero(np.isin(NYU894_TO_40, k))
        same = [n for n in candidates if NYU894_NAMES[n - 1].replace(" ", "") == name]
        labels[k] = same[0] if same else candidates[0]
    return labels


def _part(job: RoomJob) -> Path:
    return job.out / PARTS / job.name


def _arrays(frame: RenderedFrame, cameras: RoomCameras) -> dict[str, Any]:
    return {
        "images": frame.color.transpose(2, 1, 0),
        "depths": frame.depth.T,
        "rawDepths": measured(frame.depth, cameras.depth).T,
        "labels": raw_labels()[frame.truth.label].T,
        "instances": _within_class(frame.truth.label, frame.truth.instance).T,
    }


def _within_class(label: NDArray[np.uint8], instance: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Instances numbered from 1 within each class, as NYU has them; 0 where there is no label."""
    both = label.astype(np.uint32) << 16 | instance
    pairs, index = np.unique(both, return_inverse=True)
    classes = pairs >> 16
    number = np.arange(len(pairs)) - np.searchsorted(classes, classes) + 1
    number = np.where(classes == 0, 0, np.minimum(number, 255))
    return number.astype(np.uint8)[index.reshape(label.shape)]


def _write_splits(out: Path, splits: dict[str, list[int]], rooms: list[int]) -> None:
    numbers = {
        name: np.flatnonzero(np.isin(rooms, splits[split])).astype(np.uint16)[:, None] + 1
        for name, split in (("trainNdxs", "train"), ("testNdxs", "val"))
    }
    write_mat_v5(out / SPLITS_FILE, numbers)


def _row(names: Sequence[str]) -> NDArray[np.object_]:
    return np.array(names, object)[None]


def _assemble(path: Path, files: Sequence[tuple[RoomJob, Path]]) -> None:
    with MatV73(path) as mat:
        for number, (_, file) in enumerate(files):
            arrays = _read_part(file)
            for name, array in arrays.items():
                if number == 0:
                    mat.reserve(name, len(files), array)
                mat.put(name, number, array)
        scenes = [f"{job.kind}_{job.index:04d}" for job, _ in files]
        stems = [f"{scene}/{file.stem}" for scene, (_, file) in zip(scenes, files, strict=True)]
        mat.strings("names", NYU894_NAMES)
        mat.strings("scenes", scenes)
        mat.strings("sceneTypes", [job.kind for job, _ in files])
        mat.strings("rawRgbFilenames", [f"{stem}.ppm" for stem in stems])
        mat.strings("rawDepthFilenames", [f"{stem}.pgm" for stem in stems])


def _read_part(file: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise RoomsError(
            f"{file} is damaged ({error}); remove its folder, and the same command renders the "
            "room again"
        ) from error
