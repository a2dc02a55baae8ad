# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of a folder as scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from seg3d2d_ros.atomic_file import write_file
from training.data.dataset_reader import DatasetReader, PreparedScene
from training.data.defects import Defect, DefectError, DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow, ScanRow
from training.data.rgbd.calibration import Calibration
from training.data.rgbd.camera_file import (
    CAMERA_FILE,
    camera_file_text,
    camera_files,
    find_camera_file,
    with_camera_file,
)
from training.data.rgbd.layouts import LAYOUTS, layout_of, recordings_below
from training.data.rgbd.recording import Found, RecordedFrame, RecordingLayout
from training.data.scan import write_ply

SCAN = "scan.ply"
SPLITS = "splits"


class RgbdReader(DatasetReader):
    """RGB-D recordings: the root is one, or holds some, each of which is a scene.

    All scenes are for training, unless the root holds ``splits/<split>.txt`` with a scene a line.
    """

    label_source: ClassVar[str] = "nyu40"
    no_label: ClassVar[int] = 0
    label_ids: ClassVar[frozenset[int]] = frozenset(range(1, 41))

    @cached_property
    def _folders(self) -> dict[str, Path]:
        """Recordings by scene."""
        root = self.root.resolve()
        folders: dict[str, Path] = {}
        for folder in recordings_below(root):
            scene = "_".join(folder.relative_to(root).parts) or root.name
            if scene in folders:
                raise DatasetError(
                    f"{folders[scene]} and {folder} would both be the scene '{scene}'; rename one"
                )
            folders[scene] = folder
        return folders

    def scenes(self) -> dict[str, str]:
        """Split by scene.

        Raises:
            DatasetError: if the root holds no recording, or two would have one name.
        """
        if not self._folders:
            names = ", ".join(layout.name for layout in LAYOUTS)
            raise DatasetError(
                f"{self.root} holds no RGB-D recording; known layouts are those of {names} "
                "(docs/datasets/rgbd.md)"
            )
        return self._listed() or dict.fromkeys(self._folders, "train")

    def _listed(self) -> dict[str, str]:
        listed: dict[str, str] = {}
        for file in sorted((self.root / SPLITS).glob("*.txt")):
            try:
                names = file.read_text(encoding="utf-8").split()
            except (OSError, UnicodeDecodeError) as error:
                raise DatasetError(f"{file} can't be read ({error})") from error
            for name in names:
                if listed.setdefault(name, file.stem) != file.stem:
                    raise DatasetError(
                        f"the scene '{name}' is in the splits {listed[name]} and {file.stem}"
                    )
        return listed

    def stray_defects(self) -> list[Defect]:
        """Recordings that no list of a split names."""
        listed = self._listed()
        return [
            DefectError(
                DefectKind.STRAY_FILE,
                folder,
                f"{folder} is the scene '{scene}', which no list in {self.root / SPLITS} names; "
                "it is left out",
            ).defect(scene)
            for scene, folder in self._folders.items()
            if listed and scene not in listed
        ]

    def prepare_scene(self, scene: str, split: str, out: Path) -> PreparedScene:
        """List a recording's frames, and reconstruct its mesh where there are depth and poses."""
        folder = self._folders.get(scene)
        layout = layout_of(folder) if folder is not None else None
        if folder is None or layout is None:
            missing = DefectError(
                DefectKind.MISSING_FILE,
                self.root / scene,
                f"a list in {self.root / SPLITS} names the scene '{scene}', but {self.root} has "
                "no such recording",
            )
            return PreparedScene(defects=[missing.defect(scene)])
        found = layout.find(folder)
        if not found.frames and not found.defects:
            empty = f"{folder} holds no frames"
            found.note(DefectError(DefectKind.MISSING_FILE, folder, empty), dropped=True)
        calibration = _calibration(folder, layout, found)
        rows = [_row(frame, calibration, scene, split) for frame in found.frames]
        out.mkdir(parents=True, exist_ok=True)
        # What was assumed can be read, corrected and put beside the recording.
        write_file(out / CAMERA_FILE, camera_file_text(calibration).encode())
        scan = _scan(rows, scene, split, out, found)
        defects = [replace(defect, scene=scene) for defect in found.defects]
        return PreparedScene(rows, scan, defects)

    def inputs(self, scene: str) -> list[Path]:
        """What the layout looks at, and `camera.yaml`."""
        folder = self._folders.get(scene)
        layout = layout_of(folder) if folder is not None else None
        if folder is None or layout is None:
            return []
        return [*layout.inputs(folder), *camera_files(folder)]


def _calibration(folder: Path, layout: RecordingLayout, found: Found) -> Calibration:
    own = find_camera_file(folder)
    unknown: DefectError | None = None
    try:
        calibration = layout.calibration(folder, found.frames)
    except DefectError as error:
        unknown = error
        calibration = Calibration("nobody says what the cameras are")
    if own is not None:
        try:
            calibration = with_camera_file(calibration, own)
        except DefectError as error:
            # A guess instead of what somebody wanted to say would be wrong unnoticed.
            found.note(error)
            return Calibration(f"{own} is malformed")
    if unknown is not None and calibration.color is None:
        found.note(unknown)
    return calibration


def _row(frame: RecordedFrame, calibration: Calibration, scene: str, split: str) -> ManifestRow:
    pose = None if frame.pose is None else calibration.color_pose(frame.pose)
    shift = calibration.depth_to_color
    return ManifestRow(
        image=str(frame.color),
        label=None if frame.label is None else str(frame.label),
        scene=scene,
        split=split,
        sha256=None,
        name=frame.name,
        depth=None if frame.depth is None else str(frame.depth),
        depth_scale=calibration.depth_scale,
        depth_invalid=list(calibration.depth_invalid),
        pose=None if pose is None else pose.ravel().tolist(),
        intrinsics=None if calibration.color is None else calibration.color.row(),
        depth_intrinsics=None if calibration.depth is None else calibration.depth.row(),
        depth_to_color=None if shift is None else np.asarray(shift).ravel().tolist(),
    )


def _scan(
    rows: Sequence[ManifestRow], scene: str, split: str, out: Path, found: Found
) -> ScanRow | None:
    # Open3D takes a second to load, which readers of the labels alone need not wait for.
    from training.data.reconstruction import can_be_fused, reconstruct
    from training.data.tsdf_fusion import FusionError

    if not any(map(can_be_fused, rows)):
        return None
    try:
        scan = reconstruct(rows, out)
    except FusionError as error:
        found.note(
            DefectError(
                DefectKind.DAMAGED_FILE,
                scene,
                f"the scene '{scene}' can't be reconstructed: {error}",
            ),
            dropped=True,
        )
        return None
    write_ply(out / SCAN, scan)
    return ScanRow(scene, split, "ply", str(out / SCAN))
