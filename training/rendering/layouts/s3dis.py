# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Writing rooms in the layout of 2D-3D-Semantics and Stanford3dDataset_v1.2.

`<root>/area_N/data/{rgb,depth,semantic}/camera_<uuid>_<room>_frame_<j>_domain_<kind>.png` and
`pose/..._pose.json`: colour; uint16 with 512 for a metre along the optical axis, 65535 = none; RGB
as one number that is an index into `assets/semantic_labels.json`, #0D0D0D = none.
`<root>/Area_N/<room>/<room>.txt` holds the room's points, `Annotations/<class>_<k>.txt` those of
one thing: x y z r g b. Train rooms are in areas 1 to 4 and 6, val rooms in Area 5, whose images are
in area_5a and area_5b by turns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from seg3d2d_ros.atomic_file import write_file
from training.data.image_files import write_image
from training.data.s3dis.places import SUFFIXES
from training.data.s3dis.semantic_labels import FILE
from training.rendering.layout import FurnishedRoom
from training.rendering.layouts.layout import RoomLayout, finished_folder
from training.rendering.layouts.s3dis_rooms import (
    LABELS_PER_ROOM,
    UNKNOWN,
    AreaRoom,
    RoomInstances,
    place_in_area,
    pose_fields,
)
from training.rendering.room_frames import RenderedFrame, rendered_frames, room_cameras
from training.rendering.room_job import RoomJob
from training.rendering.scan import ScannedMesh, scan_room

ASSETS = "assets"
ROOM_LABELS = ".rooms"
"""Folder in ``assets`` with the labels of each room, from which the list of all is made."""
DEPTH_SCALE = 512
MISSING_DEPTH = 65535


class S3disLayout(RoomLayout):
    """2D-3D-Semantics' perspective images and S3DIS' clouds."""

    default_size = (320, 320)

    def done(self, job: RoomJob) -> bool:
        """Whether images and cloud are finished."""
        return self.frames_done(job) and (not job.scan or _cloud_folder(job).exists())

    def frames_done(self, job: RoomJob) -> bool:
        """Whether all files of all images are there."""
        room = AreaRoom.of(job)
        return _labels_file(job).exists() and all(
            path.exists()
            for frame in range(job.frames)
            for path in _frame_files(job, room, frame).values()
        )

    def write(
        self, job: RoomJob, furnished: FurnishedRoom, rng: np.random.Generator
    ) -> Iterator[int]:
        """Write what is missing of cloud and images."""
        room = AreaRoom.of(job)
        instances = RoomInstances(room, job.index, furnished.scene)
        cloud = _cloud_folder(job)
        if job.scan and not cloud.exists():
            with finished_folder(cloud) as folder:
                write_cloud(
                    folder,
                    room.name,
                    scan_room(furnished, job.scan_rng()),
                    instances,
                    place_in_area(job.index),
                )
        if self.frames_done(job):
            return
        _write_json(_labels_file(job), instances.names)
        cameras = room_cameras(job, rng)
        for k, frame in enumerate(rendered_frames(job, furnished, cameras, rng)):
            pose = frame.pose.copy()
            pose[:3, 3] += place_in_area(job.index)
            fields = pose_fields(pose, cameras, job, room, k)
            write_frame(_frame_files(job, room, k), frame, instances, fields)
            yield 1

    def finish(self, out: Path, splits: dict[str, list[int]], jobs: Sequence[RoomJob]) -> None:
        """Write the list of labels and the angles of alignment."""
        names = [UNKNOWN]
        for job in sorted(jobs, key=lambda job: job.index):
            if _labels_file(job).exists():
                first = 1 + job.index * LABELS_PER_ROOM
                names += [UNKNOWN] * (first - len(names))
                names += json.loads(_labels_file(job).read_text(encoding="utf-8"))
        _write_json(out / ASSETS / FILE, names)
        _write_angles(out, [AreaRoom.of(job) for job in jobs if _cloud_folder(job).exists()])


def _cloud_folder(job: RoomJob) -> Path:
    room = AreaRoom.of(job)
    return job.out / f"Area_{room.area}" / room.name


def _labels_file(job: RoomJob) -> Path:
    return job.out / ASSETS / ROOM_LABELS / f"{job.name}.json"


def _frame_files(job: RoomJob, room: AreaRoom, frame: int) -> dict[str, Path]:
    data = job.out / room.part(frame) / "data"
    stem = room.stem(job, frame)
    return {kind: data / kind / f"{stem}{suffix}" for kind, suffix in SUFFIXES.items()}


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(content).encode())


def write_frame(
    files: dict[str, Path],
    frame: RenderedFrame,
    instances: RoomInstances,
    fields: dict[str, object],
) -> None:
    """Write one frame's files.

    Args:
        files: by kind, see :data:`training.data.s3dis.places.SUFFIXES`.
        frame: the picture; labels and instances are those of ``instances``' scene.
        instances: of the room.
        fields: of the pose file, which is written last.

    Raises:
        OSError: if a file can't be written.
    """
    truth = frame.truth
    for path in files.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    write_image(files["rgb"], cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR))
    steps = np.clip(np.rint(frame.depth * DEPTH_SCALE), 1, MISSING_DEPTH - 1)
    depth = np.where(frame.depth > 0, steps, MISSING_DEPTH).astype(np.uint16)
    write_image(files["depth"], depth)
    semantic = instances.semantic_image(truth.label, truth.instance)
    write_image(files["semantic"], np.ascontiguousarray(semantic[..., ::-1]))
    _write_json(files["pose"], fields)


def write_cloud(
    folder: Path,
    room: str,
    mesh: ScannedMesh,
    instances: RoomInstances,
    place: NDArray[np.float64],
) -> None:
    """Write a room's points: the scanned mesh's vertices, about 2.5 cm apart.

    Args:
        folder: `Area_N/<room>`.
        room: its name.
        mesh: the scan, in the room's frame.
        instances: of the room.
        place: of the room in its area, metres.

    Raises:
        OSError: if a file can't be written.
    """
    points = np.concatenate([mesh.vertices + place, mesh.colors], 1)
    rows = instances.rows(mesh.labels, mesh.instances)
    _write_points(folder / f"{room}.txt", points)
    (folder / "Annotations").mkdir()
    for row, name in enumerate(instances.names):
        chosen = points[rows == row]
        if len(chosen):
            kind, number = name.split("_")[:2]
            _write_points(folder / "Annotations" / f"{kind}_{number}.txt", chosen)


def _write_points(path: Path, points: NDArray[np.float64]) -> None:
    np.savetxt(path, points, fmt="%.3f %.3f %.3f %d %d %d")


def _write_angles(out: Path, rooms: Sequence[AreaRoom]) -> None:
    """`Area_N_alignmentAngle.txt`: our rooms stand along the axes."""
    for area in sorted({room.area for room in rooms}):
        text = (
            f"## Global alignment angle per disjoint space in Area_{area} ##\n"
            "## Disjoint Space Name Global Alignment Angle ##\n"
        )
        names = sorted(room.name for room in rooms if room.area == area)
        text += "".join(f"{name} 0\n" for name in names)
        write_file(out / f"Area_{area}" / f"Area_{area}_alignmentAngle.txt", text.encode())
