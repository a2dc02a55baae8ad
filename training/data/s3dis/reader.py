# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The reader of S3DIS and 2D-3D-Semantics; a scene is a room, such as `Area_1_office_1`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.data.dataset_reader import DatasetReader, PreparedScene
from training.data.defects import Defect, DefectError, DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow
from training.data.protocol import Protocol
from training.data.s3dis.classes import CLASSES, NO_LABEL
from training.data.s3dis.clouds import ANNOTATIONS, read_room
from training.data.s3dis.frames import RoomFrames
from training.data.s3dis.places import (
    ImageFolder,
    cloud_folder,
    cloud_rooms,
    image_folders,
    is_aligned,
)
from training.data.s3dis.semantic_labels import find_semantic_labels, semantic_labels_places
from training.data.scan import Scan, write_ply

CLOUD = "points.ply"
_AreaFiles = tuple[Path | None, list[tuple[ImageFolder, dict[str, list[str]]]]]
"""An area's folder of clouds, and its folders of images with their files by room."""


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

    def __init__(self, root: Path, protocol: Protocol) -> None:
        super().__init__(root.absolute(), protocol)
        self._listed: dict[int, _AreaFiles] = {}

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
        area, room = _area_and_room(scene)
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

    def inputs(self, scene: str) -> Iterator[Path]:
        """The room's clouds, its images in all folders, and the list of instances."""
        area, room = _area_and_room(scene)
        clouds, images = self._area_files(area)
        if clouds is not None:
            yield clouds / room
            yield clouds / room / ANNOTATIONS
        for folder, files in images:
            for name in files.get(room, ()):
                yield folder.data / name
        yield from semantic_labels_places(self.root)

    def premises(self, scene: str) -> Iterator[str]:
        """Whether the area has clouds, and which kinds of images."""
        clouds, images = self._area_files(_area_and_room(scene)[0])
        yield "no clouds" if clouds is None else "clouds"
        for folder, _ in images:
            yield " ".join([str(folder.data.relative_to(self.root)), *sorted(folder.kinds())])

    def _area_files(self, area: int) -> _AreaFiles:
        # Listed once, as an area has tens of thousands of images.
        if area not in self._listed:
            folders = image_folders(self.root, area)
            images = [(folder, folder.files()) for folder in folders]
            self._listed[area] = cloud_folder(self.root, area), images
        return self._listed[area]

    def __getstate__(self) -> dict[str, Any]:
        """Without the lists of files, which would go to workers with every room."""
        return {**self.__dict__, "_listed": {}}

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


def _area_and_room(scene: str) -> tuple[int, str]:
    _, number, room = scene.split("_", 2)
    return int(number), room
