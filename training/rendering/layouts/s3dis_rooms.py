# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rendered rooms as rooms of 2D-3D-Semantics: names, classes, instances, places."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.s3dis.classes import CLASSES
from training.data.s3dis.poses import AREA_5_FROM_5B, FIRST_CENTRE
from training.data.s3dis.semantic_labels import MISSING
from training.rendering.nyu40 import NYU40_NAMES
from training.rendering.room_frames import RoomCameras
from training.rendering.room_job import RoomJob
from training.rendering.rooms_error import RoomsError
from training.rendering.scene import Scene

TRAIN_AREAS = (1, 2, 3, 4, 6)
VAL_AREA = 5
UNKNOWN = "<UNK>_0_<UNK>_0_0"

ROOM_TYPES = {
    "living_room": "lounge",
    "bedroom": "lobby",
    "kitchen": "pantry",
    "dining_room": "conferenceRoom",
    "office": "office",
    "bathroom": "WC",
    "corridor": "hallway",
    "classroom": "auditorium",
}
"""2D-3D-Semantics' types of rooms for ours; it has no bedrooms."""

NYU40_TO_S3DIS = {
    "wall": "wall",
    "floor": "floor",
    "floormat": "floor",
    "ceiling": "ceiling",
    "door": "door",
    "window": "window",
    "table": "table",
    "desk": "table",
    "chair": "chair",
    "sofa": "sofa",
    "bookshelf": "bookcase",
    "shelves": "bookcase",
    "whiteboard": "board",
}
"""S3DIS' classes of NYU-40's by name; every other one is clutter. NYU-40 has no beam or column."""

LABELS_PER_ROOM = 256
_CLASS_OF = np.array(
    [CLASSES.index(NYU40_TO_S3DIS.get(name, "clutter")) for name in NYU40_NAMES], np.uint8
)


@dataclass(frozen=True)
class AreaRoom:
    """The name of a rendered room.

    Attributes:
        area: 1 to 6.
        type: of room.
        number: unlike that of any other room.
    """

    area: int
    type: str
    number: int

    @classmethod
    def of(cls, job: RoomJob) -> AreaRoom:
        """Train rooms are dealt out to areas 1 to 4 and 6, val rooms are in area 5."""
        area = VAL_AREA if job.part.split == "val" else TRAIN_AREAS[job.index % len(TRAIN_AREAS)]
        return cls(area, ROOM_TYPES[job.kind], job.index + 1)

    @property
    def name(self) -> str:
        """Such as `office_3`."""
        return f"{self.type}_{self.number}"

    def part(self, frame: int) -> str:
        """Folder of a frame's images; Area 5's frames are in its halves by turns."""
        half = "ab"[frame % 2] if self.area == VAL_AREA else ""
        return f"area_{self.area}{half}"

    def stem(self, job: RoomJob, frame: int) -> str:
        """Name of a frame's files up to `_domain_`; each camera stands at a place of its own."""
        return f"camera_{camera_uuid(job, frame)}_{self.name}_frame_{frame}"


def camera_uuid(job: RoomJob, frame: int) -> str:
    """32 hexadecimal digits that the seed decides."""
    rng = np.random.default_rng([job.seed, job.index, frame, 0x2D3D5])
    return uuid.UUID(bytes=rng.bytes(16), version=4).hex


