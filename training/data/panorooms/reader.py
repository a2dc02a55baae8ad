# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reading PanoRooms3D.

Below the root lie the unpacked downloads and the lists of the published code:

- ``rooms/<scene>.npz``, see :mod:`training.data.panorooms.rooms`.
- ``panoramas/{images,annotations}/<part>/``, see :mod:`training.data.panorooms.panoramas`.
- ``blocks/*.npz`` or ``blocks/{train,val}/*.npz``, see :mod:`training.data.panorooms.blocks`; may
  be left out.
- ``train.txt``, ``val.txt``, ``test.txt``, or the same in ``splits/``: one scene a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from training.data.dataset_reader import DatasetReader, PreparedScene
from training.data.defects import Defect, DefectError, DefectKind
from training.data.frame_checks import decode, read_bytes
from training.data.image_files import write_image
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow, ScanRow
from training.data.panorooms.blocks import block_files, block_scene, read_block, write_block_list
from training.data.panorooms.classes import CLASS_NAMES
from training.data.panorooms.panoramas import (
    ANNOTATIONS,
    IMAGES,
    PanoramaFiles,
    find_panorama,
)
from training.data.panorooms.rooms import read_room
from training.data.scene_lists import SPLITS, SPLITS_FOLDER, read_scene_list

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
        for path in (self.root / SPLITS_FOLDER / f"{split}.txt", self.root / f"{split}.txt"):
            if path.is_file():
                return read_scene_list(path)
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
        if (self.root / BLOCKS).is_dir():
            self._list_blocks(scene, split, out, prepared)
        return prepared

    def inputs(self, scene: str) -> Iterator[Path]:
        """The room, the panorama and the blocks."""
        yield self.root / ROOMS / f"{scene}.npz"
        panorama = find_panorama(self.root / PANORAMAS, scene)
        if panorama is not None:
            yield from (panorama.image, panorama.label)
        yield from self._blocks.get(scene, ())

    def premises(self, scene: str) -> list[str]:
        """Whether there are blocks at all; where not, their absence is no defect."""
        return [f"blocks {(self.root / BLOCKS).is_dir()}"]

    @cached_property
    def _blocks(self) -> dict[str, list[Path]]:
        """All blocks' files by scene."""
        scenes = self.scenes()
        blocks: dict[str, list[Path]] = {}
        for path in block_files(self.root / BLOCKS):
            scene = block_scene(path.stem, scenes)
            if scene is not None:
                blocks.setdefault(scene, []).append(path)
        return blocks

    def __getstate__(self) -> dict[str, Any]:
        """Without the list of blocks, which would go to workers with every scene."""
        return {name: value for name, value in self.__dict__.items() if name != "_blocks"}

    def _list_blocks(self, scene: str, split: str, out: Path, prepared: PreparedScene) -> None:
        scenes = self.scenes()
        candidates = block_files(self.root / BLOCKS, scene)
        blocks = [path for path in candidates if block_scene(path.stem, scenes) == scene]
        if not blocks and split != "test":  # the published code tests on whole rooms
            missing = DefectError(
                DefectKind.MISSING_FILE,
                self.root / BLOCKS,
                f"{scene} has no blocks in {self.root / BLOCKS}; it is used without",
            )
            prepared.defects.append(missing.defect(scene, dropped=False))
        usable = []
        for block in blocks:
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
        blocks = [b for b in block_files(folder) if block_scene(b.stem, scenes) is None]
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
    return replace(row, label=str(write_image(unpacked, label[..., 0])))
