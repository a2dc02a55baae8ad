# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing rooms as PanoRooms3D has them.

`<root>/rooms/sceneXXXX_00.npz` is the room's volume, `<root>/blocks/sceneXXXX_00_<n>.npz` blocks
cut from it, `<root>/panoramas/{images,annotations}/{training,validation}/sceneXXXX_00.{jpg,png}`
the panorama from its middle and its classes, and `<root>/{train,val,test}.txt` name the scenes. The
formats are those of :mod:`training.data.panorooms`. The volume's first axis is the room's y, its
second one x, so that panoramas are no mirror images.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from seg3d2d_ros.atomic_file import write_file
from training.data.equirectangular import EquirectangularCamera
from training.data.image_files import write_image
from training.data.panorooms.blocks import BLOCK_SIZE, block_arrays
from training.data.panorooms.classes import source_id_table
from training.data.panorooms.panoramas import ANNOTATIONS, IMAGES, panorama_pose
from training.data.panorooms.reader import BLOCKS, PANORAMAS, ROOMS
from training.data.panorooms.rooms import AXES, FREE, SDF_SCALE, pack_colors
from training.data.scene_lists import SPLITS
from training.rendering.layout import FurnishedRoom
from training.rendering.layouts.layout import RoomLayout
from training.rendering.panorama import Panorama, render_panorama
from training.rendering.panorooms_classes import class_by_nyu40
from training.rendering.room_job import RoomJob
from training.rendering.tsdf_volume import TsdfVolume, panorama_eye, tsdf_volume

PARTS = {"train": "training", "val": "validation"}
_QUALITY = 95


class PanoRoomsLayout(RoomLayout):
    """Volumes, blocks and one panorama of each room."""

    default_size = (512, 256)
    pictures = 1
    aspect = 2

    def frames_done(self, job: RoomJob) -> bool:
        """Whether the room's panorama is finished."""
        return _panorama(job, ANNOTATIONS, "png").exists()

    def done(self, job: RoomJob) -> bool:
        """Whether panorama, volume and blocks are finished."""
        return self.frames_done(job) and (not job.scan or _room(job).exists())

    def write(self, job: RoomJob, furnished: FurnishedRoom, rng: Generator) -> Iterator[int]:
        """Write what is missing of volume, blocks and panorama."""
        if job.scan and not _room(job).exists():
            _write_volume(job, tsdf_volume(furnished))
        if self.frames_done(job):
            return
        room, scene = furnished.room, furnished.scene
        pose = panorama_pose((1, 1, 1))  # of a volume whose middle is the origin
        pose[:3, 3] = panorama_eye(scene, np.array([room.width, room.depth, room.height]))
        camera = EquirectangularCamera(*job.size)
        _write_panorama(job, render_panorama(scene, camera, pose, rng))
        yield 1

    def finish(self, out: Path, splits: dict[str, list[int]], jobs: Sequence[RoomJob]) -> None:
        """Write the lists of scenes."""
        names = {job.index: job.name for job in jobs}
        for split in SPLITS:
            scenes = "".join(f"{names[k]}\n" for k in splits.get(split, []))
            write_file(out / f"{split}.txt", scenes.encode())


def _room(job: RoomJob) -> Path:
    return job.out / ROOMS / f"{job.name}.npz"


def _panorama(job: RoomJob, kind: str, suffix: str) -> Path:
    part = PARTS[job.part.split]
    return job.out / PANORAMAS / kind / part / f"{job.name}.{suffix}"


def _write_volume(job: RoomJob, volume: TsdfVolume) -> None:
    """Blocks first: a room's file says that nothing is left to do."""
    tsdf = volume.tsdf.transpose(AXES)
    colors = volume.colors.transpose(*AXES, 3)
    classes = class_by_nyu40()[volume.labels].transpose(AXES)
    sdf = tsdf * np.float32(SDF_SCALE)
    count = 0
    for low in product(*(_starts(length) for length in sdf.shape)):
        part = tuple(slice(k, k + BLOCK_SIZE) for k in low)
        if (sdf[part] > FREE).any():
            arrays = block_arrays(sdf[part], colors[part], classes[part])
            _write_arrays(job.out / BLOCKS / f"{job.name}_{count}.npz", arrays)
            count += 1
    arrays = {
        "sdf128": tsdf,
        "color128": pack_colors(colors),
        "semanticlabel": source_id_table()[classes],
    }
    _write_arrays(_room(job), arrays)


def _starts(length: int) -> list[int]:
    """Evenly spread over a side, as many as it takes to cover it."""
    count = -(-length // BLOCK_SIZE)
    last = max(length - BLOCK_SIZE, 0)
    return [round(float(start)) for start in np.linspace(0, last, count)]


def _write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    content = io.BytesIO()
    contiguous: dict[str, Any] = {k: np.ascontiguousarray(array) for k, array in arrays.items()}
    np.savez_compressed(content, **contiguous)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content.getvalue())


def _write_panorama(job: RoomJob, panorama: Panorama) -> None:
    """The classes last: they say that nothing is left to do."""
    color = cv2.cvtColor(panorama.color, cv2.COLOR_RGB2BGR)
    quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    classes = class_by_nyu40()[panorama.truth.label]
    for kind, suffix, image, options in (
        (IMAGES, "jpg", color, quality),
        (ANNOTATIONS, "png", classes, []),
    ):
        path = _panorama(job, kind, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, image, options)
