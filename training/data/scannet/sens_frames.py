# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a ScanNet recording, unpacked as `scannet_frames_25k` has them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file
from training.data.defects import Defect, DefectError, DefectKind
from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow
from training.data.scannet.cameras import camera
from training.data.scannet.frames_25k import SceneFrames
from training.data.scannet.label_table import find_label_table, read_label_table
from training.data.scannet.projected_labels import ProjectedLabels
from training.data.scannet.sens import ColorCompression, SensFile, SensFrame, SensHeader

EVERY = 100
"""Which frames are taken: every 100th from the first on, as in ScanNet's own selection."""


def labels_path(path: Path) -> Path:
    """The archive of a recording's label images, beside its ``.sens`` file."""
    return path.with_name(f"{path.stem}_2d-label-filt.zip")


def unpack_frames(path: Path, split: str, out: Path, *, every: int = EVERY) -> SceneFrames:
    """Unpack every n-th frame of a recording and list them.

    Colour images are written as they are stored, depth images as 16-bit PNG. Labels are those of
    ``<scene>_2d-label-filt.zip`` beside the recording; without it frames have none, which is a
    defect unless the split is ``test``.

    Args:
        path: of the ``.sens`` file, named after the scene.
        split: of the scene.
        out: folder to write to.
        every: n.

    Raises:
        OSError: if something can't be written.
    """
    frames = SceneFrames()
    with contextlib.ExitStack() as stack:
        try:
            sens = stack.enter_context(SensFile(path))
        except DefectError as error:
            frames.defects.append(error.defect(path.stem))
            return frames
        labels = _labels(path, split, stack, frames.defects)
        unpacking = _Unpacking(sens, split, out, labels, frames)
        try:
            for frame in sens.frames(every):
                unpacking.add(frame)
        except DefectError as error:  # of the rest of the file
            frames.defects.append(error.defect(path.stem))
    return frames


def _labels(
    path: Path, split: str, stack: contextlib.ExitStack, defects: list[Defect]
) -> ProjectedLabels | None:
    archive = labels_path(path)
    if not archive.is_file():
        if split != "test":
            text = f"{archive} is missing; the frames of {path} are listed without labels"
            defects.append(
                Defect(DefectKind.MISSING_FILE, str(archive), text, path.stem, dropped=False)
            )
        return None
    try:
        table = read_label_table(find_label_table(path.parents[2]))
        return stack.enter_context(ProjectedLabels(archive, table))
    except DefectError as error:
        defects.append(error.defect(path.stem, dropped=False))
        return None


class _Unpacking:
    """Writes the frames of one recording."""

    def __init__(
        self,
        sens: SensFile,
        split: str,
        out: Path,
        labels: ProjectedLabels | None,
        frames: SceneFrames,
    ) -> None:
        self._sens = sens
        self._scene = sens.path.stem
        self._split = split
        self._out = out
        self._labels = labels
        self._frames = frames
        header = sens.header
        self._color = self._camera(header.color_matrix, header.color_size)
        self._depth = self._camera(header.depth_matrix, header.depth_size)
        self._color_to_base, self._depth_to_color = self._extrinsics(header)
        for name in ("color", "depth", "label"):
            (out / name).mkdir(parents=True, exist_ok=True)

    def add(self, frame: SensFrame) -> None:
        """Write one frame's files and list it."""
        name = f"{frame.number:06d}"
        try:
            image = self._write_color(frame, self._out / "color" / name)
            label = None
            if self._labels is not None:
                label = self._out / "label" / f"{name}.png"
                write_file(label, self._labels.png(frame.number))
        except DefectError as error:
            self._frames.defects.append(error.defect(self._scene))
            return
        depth = None
        if self._depth is not None:
            try:
                content = cv2.imencode(".png", self._sens.depth_image(frame))[1].tobytes()
                depth = self._out / "depth" / f"{name}.png"
                write_file(depth, content)
            except DefectError as error:
                self._frames.defects.append(error.defect(self._scene, dropped=False))
        pose = frame.pose
        if self._color_to_base is not None:
            with np.errstate(invalid="ignore"):  # lost ones are infinite
                pose = pose @ self._color_to_base
        to_color = self._depth_to_color
        self._frames.rows.append(
            ManifestRow(
                image=str(image),
                label=None if label is None else str(label),
                scene=self._scene,
                split=self._split,
                sha256=None,
                depth=None if depth is None else str(depth),
                depth_scale=self._sens.header.depth_scale,
                pose=pose.ravel().tolist(),
                intrinsics=self._color.row() if self._color else None,
                depth_intrinsics=self._depth.row() if self._depth else None,
                depth_to_color=None if to_color is None else to_color.ravel().tolist(),
            )
        )

    def _write_color(self, frame: SensFrame, stem: Path) -> Path:
        header = self._sens.header
        if header.color_compression is not ColorCompression.RAW:
            suffix = ".jpg" if header.color_compression is ColorCompression.JPEG else ".png"
            write_file(stem.with_suffix(suffix), frame.color)
            return stem.with_suffix(suffix)
        width, height = header.color_size
        if len(frame.color) != 3 * width * height:
            raise DefectError(
                DefectKind.UNREADABLE_IMAGE,
                self._sens.path,
                f"the colour image of frame {frame.number} of {self._sens.path} is not "
                f"{width}x{height} pixels of 3 bytes",
            )
        image = np.frombuffer(frame.color, np.uint8).reshape(height, width, 3)[..., ::-1]
        write_file(stem.with_suffix(".png"), cv2.imencode(".png", image)[1].tobytes())
        return stem.with_suffix(".png")

    def _camera(self, matrix: npt.NDArray[np.float64], size: tuple[int, int]) -> Intrinsics | None:
        try:
            return camera(matrix, size, self._sens.path)
        except DefectError as error:
            self._frames.defects.append(error.defect(self._scene, dropped=False))
            return None

    def _extrinsics(
        self, header: SensHeader
    ) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.float64] | None]:
        """Colour camera to the base frame, that of the poses, and depth camera to colour camera.

        Each is None where it is the identity, as in ScanNet's recordings.
        """
        for matrix in (header.color_extrinsics, header.depth_extrinsics):
            rotation = matrix[:3, :3]
            proper = (
                np.isfinite(matrix).all()
                and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2)
                and np.linalg.det(rotation) > 0
                and np.allclose(matrix[3], (0, 0, 0, 1))
            )
            if not proper:
                text = (
                    f"{self._sens.path} has extrinsics that are no rotation; its cameras are taken "
                    "to stand at one place"
                )
                path = str(self._sens.path)
                self._frames.defects.append(
                    Defect(DefectKind.DAMAGED_FILE, path, text, self._scene, dropped=False)
                )
                return None, None
        to_base = header.color_extrinsics
        to_color = np.linalg.inv(to_base) @ header.depth_extrinsics
        return _unless_identity(to_base), _unless_identity(to_color)


def _unless_identity(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    return None if np.allclose(matrix, np.eye(4), atol=1e-6) else matrix
