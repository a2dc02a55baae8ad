# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reading PanoRooms3D.

Below the root lie the unpacked downloads and the lists of the published code:

- ``rooms/<scene>.npz``, see :mod:`training.data.panorooms.rooms`.
- ``panoramas/{images,annotations}/<part>/``, see :mod:`training.data.panorooms.panoramas`.
- ``blocks/*.npz``, see :mod:`training.data.panorooms.blocks`; may be left out.
- ``train.txt``, ``val.txt``, ``test.txt``, or the same in ``splits/``: one scene a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2

from seg3d2d_ros.atomic_file import write_file
from training.data.dataset_reader import DatasetReader, PreparedScene
from training.data.defects import Defect, DefectError, DefectKind
from training.data.frame_checks import decode, read_bytes
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow, ScanRow
from training.data.panorooms.blocks import block_scene, read_block, write_block_list
from training.data.panorooms.classes import CLASS_NAMES
from training.data.panorooms.panoramas import (
    ANNOTATIONS,
    IMAGES,
    PanoramaFiles,
    find_panorama,
)
from training.data.panorooms.rooms import read_room

SPLITS = ("train", "val", "test")
ROOMS, PANORAMAS, BLOCKS = "rooms", "panoramas", "blocks"
FORMAT = "panorooms"
"""Of a room's line in ``scans.jsonl``; its path is the room's file."""


class PanoRoomsReader(DatasetReader):
    """Panoramas as frames, rooms as scans.

    Panoramas have neither pose nor intrinsics in the manifest, as they are not of a pinhole camera;
    :func:`training.data.panorooms.panoramas.panorama_pose` says where they are taken. A scene's
    usable blocks are listed in ``unpacked/<scene>/blocks.json``, see
    :func:`training.data.panorooms.blocks.read_block_list`.
    """

    label_source = "panorooms30"
    no_label = 0
    label_ids = frozenset(range(1, len(CLASS_NAMES)))

    def scenes(self) -> dict[str, str]:
        """Split by scene, in the lists' order.

        Raises:
            DatasetError: if the folder holds neither rooms nor panoramas, has no lists, or a scene
                is in two of them.
        """
        if not (self.root / ROOMS).is_dir() and not (self.root / PANORAMAS).is_dir():
            raise DatasetError(
                f"{self.root} holds neither '{ROOMS}' nor '{PANORAMAS}'; put the unpacked "
                "downloads there under these names"
            )
        splits: dict[str, str] = {}
        for split in SPLITS:
            for scene in self._list(split):
                if splits.setdefault(scene, split) != split:
                    raise DatasetError(
                        f"the lists in {self.root} have {scene} both in {splits[scene]} and {split}"
                    )
        if not splits:
            raise DatasetError(
                f"{self.root} has no list of scenes; put train.txt, val.txt and test.txt of the "
                "published code there"
            )
        return splits

    def _list(self, split: str) -> list[str]:
        for path in (self.root / "splits" / f"{split}.txt", self.root / f"{split}.txt"):
            if path.is_file():
                try:
                    return path.read_text(encoding="utf-8").split()
                except (OSError, UnicodeDecodeError) as error:
                    raise DatasetError(f"{path} cannot be read: {error}") from error
        return []

    def prepare_scene(self, scene: str, split: str, out: Path) -> PreparedScene:
        """List the panorama, the room and its blocks; read all but the panorama's picture."""
        prepared = PreparedScene()
        panorama = find_panorama(self.root / PANORAMAS, scene)
        room = self.root / ROOMS / f"{scene}.npz"
        if panorama is None and not room.is_file():
            missing = DefectError(
                DefectKind.MISSING_FILE, room, f"{scene} is listed, but has no room and no panorama"
            )
            prepared.defects.append(missing.defect(scene))
            return prepared
        try:
            read_room(room)
            prepared.scan = ScanRow(scene, split, FORMAT, str(room))
        except DefectError as error:
            prepared.defects.append(error.defect(scene))
        if panorama is None:
            lost = DefectError(
                DefectKind.MISSING_FILE,
                self.root / PANORAMAS,
                f"{scene} has no panorama in {self.root / PANORAMAS}; its room is used without",
            )
            prepared.defects.append(lost.defect(scene, dropped=False))
        else:
            try:
                prepared.rows.append(_row(panorama, scene, split, out))
            except DefectError as error:
                prepared.defects.append(error.defect(scene))
        self._list_blocks(scene, out, prepared)
        return prepared

    def inputs(self, scene: str) -> Iterator[Path]:
        """The room, the panorama and the blocks."""
        yield self.root / ROOMS / f"{scene}.npz"
        panorama = find_panorama(self.root / PANORAMAS, scene)
        if panorama is not None:
            yield from (panorama.image, panorama.label)
        for name in self._blocks.get(scene, ()):
            yield self.root / BLOCKS / name

    @cached_property
    def _blocks(self) -> dict[str, list[str]]:
        """Names of all blocks' files by scene."""
        scenes = self.scenes()
        blocks: dict[str, list[str]] = {}
        for path in (self.root / BLOCKS).glob("*.npz"):
            scene = block_scene(path.stem, scenes)
            if scene is not None:
                blocks.setdefault(scene, []).append(path.name)
        return blocks

    def __getstate__(self) -> dict[str, Any]:
        """Without the list of blocks, which would go to workers with every scene."""
        return {name: value for name, value in self.__dict__.items() if name != "_blocks"}

    def _list_blocks(self, scene: str, out: Path, prepared: PreparedScene) -> None:
        candidates = sorted((self.root / BLOCKS).glob(f"{scene}*.npz"))
        if not candidates:
            return
        scenes = self.scenes()
        usable = []
        for block in candidates:
            if block_scene(block.stem, scenes) != scene:
                continue
            try:
                read_block(block)
                usable.append(block)
            except DefectError as error:
                prepared.defects.append(error.defect(scene))
        write_block_list(out, usable)

    def stray_defects(self) -> list[Defect]:
        """Rooms, panoramas and blocks of scenes that no list has."""
        scenes = self.scenes()
        defects = []
        files = sorted((self.root / ROOMS).glob("*.npz"))
        for kind, suffix in ((ANNOTATIONS, "png"), (IMAGES, "jpg")):
            files += sorted((self.root / PANORAMAS / kind).glob(f"*/*.{suffix}"))
        for path in files:
            if path.stem not in scenes:
                stray = DefectError(
                    DefectKind.STRAY_FILE, path, f"{path} is of no scene that the lists name"
                )
                defects.append(stray.defect())
        folder = self.root / BLOCKS
        blocks = [b for b in sorted(folder.glob("*.npz")) if block_scene(b.stem, scenes) is None]
        if blocks:
            stray = DefectError(
                DefectKind.STRAY_FILE,
                folder,
                f"{folder} has {len(blocks)} blocks, {blocks[0].name} the first, whose names begin "
                "with no scene that the lists name",
            )
            defects.append(stray.defect())
        return defects


def _row(files: PanoramaFiles, scene: str, split: str, out: Path) -> ManifestRow:
    """The panorama's line; classes in three channels are unpacked to one.

    Raises:
        DefectError: if its labels can't be read or its shape is not that of all directions.
    """
    label = decode(read_bytes(files.label), files.label)
    height, width = label.shape[:2]
    if width != 2 * height:
        raise DefectError(
            DefectKind.SIZE_MISMATCH,
            files.label,
            f"{files.label} is {width}x{height} pixels; equirectangular images are twice as wide "
            "as high",
        )
    row = ManifestRow(str(files.image), str(files.label), scene, split, None)
    if label.ndim == 2:
        return row
    # The published code reads every image as colours and takes the first channel.
    out.mkdir(parents=True, exist_ok=True)
    unpacked = out / files.label.name
    write_file(unpacked, cv2.imencode(".png", label[..., 0])[1].tobytes())
    return replace(row, label=str(unpacked))
