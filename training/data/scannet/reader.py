# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reader of ScanNet v2: frames, recordings and meshes."""

from __future__ import annotations

import re
from pathlib import Path

from training.data.dataset_reader import DatasetReader, PreparedScene
from training.data.defects import Defect, DefectError, DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow
from training.data.protocol import Protocol
from training.data.scannet.frames_25k import (
    FRAME_FOLDERS,
    INTRINSICS,
    SceneFrames,
    list_frames,
)
from training.data.scannet.label_table import (
    find_label_table,
    label_table_places,
    read_label_table,
    scene_label_table_places,
)
from training.data.scannet.scans import HIGHEST_ID, annotation_paths, mesh_path, read_scan
from training.data.scannet.scene_lists import listed_scenes, official_scenes
from training.data.scannet.sens_frames import labels_path, unpack_frames

FRAMES_PLACES = (
    "scannet_frames_25k",
    "scannet_frames_test",
    "tasks/scannet_frames_25k",
    "tasks/scannet_frames_test",
)
"""Folders of scenes with frames as files of their own; the test split is a download of its own."""
SCANS_PLACES = ("scans", "scans_test")
"""Folders of scenes with meshes and recordings."""
_SCENE = re.compile(r"scene\d{4}_\d{2}")


class ScanNetReader(DatasetReader):
    """ScanNet v2, or rooms in its layout.

    A scene's frames are those of ``scannet_frames_25k``, or where they are not there every 100th of
    its recording. The lists in ``<root>/splits`` go before the protocol's.
    """

    label_source = "nyu40"
    no_label = 0
    label_ids = frozenset(range(1, HIGHEST_ID + 1))

    def __init__(self, root: Path, protocol: Protocol) -> None:
        super().__init__(root, protocol)
        # Whoever has no mesh or no frames at all did not want them.
        self._has_meshes = self._holds("scene*/*_vh_clean_2.ply", SCANS_PLACES)
        self._has_frames = self._holds("scene*", FRAMES_PLACES) or self._holds(
            "scene*/*.sens", SCANS_PLACES
        )

    def scenes(self) -> dict[str, str]:
        """Split by scene, in order of the lists."""
        if not any((self.root / name).is_dir() for name in (*FRAMES_PLACES, *SCANS_PLACES)):
            raise DatasetError(
                f"{self.root} holds neither {FRAMES_PLACES[0]} nor {SCANS_PLACES[0]}; give the "
                "folder with these as --root"
            )
        scenes = listed_scenes(self.root)
        return official_scenes(self.protocol.setting("lists")) if scenes is None else scenes

    def prepare_scene(self, scene: str, split: str, out: Path) -> PreparedScene:
        """List frames and mesh; unpack the recording where there are no frames."""
        frames_folder = self._folder(scene, FRAMES_PLACES)
        scan_folder = self._folder(scene, SCANS_PLACES)
        if frames_folder is None and scan_folder is None:
            text = f"{scene} of the split '{split}' is not in {self.root}"
            missing = Defect(
                DefectKind.MISSING_FILE, str(self.root / FRAMES_PLACES[0] / scene), text, scene
            )
            return PreparedScene(defects=[missing])
        sens = scan_folder and scan_folder / f"{scene}.sens"
        if frames_folder is not None:
            frames = list_frames(frames_folder, split)
        elif sens is not None and sens.is_file():
            frames = unpack_frames(sens, split, out)
        else:
            frames = SceneFrames()
            if self._has_frames:
                wanted = self.root / FRAMES_PLACES[0] / scene
                text = f"{scene} has no frames: neither {wanted} nor {sens}"
                frames.defects.append(Defect(DefectKind.MISSING_FILE, str(sens), text, scene))
        prepared = PreparedScene(frames.rows, None, frames.defects)
        self._add_scan(prepared, scene, split, scan_folder)
        return prepared

    def inputs(self, scene: str) -> list[Path]:
        """The folders and files of the frames or the recording, the mesh's, and the label table."""
        frames, scans = self._folder(scene, FRAMES_PLACES), self._folder(scene, SCANS_PLACES)
        found = []
        if frames is not None:
            found += [frames / name for name in (*FRAME_FOLDERS, *INTRINSICS)]
        if scans is not None:
            if frames is None:
                sens = scans / f"{scene}.sens"
                found += [sens, labels_path(sens)]
            found += [mesh_path(scans), *annotation_paths(scans)]
            found += scene_label_table_places(scans)
        return found

    def premises(self, scene: str) -> list[str]:
        """Whether there are meshes and frames at all; where not, their absence is no defect."""
        return [f"meshes {self._has_meshes}", f"frames {self._has_frames}"]

    def stray_defects(self) -> list[Defect]:
        """Folders of scenes that ScanNet does not have, and rows of the label table that differ."""
        known = self.scenes().keys() | official_scenes("v2").keys()
        defects = []
        for name in (*FRAMES_PLACES, *SCANS_PLACES):
            for path in sorted((self.root / name).glob("scene*")):
                if _SCENE.fullmatch(path.name) and path.name not in known:
                    text = f"{path} is in no list of scenes"
                    defects.append(Defect(DefectKind.STRAY_FILE, str(path), text, path.name))
        if self._has_meshes:
            defects += self._label_table_defects()
        if not self._has_frames:
            without = f"neither {FRAMES_PLACES[0]} nor .sens files"
            text = f"{self.root} has no frames, {without}, only points"
            defects.append(Defect(DefectKind.MISSING_FILE, str(self.root), text, dropped=False))
        return defects

    def _add_scan(
        self, prepared: PreparedScene, scene: str, split: str, folder: Path | None
    ) -> None:
        if folder is None or not mesh_path(folder).is_file():
            if self._has_meshes:
                wanted = mesh_path(folder or self.root / SCANS_PLACES[0] / scene)
                text = f"{wanted} is missing; {scene} is used without points"
                defect = Defect(DefectKind.MISSING_FILE, str(wanted), text, scene)
                prepared.defects.append(defect)
            return
        try:
            labelled = read_scan(folder, compare=True)
        except DefectError as error:
            prepared.defects.append(error.defect(scene))
            return
        prepared.defects += labelled.defects
        if not labelled.scan.colors.any():
            mesh = str(mesh_path(folder))
            text = f"the points in {mesh} have no colours, which 3D networks need"
            prepared.defects.append(
                Defect(DefectKind.DAMAGED_FILE, mesh, text, scene, dropped=False)
            )
        if labelled.scan.labels is None and split != "test":
            text = f"the points in {folder} have no labels"
            prepared.defects.append(
                Defect(DefectKind.MISSING_FILE, str(folder), text, scene, dropped=False)
            )
        prepared.scan = ScanRow(scene, split, "scannet", str(folder))

    def _label_table_defects(self) -> list[Defect]:
        try:
            path = find_label_table(label_table_places(self.root))
            table = read_label_table(path)
        except DefectError:
            return []  # said by the scenes that need it
        return [
            Defect(
                DefectKind.UNKNOWN_LABEL,
                str(path),
                f"{path} has {category!r} twice with different NYU-40 ids; the later row "
                f"({table.by_category[category]}) counts, as in ScanNet's own tools",
                dropped=False,
            )
            for category in table.ambiguous
        ]

    def _folder(self, scene: str, parents: tuple[str, ...]) -> Path | None:
        for parent in parents:
            folder = self.root / parent / scene
            if folder.is_dir():
                return folder
        return None

    def _holds(self, pattern: str, parents: tuple[str, ...]) -> bool:
        return any(True for name in parents for _ in (self.root / name).glob(pattern))