class RoomInstances:
    """The labels `class_instance_roomType_roomNumber_area` of one room's things.

    Args:
        room: its name.
        index: its number in the data set, which decides where its labels are in the list.
        scene: with NYU-40 labels and instances.

    Raises:
        RoomsError: if the list has no place left.
    """

    def __init__(self, room: AreaRoom, index: int, scene: Scene) -> None:
        self.first = 1 + index * LABELS_PER_ROOM
        if self.first + LABELS_PER_ROOM > MISSING:
            raise RoomsError(
                f"semantic images of 2D-3D-S tell at most {MISSING // LABELS_PER_ROOM - 1} rooms "
                "apart; render fewer"
            )
        keys = np.unique(_keys(scene.label, scene.instance))
        kinds = keys >> 16
        counts = np.zeros(len(CLASSES), np.int64)
        self._keys, self.names = keys, []
        for kind in kinds:
            counts[kind] += 1
            self.names.append(
                f"{CLASSES[kind]}_{counts[kind]}_{room.type}_{room.number}_{room.area}"
            )
        if len(self.names) > LABELS_PER_ROOM:
            raise RoomsError(
                f"{room.name} has {len(self.names)} things, more than {LABELS_PER_ROOM}; "
                "use another --seed"
            )

    def rows(
        self, label: NDArray[np.unsignedinteger], instance: NDArray[np.unsignedinteger]
    ) -> NDArray[np.int64]:
        """Rows of ``names`` for NYU-40 labels and instances of the scene; -1 for label 0."""
        keys = _keys(label, instance)
        rows = np.searchsorted(self._keys, keys)
        found: NDArray[np.int64] = np.where(label == 0, -1, rows)
        return found

    def semantic_image(
        self, label: NDArray[np.unsignedinteger], instance: NDArray[np.unsignedinteger]
    ) -> NDArray[np.uint8]:
        """uint8 (h, w, 3), RGB: indices into the list of all rooms' labels."""
        rows = self.rows(label, instance)
        index = np.where(rows < 0, MISSING, self.first + rows)
        return np.stack([index >> 16, index >> 8 & 255, index & 255], -1).astype(np.uint8)


def _keys(
    label: NDArray[np.unsignedinteger], instance: NDArray[np.unsignedinteger]
) -> NDArray[np.int64]:
    """S3DIS' class and our instance as one number."""
    return _CLASS_OF[label].astype(np.int64) << 16 | instance.astype(np.int64)


def place_in_area(index: int) -> NDArray[np.float64]:
    """Where a room's corner lies in its area, metres: rooms of an area stand side by side."""
    return np.array([10.0 * (index % 8) - 30.0, 10.0 * (index // 8 % 8) - 20.0, 0.0])


def pose_fields(
    pose: NDArray[np.float64], cameras: RoomCameras, job: RoomJob, room: AreaRoom, frame: int
) -> dict[str, object]:
    """What a pose file holds; conventions are those of :mod:`training.data.s3dis.poses`.

    Args:
        pose: camera to world in the area's frame, 4x4, optical frame.
        cameras: of the room.
        job: the room.
        room: its name.
        frame: number of the frame.
    """
    if room.part(frame).endswith("b"):
        pose = np.linalg.inv(AREA_5_FROM_5B) @ pose
    rotation, place = pose[:3, :3], pose[:3, 3]
    matrix = np.concatenate([rotation.T, (-rotation.T @ place)[:, None]], 1)
    intrinsics = cameras.color.matrix
    intrinsics[:2, 2] += FIRST_CENTRE
    identifier = camera_uuid(job, frame)
    # Blender's cameras look along -z with y up; a level one that looks along +y is turned by 90
    # degrees about x.
    blender = rotation @ np.diag([1.0, -1.0, -1.0])
    level = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return {
        "camera_k_matrix": intrinsics.tolist(),
        "field_of_view_rads": cameras.fov,
        "camera_original_rotation": euler_angles(level),
        "rotation_from_original_to_point": euler_angles(blender @ level.T),
        "final_camera_rotation": euler_angles(blender),
        "camera_location": place.tolist(),
        "camera_rt_matrix": matrix.tolist(),
        "frame_num": frame,
        "point_uuid": identifier,
        "camera_uuid": identifier,
        "room": f"{room.name}_{room.area}",
    }


def euler_angles(rotation: NDArray[np.float64]) -> list[float]:
    """XYZ Euler angles, radians: the rotation is Rz Ry Rx."""
    y = float(np.arcsin(np.clip(-rotation[2, 0], -1, 1)))
    x = float(np.arctan2(rotation[2, 1], rotation[2, 2]))
    z = float(np.arctan2(rotation[1, 0], rotation[0, 0]))
    return [x, y, z]
