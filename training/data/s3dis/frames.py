# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The perspective images of one room in one folder of 2D-3D-Semantics."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.data.defects import Defect, DefectError, DefectKind
from training.data.frame_checks import decode, read_bytes
from training.data.image_files import write_image
from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow
from training.data.s3dis.places import SUFFIXES, ImageFolder
from training.data.s3dis.poses import read_frame_camera
from training.data.s3dis.room_fit import LEAST_SHARE, places_seen, share_met
from training.data.s3dis.semantic_labels import SemanticLabels, find_semantic_labels
from training.data.scan import Scan

DEPTH_SCALE = 512.0
DEPTH_INVALID = [65535, 0]
"""Of a depth image: missing; and 0, which no surface can have."""
FRAMES_CHECKED = 8


class RoomFrames:
    """Rows and defects of one room's frames in one folder.

    Args:
        root: of the data set.
        folder: of the images.
        scene: name.
        room: as in the files' names.
        split: of the frames.
        out: where label images go.
    """

    def __init__(
        self, root: Path, folder: ImageFolder, scene: str, room: str, split: str, out: Path
    ) -> None:
        self.rows: list[ManifestRow] = []
        self.defects: list[Defect] = []
        self._folder = folder
        self._scene, self._split, self._out = scene, split, out
        self._present = folder.frames(room)
        self.names = sorted(set().union(*self._present.values()))
        self._labels: SemanticLabels | None = None
        # A kind of which the area has none at all is one defect, not one for each frame.
        self._kinds = folder.kinds()
        if self._present["semantic"]:
            self._labels = SemanticLabels.load(find_semantic_labels(root))
            (out / "label").mkdir(exist_ok=True)

    def prepare(self, scan: Scan | None) -> None:
        """List the frames, convert their labels, and see that they fit the room's points."""
        if not self.names:
            return
        for kind in sorted(SUFFIXES.keys() - self._kinds):
            path = self._folder.data / kind
            self._add(DefectKind.MISSING_FILE, path, f"{path} has no files, also for {self._scene}")
        for name in self.names:
            self._prepare_frame(name)
        if scan is not None:
            self._check_fit(scan)

    def _path(self, kind: str, name: str) -> Path:
        return self._folder.data / kind / f"{name}{SUFFIXES[kind]}"

    def _add(self, kind: DefectKind, path: Path, text: str, *, dropped: bool = False) -> None:
        self.defects.append(DefectError(kind, path, text).defect(self._scene, dropped=dropped))

    def _has(self, kind: str, name: str) -> bool:
        """Whether a frame has a file; a defect where it alone lacks it."""
        there = name in self._present[kind]
        if not there and kind in self._kinds:
            path = self._path(kind, name)
            text = f"{path} is missing; its frame is used without it"
            self._add(DefectKind.MISSING_FILE, path, text)
        return there

    def _prepare_frame(self, name: str) -> None:
        image = self._path("rgb", name)
        if name not in self._present["rgb"]:
            text = f"{image} is missing, other files of its frame are there; it is left out"
            self._add(DefectKind.MISSING_FILE, image, text, dropped=True)
            return
        row = ManifestRow(
            str(image),
            None,
            self._scene,
            self._split,
            None,
            name=name,
            depth_scale=DEPTH_SCALE,
            depth_invalid=list(DEPTH_INVALID),
        )
        if self._has("semantic", name):
            try:
                row = replace(row, label=str(self._convert_label(name)))
            except DefectError as error:
                self.defects.append(error.defect(self._scene))
                return
        if self._has("depth", name):
            row = replace(row, depth=str(self._path("depth", name)))
        if self._has("pose", name):
            path = self._path("pose", name)
            camera = read_frame_camera(path, png_size(image), area_5b=self._folder.area_5b)
            self.defects += [p.defect(self._scene, dropped=False) for p in camera.problems]
            row = replace(
                row,
                pose=None if camera.pose is None else camera.pose.ravel().tolist(),
                intrinsics=None if camera.intrinsics is None else camera.intrinsics.row(),
            )
        self.rows.append(row)

    def _convert_label(self, name: str) -> Path:
        path = self._path("semantic", name)
        image = decode(read_bytes(path), path)
        if image.ndim != 3 or image.shape[2] not in (3, 4) or image.dtype != np.uint8:
            raise DefectError(
                DefectKind.UNREADABLE_IMAGE,
                path,
                f"{path} is no colour image of 8 bits, as semantic images are",
            )
        assert self._labels is not None
        labels, unknown = self._labels.decode(image[..., 2::-1])
        if unknown:
            self._add(
                DefectKind.UNKNOWN_LABEL,
                path,
                f"{path} has {unknown} pixels whose index or class semantic_labels.json does not "
                "know; they are used without label",
            )
        return write_image(self._out / "label" / f"{name}.png", labels)

    def _check_fit(self, scan: Scan) -> None:
        """Take the poses away if depth does not meet the points."""
        complete = [
            row for row in self.rows if row.pose and row.intrinsics and row.depth is not None
        ]
        step = max(1, len(complete) // FRAMES_CHECKED)
        seen = [places for row in complete[::step] if len(places := _places(row))]
        share = share_met(scan.points, seen)
        if share is None or share >= LEAST_SHARE:
            return
        self.rows = [replace(row, pose=None) for row in self.rows]
        self._add(
            DefectKind.LOST_POSE,
            self._folder.data,
            f"only {100 * share:.0f} % of what depth images of {self._scene} in "
            f"{self._folder.data} show lies at the room's points; {len(self.rows)} frames are used "
            "without pose (clouds of the aligned version do not fit the images)",
        )


def _places(row: ManifestRow) -> np.ndarray:
    """What a frame's depth shows, (M, 3); nothing where depth can't be read or does not fit."""
    assert row.pose and row.intrinsics and row.depth
    path = Path(row.depth)
    intrinsics = Intrinsics.from_row(row.intrinsics)
    try:
        stored = decode(read_bytes(path), path)
    except DefectError:  # which `prepare` finds too, and lists
        return np.empty((0, 3))
    if stored.shape != (intrinsics.height, intrinsics.width):
        return np.empty((0, 3))
    depth = np.where(np.isin(stored, DEPTH_INVALID), 0, stored) / DEPTH_SCALE
    return places_seen(depth, intrinsics, np.array(row.pose).reshape(4, 4))


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG file by its header; None if it is none."""
    try:
        with path.open("rb") as file:
            header = file.read(24)
    except OSError:
        return None
    if len(header) < 24 or header[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    width, height = struct.unpack(">II", header[16:24])
    return int(width), int(height)
