# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The reader of S3DIS and 2D-3D-Semantics; a scene is a room, such as `Area_1_office_1`."""

from __future__ import annotations

from pathlib import Path

from training.data.dataset_reader import DatasetReader, PreparedScene
from training.data.defects import Defect, DefectError, DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow
from training.data.s3dis.classes import CLASSES, NO_LABEL
from training.data.s3dis.clouds import read_room
from training.data.s3dis.frames import RoomFrames
from training.data.s3dis.places import (
    cloud_folder,
    cloud_rooms,
    image_folders,
    is_aligned,
)
from training.data.s3dis.semantic_labels import find_semantic_labels
from training.data.scan import Scan, write_ply

CLOUD = "points.ply"


class S3disReader(DatasetReader):
    """Rooms with points, perspective images, depth, poses and labels.

    Args:
        root: folder that holds, itself or one folder further down, `Area_1` ... with clouds and
            `area_1` ... with images; either may be missing.
        protocol: one of :data:`training.data.s3dis.protocols.PROTOCOLS`.
    """

    label_source = "s3dis13"
    no_label = NO_LABEL
    label_ids = frozenset(range(len(CLASSES)))

    def _areas(self) -> dict[int, str]:
        """Split by area, in order of the areas."""
        splits = {area: "train" for area in self.protocol.setting("train")}
        splits |= {area: "val" for area in self.protocol.setting("val")}
        return dict(sorted(splits.items()))

    def scenes(self) -> dict[str, str]:
        """Split by room, of all areas that are there.

        Raises:
            DatasetError: if there are neither clouds nor images, if the clouds are of the aligned
                version and there are images, or if nothing says what semantic images mean.
        """
        scenes: dict[str, str] = {}
        for area, split in self._areas().items():
            clouds = cloud_folder(self.root, area)
            rooms = set(cloud_rooms(clouds)) if clouds else set()
            images = image_folders(self.root, area)
            if clouds and images and is_aligned(clouds):
                raise DatasetError(
                    f"{clouds} is of S3DIS' aligned version, whose rooms are turned, so that the "
                    f"images in {images[0].data} do not fit them; put Stanford3dDataset_v1.2 in "
                    "its place, or move it elsewhere to use images alone"
                )
            for folder in images:
                rooms |= folder.rooms()
                if "semantic" in folder.kinds():
                    find_semantic_labels(self.root)
            scenes |= {f"Area_{area}_{room}": split for room in sorted(rooms)}
        if not scenes:
            raise DatasetError(
                f"{self.root} holds neither S3DIS' clouds (Area_1/office_1/Annotations ...) nor "
                "2D-3D-Semantics' images (area_1/data/rgb ...)"
            )
        return scenes

    def prepare_scene(self, scene: str, split: str, out: Path) -> PreparedScene:
        """Write the room's points as PLY and its label images as ids, and list its frames."""
        _, number, room = scene.split("_", 2)
        area = int(number)
        prepared = PreparedScene()
        out.mkdir(parents=True, exist_ok=True)
        scan = self._prepare_cloud(scene, split, area, room, out, prepared)
        folders = image_folders(self.root, area)
        parts = [RoomFrames(self.root, folder, scene, room, split, out) for folder in folders]
        for frames in parts:
            frames.prepare(scan)
            prepared.rows += frames.rows
            prepared.defects += frames.defects
        if parts and not any(frames.names for frames in parts):
            lonely = DefectError(
                DefectKind.STRAY_FILE, self.root, f"{scene} has a cloud but no images"
            )
            prepared.defects.append(lonely.defect(scene, dropped=False))
        return prepared

    def _prepare_cloud(
        self, scene: str, split: str, area: int, room: str, out: Path, prepared: PreparedScene
    ) -> Scan | None:
        clouds = cloud_folder(self.root, area)
        if clouds is None:
            return None
        if not (clouds / room).is_dir():
            lonely = DefectError(
                DefectKind.STRAY_FILE,
                clouds / room,
                f"{scene} has images but no cloud {clouds / room}; they are used without points",
            )
            prepared.defects.append(lonely.defect(scene, dropped=False))
            return None
        cloud = read_room(clouds / room, scene)
        prepared.defects += cloud.defects
        if cloud.scan is not None:
            write_ply(out / CLOUD, cloud.scan)
            prepared.scan = ScanRow(scene, split, "ply", str(out / CLOUD))
        return cloud.scan

    def stray_defects(self) -> list[Defect]:
        """Areas without clouds or images, and files of no frame."""
        defects = []
        for area in self._areas():
            folders = image_folders(self.root, area)
            missing = [] if cloud_folder(self.root, area) else [f"clouds (Area_{area})"]
            if not folders:
                missing.append(f"images (area_{area}{'a' if area == 5 else ''}/data)")
            elif area == 5 and len(folders) < 2:
                missing.append(f"images (area_5{'a' if folders[0].area_5b else 'b'}/data)")
            if missing:
                absent = DefectError(
                    DefectKind.MISSING_FILE,
                    self.root,
                    f"{self.root} has no {' and no '.join(missing)}, which the protocol "
                    f"'{self.protocol.name}' has",
                )
                defects.append(absent.defect(dropped=False))
            for folder in folders:
                for path in folder.strangers():
                    stranger = DefectError(
                        DefectKind.STRAY_FILE,
                        path,
                        f"{path} is not named like a frame's file; it is not used",
                    )
                    defects.append(stranger.defect(dropped=False))
        return defects
